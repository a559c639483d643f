/* How much the tests do, and how patient their timings are.
 *
 * WEIR_STRESS_SCALE divides the number of rounds of everything that is repeated to provoke a race.
 * A sanitizer slows every access down tenfold and more, but it sees a race in one round in which
 * it happens, so fewer rounds are enough. The build may set the divisor. */
#ifndef WEIR_TESTS_SUPPORT_SCALE_H
#define WEIR_TESTS_SUPPORT_SCALE_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#ifndef WEIR_STRESS_SCALE
#define WEIR_STRESS_SCALE (SANITIZED ? 20 : 1)
#endif

/* Rounds of a repeated test. */
#define ROUNDS(n) ((n) / WEIR_STRESS_SCALE > 0 ? (n) / WEIR_STRESS_SCALE : 1)

/* A promised time, with room for a sanitizer. */
#define PROMPT_NS(ns) ((int64_t)(ns) * (SANITIZED ? 10 : 1))

#endif
