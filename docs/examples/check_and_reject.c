/* check_and_reject: twenty submissions to eight workers with a backlog limit of two.
 *
 * Every task waits at a gate until all have been submitted, so that eight run, two wait, and the
 * other ten are refused: once by the policy that comes with the library, once by a function. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

enum { WORKERS = 8, LIMIT = 2, SUBMISSIONS = 20 };

static weir_status pass_gate(weir_task *task, void *arg)
{
    (void)task;
    sem_wait(arg);
    return WEIR_OK;
}

/* Sees what the executor has to do and says what is to become of the submission. */
static weir_verdict check_backlog(const weir_admission *admission, void *data)
{
    int *asked = data;

    ++*asked;
    return admission->backlog >= LIMIT ? WEIR_REJECT : WEIR_ADMIT;
}

static int burst(const char *title, weir_policy policy)
{
    weir_executor *executor;
    weir_stats stats;
    sem_t gate;

    sem_init(&gate, 0, 0);
    weir_status status = weir_thread_executor_create(&executor, &(weir_thread_options){
        .workers = WORKERS, .limit = LIMIT, .policy = policy});
    if (status != WEIR_OK)
        return EXIT_FAILURE;

    printf("%s\n", title);
    for (int i = 1; i <= SUBMISSIONS; i++) {
        status = weir_submit(executor, pass_gate, &gate, 0, NULL);
        printf("%2d %s%s", i, weir_status_name(status), i % 5 == 0 ? "\n" : ", ");
    }
    weir_executor_stats(executor, &stats);
    printf("running %d, backlog %d, rejected %d\n", (int)stats.running, (int)stats.backlog,
           (int)stats.rejected);

    for (int i = 0; i < SUBMISSIONS; i++)
        sem_post(&gate);
    weir_executor_shutdown(executor, NULL);
    weir_executor_stats(executor, &stats);
    printf("completed %d\n", (int)stats.completed);

    weir_executor_destroy(executor);
    sem_destroy(&gate);
    return EXIT_SUCCESS;
}

int main(void)
{
    int asked = 0;

    if (burst("weir_reject_when_reached(2):", weir_reject_when_reached(LIMIT)) != EXIT_SUCCESS ||
        burst("weir_check_and_reject(check_backlog):",
              weir_check_and_reject(check_backlog, &asked)) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    printf("check_backlog was asked %d times\n", asked);
    return EXIT_SUCCESS;
}
