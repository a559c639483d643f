/* An executor that dispatches, as the loop of its host sees it. */
#ifndef WEIR_TESTS_SUPPORT_DISPATCH_H
#define WEIR_TESTS_SUPPORT_DISPATCH_H

#include "support/check.h"

/* Whether its descriptor is. */
bool readable(weir_executor *executor);
/* Run the callbacks of at most so many tasks; asserts that it can. Returns how many there were. */
size_t dispatch(weir_executor *executor, size_t most);
/* A task that has ended, with nobody told of it yet. */
weir_future *ended_task(weir_executor *executor);

#endif
