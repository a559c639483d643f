/* Memory that tasks and the test both see, wherever the tasks run: mapped shared, so that a worker
 * process forked from here later finds it at the same address. Take it before the executor is
 * created. Zeroed. */
#ifndef WEIR_TESTS_SUPPORT_SHARED_H
#define WEIR_TESTS_SUPPORT_SHARED_H

#include <stddef.h>

void *shared_alloc(size_t bytes);
void shared_free(void *memory, size_t bytes);

#endif
