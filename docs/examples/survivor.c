/* survivor: a parser that cannot be trusted, run over many inputs, and what became of each kind.
 *
 *     survivor [--without-memory-limit]
 *
 * The parser has three mistakes: it believes a number that it uses as an index, it can step on the
 * spot for ever, and it keeps memory without end. In a thread each of them would be the end of the
 * program. Here it runs in worker processes with limits, so each costs the input that it happened
 * at, and the table says what it was.
 *
 * A crash is tried once more, since it may have been the worker's bad luck: somebody killed it, or
 * the system was short of memory. That helps the unlucky ones, and none of the others. How often each
 * input was started is in a shared vector, where tasks write it before they do anything.
 *
 * Without the limit on memory, the inputs that need it are left out (for sanitizers, which reserve
 * more addresses than any limit). */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/weir.h"

/* The parser. It counts the words of a text, in which
 *
 *     #N   stands for the word number N of a list
 *     >N   goes on N characters further
 *     *N   notes the rest of the text, N times */

enum { NOTE_BYTES = 1024 * 1024 };

/* Made before the executor, so the workers have it, too. */
static const char **list;

static bool make_list(void)
{
    list = calloc(2, sizeof *list);
    if (list == NULL)
        return false;
    list[0] = "river";
    list[1] = "lake";
    return true;
}

static void note(const char *text)
{
    char *copy = malloc(NOTE_BYTES);
    if (copy == NULL)
        abort(); /* the usual answer */
    snprintf(copy, NOTE_BYTES, "%s", text);
    /* ... and nobody keeps the pointer: the third mistake */
}

static unsigned long parse_words(const char *text)
{
    unsigned long words = 0;
    while (*text != '\0') {
        char *end = NULL;
        unsigned long number = strtoul(text + 1, &end, 10);
        switch (*text) {
        case '#':
            words += list[number][0] != '\0'; /* the first: any number will do */
            text = end;
            break;
        case '>':
            text += number; /* the second: 0 will do */
            break;
        case '*':
            for (unsigned long i = 0; i < number; i++)
                note(end);
            text = end;
            break;
        default:
            words += text[0] != ' ' && (text[1] == ' ' || text[1] == '\0');
            text++;
        }
    }
    return words;
}

/* The inputs, by kind. */

enum kind { PLAIN, BAD_INDEX, STANDSTILL, BOMB, UNLUCKY, KINDS };

static const struct {
    const char *name, *text;
    int of_a_hundred;
    bool needs_memory_limit;
} kinds[KINDS] = {
    [PLAIN] = {"plain", "*2 a weir holds a #0 back", 86, false},
    [BAD_INDEX] = {"bad index", "a weir holds a #1000000000 back", 4, false},
    [STANDSTILL] = {"standstill", "a weir >0holds a river back", 2, false},
    [BOMB] = {"bomb", "*1000000000 a weir holds a river back", 4, true},
    [UNLUCKY] = {"unlucky", "a weir holds a #0 back", 4, false},
};

enum { INPUTS = 100, WORDS = 6, TEXT_BYTES = 48 };

struct input {
    weir_shared_vector *starts; /* of all inputs: their numbers */
    int number;
    enum kind kind;
    char text[TEXT_BYTES];
};

static int starts_of(const weir_shared_vector *starts, int number)
{
    int count = 0, entry;
    for (size_t i = 0; i < weir_shared_vector_count(starts); i++)
        if (weir_shared_vector_read(starts, i, &entry, sizeof entry) == WEIR_OK)
            count += entry == number;
    return count;
}

static weir_status parse(weir_task *task, void *arg)
{
    const struct input *input = arg;

    weir_status status =
        weir_shared_vector_append(input->starts, &input->number, sizeof input->number, NULL);
    if (status != WEIR_OK)
        return weir_task_fail(task, (int)status, "cannot say that it started");
    if (input->kind == UNLUCKY && starts_of(input->starts, input->number) == 1)
        raise(SIGKILL); /* as it comes from elsewhere */
    unsigned long words = parse_words(input->text);
    return weir_task_return(task, &words, sizeof words);
}

/* The host. */

struct row {
    int inputs, starts, parsed, crashed, overrun, other;
    int signal; /* of the last death that the system told of */
};

