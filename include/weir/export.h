/** @file
 *  Attributes of the public interface. */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

/** A function of the library. WEIR_STATIC is defined for users of the static one. */
#if defined(WEIR_STATIC)
#define WEIR_API
#else
#define WEIR_API __attribute__((visibility("default")))
#endif

/** The arguments are checked as those of printf. */
#define WEIR_PRINTF(text, first) __attribute__((format(printf, text, first)))

/** @def WEIR_BEGIN_DECLS
 *  C declarations follow, also for C++. */
/** @def WEIR_END_DECLS
 *  Ends what WEIR_BEGIN_DECLS begins. */
#ifdef __cplusplus
#define WEIR_BEGIN_DECLS extern "C" {
#define WEIR_END_DECLS }
#else
#define WEIR_BEGIN_DECLS
#define WEIR_END_DECLS
#endif

#endif
