/** @file
 *  A vector in shared memory that tasks append to, in whatever process they run.
 *
 *  It collects what tasks find: worker processes append, the host reads. Elements have one size, and
 *  there is room for so many; both are fixed at creation. Elements are never changed or taken out.
 *
 *  Create it before the executor: worker processes then have it at the same address, so that a task
 *  gets at it by the pointer itself, as its argument without a size or as a part of one that is
 *  copied. A task given a vector that was created after its executor crashes. In threads of one
 *  process it works as well.
 *
 *  An element is in one of three states, and goes through them in this order:
 *
 *      not there   nobody has begun to append it          read: WEIR_EPENDING
 *      reserved    somebody has its index, and copies     read: WEIR_EPENDING
 *      published   it is complete, and stays as it is     read: WEIR_OK
 *
 *  If an appender dies while it copies, whatever it dies of, its element stays reserved for ever: it
 *  is lost, and no other. A reader cannot tell an element that is lost from one that is on its way as
 *  long as somebody may be appending; it can when nobody is any more: when all tasks that append have
 *  ended (a future does not end WEIR_ECRASHED, WEIR_EOVERRUN or by force before the process is gone),
 *  or when their executor is destroyed. Then what is missing is lost.
 *
 *  A task with weir_submission.retries that dies after it has appended appends again when it is run
 *  again. */
#ifndef WEIR_SHARED_VECTOR_H
#define WEIR_SHARED_VECTOR_H

#include <stddef.h>

#include "weir/export.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** A shared vector. Opaque. */
typedef struct weir_shared_vector weir_shared_vector;

/** Create a vector that is empty.
 *
 *  Address space is reserved for all of it: for each element its size and 8 bytes, rounded up to a
 *  multiple of 8. Memory is taken as elements are appended and given back when the vector is
 *  destroyed and the executors created after it are, too; no file system has a trace of it. The
 *  reserved addresses count against weir_process_limits.address_bytes.
 *
 *  @param out            receives it; to be given to weir_shared_vector_destroy(). Untouched on
 *                        failure.
 *  @param element_bytes  of each element, at least 1.
 *  @param capacity       the most elements, at least 1.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, a zero, or more bytes than there are addresses |
 *          WEIR_ENOMEM: no memory, or not so much address space
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_shared_vector_create(weir_shared_vector **out, size_t element_bytes,
                                               size_t capacity);

/** Destroy a vector. Worker processes keep what they have of it until they end. NULL is allowed; in
 *  a process forked since the creation, as workers are, it does nothing.
 *
 *  No other call on the vector may be under way in this process, or come later.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API void weir_shared_vector_destroy(weir_shared_vector *vector);

/** Append an element: a copy of the caller's.
 *
 *  It takes no lock, waits for nobody and allocates nothing, whatever other appenders do or died of.
 *
 *  @param vector   from any thread, of any process that has it.
 *  @param element  copied; borrowed for the call.
 *  @param size     bytes of the element: the vector's element size, and no other.
 *  @param index    receives its index; may be NULL. Untouched but for WEIR_OK.
 *  @return WEIR_OK: it is published | WEIR_ETOOBIG: the vector is full; nothing has changed |
 *          WEIR_EINVAL: NULL, or another size
 *  @threads any, several at once. @blocks never.
 *  @order indices are given in the order in which calls reserve them: of two calls of which one
 *  returned before the other began, the earlier has the lower index. @since 0.1 */
WEIR_API weir_status weir_shared_vector_append(weir_shared_vector *vector, const void *element,
                                               size_t size, size_t *index);

/** Read an element.
 *
 *  @param vector  the vector.
 *  @param index   below its capacity.
 *  @param out     receives a copy of the element. Untouched but for WEIR_OK.
 *  @param size    bytes of @p out: the vector's element size, and no other.
 *  @return WEIR_OK | WEIR_EPENDING: it is not published: not yet, or it is lost |
 *          WEIR_EINVAL: NULL, another size, or an index that the vector does not have
 *  @threads any, several at once, beside appenders. @blocks never.
 *  @order what the appender did before it appended is visible to who reads the element. @since 0.1 */
WEIR_API weir_status weir_shared_vector_read(const weir_shared_vector *vector, size_t index,
                                             void *out, size_t size);

/** How many elements are reserved or published: their indices are those below. At most the capacity,
 *  then the vector is full. It never goes down. 0 for NULL. What calls that have returned appended is
 *  counted.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API size_t weir_shared_vector_count(const weir_shared_vector *vector);

/** How many of these are not published: on their way, or lost. It looks at each. 0 for NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API size_t weir_shared_vector_missing(const weir_shared_vector *vector);

WEIR_END_DECLS

#endif
