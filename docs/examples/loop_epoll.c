/* loop_epoll: an executor in an event loop of one's own.
 *
 * The loop waits for two things: requests, which come through a pipe, and the executor, for tasks that
 * have ended. Work is done on two threads; requests are read and answered in the loop's thread alone,
 * so what belongs to the loop needs no lock. */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "weir/weir.h"

enum { REQUESTS = 8 };

/* The loop's own: touched by no other thread. */
struct loop {
    int epoll, requests; /* descriptors; requests is -1 once there are no more */
    weir_executor *executor;
    pthread_t thread;
    size_t under_way, strayed;
    uint32_t answer[REQUESTS]; /* primes below (number + 1) * 1000 */
};

struct request {
    struct loop *loop;
    uint32_t number;
};

static struct request requests[REQUESTS];

static weir_status count_primes(weir_task *task, void *arg)
{
    uint32_t below = *(uint32_t *)arg, count = 0;
    for (uint32_t n = 2; n < below; n++) {
        uint32_t d = 2;
        while (d * d <= n && n % d != 0)
            d++;
        count += d * d > n;
    }
    return weir_task_return(task, &count, sizeof count);
}

/* Called by weir_executor_dispatch(), in the loop. */
static void answer(weir_future *future, void *data)
{
    struct request *request = data;
    struct loop *loop = request->loop;
    const uint32_t *primes = weir_future_value(future, NULL);

    loop->strayed += !pthread_equal(pthread_self(), loop->thread);
    loop->answer[request->number] = primes ? *primes : 0;
    loop->under_way--;
    weir_future_unref(future);
}

static void watch(struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        exit(EXIT_FAILURE);
}

/* The pipe is readable: take one request. */
static void serve(struct loop *loop)
{
    uint32_t number, below;
    weir_future *future;

    if (read(loop->requests, &number, sizeof number) != sizeof number) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->requests, NULL);
        close(loop->requests);
        loop->requests = -1;
        return;
    }
    below = (number + 1) * 1000;
    requests[number] = (struct request){.loop = loop, .number = number};
    if (weir_submit(loop->executor, count_primes, &below, sizeof below, &future) != WEIR_OK)
        exit(EXIT_FAILURE);
    loop->under_way++;
    weir_future_on_done(future, answer, &requests[number]);
}

static void run(struct loop *loop)
{
    struct epoll_event event;

    while (loop->requests >= 0 || loop->under_way > 0) {
        if (epoll_wait(loop->epoll, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == loop->requests)
            serve(loop);
        else
            weir_executor_dispatch(loop->executor, 0, NULL);
    }
}

int main(void)
{
    struct loop loop = {.epoll = epoll_create1(EPOLL_CLOEXEC), .thread = pthread_self()};
    weir_thread_options options = {.workers = 2, .dispatch = true};
    int ends[2];

    if (loop.epoll < 0 || pipe(ends) != 0 ||
        weir_thread_executor_create(&loop.executor, &options) != WEIR_OK)
        return EXIT_FAILURE;
    for (uint32_t i = 0; i < REQUESTS; i++)
        if (write(ends[1], &i, sizeof i) != sizeof i)
            return EXIT_FAILURE;
    close(ends[1]);

    loop.requests = ends[0];
    watch(&loop, loop.requests);
    watch(&loop, weir_executor_fd(loop.executor));
    run(&loop);

    for (uint32_t i = 0; i < REQUESTS; i++)
        printf("%" PRIu32 " primes below %" PRIu32 "\n", loop.answer[i], (i + 1) * 1000);
    printf("%zu callbacks outside of the loop's thread\n", loop.strayed);

    close(loop.epoll); /* before the executor, and with it its descriptor, is gone */
    weir_executor_destroy(loop.executor);
    return EXIT_SUCCESS;
}
