/* Threads of the test: a crew of n that start together. */
#ifndef WEIR_TESTS_SUPPORT_CREW_H
#define WEIR_TESTS_SUPPORT_CREW_H

#include <stddef.h>

/* What each does. It must not assert. */
typedef void crew_fn(void *shared, size_t index);

struct crew;

/* Start n threads; none calls fn before all are there. */
struct crew *crew_start(size_t n, crew_fn *fn, void *shared);
/* Wait for all of them. */
void crew_join(struct crew *crew);
/* Both. */
void crew_run(size_t n, crew_fn *fn, void *shared);

#endif
