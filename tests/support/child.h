/* Running something in a forked child. */
#ifndef WEIR_TESTS_SUPPORT_CHILD_H
#define WEIR_TESTS_SUPPORT_CHILD_H

/* Fork, call fn in the child, and leave it at once, without any exit handler, with what fn returned:
 * 0 for success, else a number of the test's choice that says what went wrong. Returns that number,
 * or minus the signal that ended the child (SIGKILL: the watchdog's). fn must not assert. */
int run_in_child(int (*fn)(void *data), void *data);

#endif
