#include "digest/task.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { READ_BYTES = 32 * 1024 };

/* Feeds the whole file to the context. Between two reads it looks whether it should stop, which is
 * how a task of any length can be ended early. */
static weir_status hash_file(weir_task *task, int fd, EVP_MD_CTX *context)
{
    unsigned char buffer[READ_BYTES];

    while (!weir_task_cancel_requested(task)) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0)
            return WEIR_OK;
        if (n < 0 && errno != EINTR)
            return weir_task_fail(task, errno, "cannot read");
        if (n > 0 && EVP_DigestUpdate(context, buffer, (size_t)n) != 1)
            return weir_task_fail(task, ENOTSUP, "cannot compute SHA-256");
    }
    return weir_task_fail(task, ECANCELED, "stopped");
}

static weir_status hash_and_return(weir_task *task, int fd)
{
    unsigned char digest[DIGEST_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    weir_status status;

    if (context == NULL)
        return weir_task_fail(task, ENOMEM, "cannot start SHA-256");
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        status = weir_task_fail(task, ENOTSUP, "cannot start SHA-256");
    else
        status = hash_file(task, fd, context);
    if (status == WEIR_OK && EVP_DigestFinal_ex(context, digest, NULL) != 1)
        status = weir_task_fail(task, ENOTSUP, "cannot finish SHA-256");
    if (status == WEIR_OK)
        status = weir_task_return(task, digest, sizeof digest);
    EVP_MD_CTX_free(context);
    return status;
}

weir_status digest_file(weir_task *task, void *arg)
{
    const char *path = arg;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return weir_task_fail(task, errno, "cannot open");

    weir_status status = hash_and_return(task, fd);
    close(fd);
    return status;
}
