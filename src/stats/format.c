/* A snapshot as a table. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "weir/stats.h"

/* Text that goes on counting when the room has ended. */
struct text {
    char *buffer;
    size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    size_t room = text->length < text->size ? text->size - text->length : 0;
    va_list arguments;
    va_start(arguments, format);
    int needed = vsnprintf(room ? text->buffer + text->length : NULL, room, format, arguments);
    va_end(arguments);
    if (needed > 0)
        text->length += (size_t)needed;
}

static void append_count(struct text *text, const char *name, uint64_t value)
{
    append(text, "%-18s %14" PRIu64 "\n", name, value);
}

static void append_time(struct text *text, const char *name, uint64_t ns)
{
    append(text, "%-18s %14.6f s\n", name, (double)ns / 1e9);
}

size_t weir_stats_format(const weir_stats *stats, char *buffer, size_t size)
{
    if (!stats || (!buffer && size))
        return 0;
    struct text text = {buffer, size, 0};
    if (size)
        *buffer = '\0';
#define COUNT(field) append_count(&text, #field, stats->field)
    COUNT(submitted);
    COUNT(rejected);
    COUNT(rejected_limit);
    COUNT(rejected_check);
    COUNT(rejected_timeout);
    COUNT(rejected_shutdown);
    COUNT(rejected_broken);
    COUNT(discarded);
    COUNT(cancelled);
    COUNT(expired);
    COUNT(completed);
    COUNT(failed);
    COUNT(caller_ran);
    COUNT(must_admitted);
    COUNT(crashed);
    COUNT(respawned);
    COUNT(spawn_failures);
    COUNT(running);
    COUNT(backlog);
    COUNT(backlog_peak);
    COUNT(blocked);
    COUNT(workers);
    COUNT(workers_peak);
    COUNT(idle);
    COUNT(limit);
    COUNT(capacity);
    COUNT(undispatched);
#undef COUNT
    append_time(&text, "run", stats->run_ns);
    append_time(&text, "run_max", stats->run_max_ns);
    append_time(&text, "wait", stats->wait_ns);
    append_time(&text, "wait_max", stats->wait_max_ns);
    return text.length;
}