static weir_status submit_input(weir_executor *executor, weir_shared_vector *starts, int number,
                                enum kind kind, weir_future **out)
{
    struct input input = {.starts = starts, .number = number, .kind = kind};
    snprintf(input.text, sizeof input.text, "%s", kinds[kind].text);
    return weir_submit_with(executor, &(weir_submission){
        .fn = parse,
        .arg = &input,
        .arg_size = sizeof input,
        .retries = 1, /* for a crash; what overruns is not run again */
        .run_within_ns = 3 * WEIR_SECOND, /* in which others parse thousands */
    }, out);
}

static void count_outcome(struct row *row, weir_future *future)
{
    unsigned long words = 0;
    weir_crash_info crash;
    weir_status status = weir_future_result(future, &words, sizeof words, WEIR_FOREVER);

    row->inputs++;
    row->parsed += status == WEIR_OK && words == WORDS;
    row->crashed += status == WEIR_ECRASHED;
    row->overrun += status == WEIR_EOVERRUN;
    row->other += status != WEIR_ECRASHED && status != WEIR_EOVERRUN &&
                  (status != WEIR_OK || words != WORDS);
    if (weir_future_crash(future, &crash) == WEIR_OK)
        row->signal = crash.signal;
}

static void print_table(const struct row rows[KINDS])
{
    printf("%-10s  inputs  starts  parsed  crashed  overrun  other  ended by\n", "kind");
    for (int kind = 0; kind < KINDS; kind++) {
        const struct row *row = &rows[kind];
        if (row->inputs == 0)
            printf("%-10s  left out: there is no limit on memory\n", kinds[kind].name);
        else
            printf("%-10s %7d %7d %7d %8d %8d %6d  %s\n", kinds[kind].name, row->inputs,
                   row->starts, row->parsed, row->crashed, row->overrun, row->other,
                   row->signal != 0 ? strsignal(row->signal) : "-");
    }
}

/* The kind of each input, mixed up. */
static enum kind kind_of(int number)
{
    int kind = 0, place = number * 37 % INPUTS; /* each place comes up once */
    while (place >= kinds[kind].of_a_hundred)
        place -= kinds[kind++].of_a_hundred;
    return (enum kind)kind;
}

static void parse_all(weir_executor *executor, weir_shared_vector *starts, bool memory_limit)
{
    static weir_future *futures[INPUTS];
    static struct row rows[KINDS];

    for (int i = 0; i < INPUTS; i++)
        if (memory_limit || !kinds[kind_of(i)].needs_memory_limit)
            if (submit_input(executor, starts, i, kind_of(i), &futures[i]) != WEIR_OK)
                exit(EXIT_FAILURE);
    for (int i = 0; i < INPUTS; i++) {
        if (futures[i] == NULL)
            continue;
        struct row *row = &rows[kind_of(i)];
        count_outcome(row, futures[i]);
        row->starts += starts_of(starts, i);
        weir_future_unref(futures[i]);
    }
    print_table(rows);
}

/* Nothing has been done to the host, and there are workers as before. */
static void parse_one_more(weir_executor *executor, weir_shared_vector *starts)
{
    unsigned long words = 0;
    weir_future *future;
    if (submit_input(executor, starts, INPUTS, PLAIN, &future) != WEIR_OK)
        exit(EXIT_FAILURE);
    weir_status status = weir_future_result(future, &words, sizeof words, WEIR_FOREVER);
    weir_future_unref(future);
    printf("one more: %s, %lu words\n", weir_status_name(status), words);
}

int main(int argc, char **argv)
{
    weir_executor *executor;
    weir_shared_vector *starts;
    bool memory_limit = argc < 2 || strcmp(argv[1], "--without-memory-limit") != 0;
    weir_process_options options = {
        .name = "parser",
        .workers = 2,
        .policy = weir_block(WEIR_FOREVER),
        .arg_bytes = sizeof(struct input),
        .payload_bytes = WEIR_ZERO, /* all is inline: no addresses but for what is parsed */
        .limits = {.address_bytes = memory_limit ? (size_t)256 << 20 : 0},
        .kill_grace_ns = 10 * WEIR_SECOND, /* the parser does not handle SIGTERM */
        .deaths_max = INPUTS, /* here they are no surprise */
    };

    /* The executor last: workers have what was there when it was created. */
    if (!make_list() ||
        weir_shared_vector_create(&starts, sizeof(int), 2 * INPUTS + 1) != WEIR_OK ||
        weir_process_executor_create(&executor, &options) != WEIR_OK)
        return EXIT_FAILURE;
    parse_all(executor, starts, memory_limit);
    parse_one_more(executor, starts);
    weir_executor_destroy(executor);
    weir_shared_vector_destroy(starts);
    free(list);
    return EXIT_SUCCESS;
}
