/* The table of watchers, as text. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/periodic_impl.h"

enum {
    CELL_BYTES = 64,
    COLUMNS = WEIR_COLUMN_AVERAGE_WAITING + 1
};

static const char *const titles[COLUMNS] = {
    "Name",     "Active",    "Periodicity",    "Runs in",         "Runs",
    "Failures", "Successes", "Stop requested", "Average elapsed", "Average waiting",
};

static const weir_column all_columns[COLUMNS] = {
    WEIR_COLUMN_NAME,
    WEIR_COLUMN_ACTIVE,
    WEIR_COLUMN_PERIODICITY,
    WEIR_COLUMN_RUNS_IN,
    WEIR_COLUMN_RUNS,
    WEIR_COLUMN_FAILURES,
    WEIR_COLUMN_SUCCESSES,
    WEIR_COLUMN_STOP_REQUESTED,
    WEIR_COLUMN_AVERAGE_ELAPSED,
    WEIR_COLUMN_AVERAGE_WAITING,
};

struct table {
    const weir_column *columns;
    size_t n;
    const weir_watcher *rows;
    size_t count;
    int64_t now_ns;
    int width[COLUMNS]; /* by kind of column */
    char *buffer;
    size_t size;
    size_t used; /* of the whole text, also beyond the buffer */
};

static void write_text(struct table *table, const char *text, size_t length)
{
    size_t room = table->used < table->size ? table->size - table->used - 1 : 0;
    if (length && room)
        memcpy(table->buffer + table->used, text, length < room ? length : room);
    table->used += length;
}

static void write_seconds(char *cell, int64_t ns)
{
    const char *sign = ns < 0 ? "-" : "";
    uint64_t ms = (uint64_t)(ns < 0 ? -ns : ns) / (uint64_t)WEIR_MILLISECOND;
    snprintf(cell, CELL_BYTES, "%s%" PRIu64 ".%03u s", sign, ms / 1000, (unsigned)(ms % 1000));
}

static void write_cell(const struct table *table, const weir_watcher *row, weir_column column,
                       char *cell)
{
    switch (column) {
    case WEIR_COLUMN_NAME:
        snprintf(cell, CELL_BYTES, "%s", row->name);
        return;
    case WEIR_COLUMN_ACTIVE:
        snprintf(cell, CELL_BYTES, "%s", row->active ? "yes" : "no");
        return;
    case WEIR_COLUMN_PERIODICITY:
        write_seconds(cell, row->spacing_ns);
        return;
    case WEIR_COLUMN_RUNS_IN:
        if (row->next_run_ns == WEIR_FOREVER || !row->active)
            snprintf(cell, CELL_BYTES, "-");
        else
            write_seconds(cell, row->next_run_ns - table->now_ns);
        return;
    case WEIR_COLUMN_RUNS:
        snprintf(cell, CELL_BYTES, "%" PRIu64, row->runs);
        return;
    case WEIR_COLUMN_FAILURES:
        snprintf(cell, CELL_BYTES, "%" PRIu64, row->failures);
        return;
    case WEIR_COLUMN_SUCCESSES:
        snprintf(cell, CELL_BYTES, "%" PRIu64, row->successes);
        return;
    case WEIR_COLUMN_STOP_REQUESTED:
        snprintf(cell, CELL_BYTES, "%s", row->stop_requested ? "yes" : "no");
        return;
    case WEIR_COLUMN_AVERAGE_ELAPSED:
        write_seconds(cell, row->average_elapsed_ns);
        return;
    case WEIR_COLUMN_AVERAGE_WAITING:
        write_seconds(cell, row->average_waiting_ns);
        return;
    }
}

static void measure(struct table *table)
{
    char cell[CELL_BYTES];
    for (size_t c = 0; c < table->n; c++) {
        weir_column column = table->columns[c];
        int *width = &table->width[column];
        *width = (int)strlen(titles[column]);
        for (size_t r = 0; r < table->count; r++) {
            write_cell(table, &table->rows[r], column, cell);
            int length = (int)strlen(cell);
            *width = length > *width ? length : *width;
        }
    }
}

/* One cell and what separates it from the next. Names stand left, all others right. */
static void write_padded(struct table *table, size_t c, const char *text)
{
    char padded[2 * CELL_BYTES];
    weir_column column = table->columns[c];
    bool last = c + 1 == table->n;
    int width = table->width[column];
    int length = snprintf(padded, sizeof padded, "%*s%s",
                          column == WEIR_COLUMN_NAME ? -width : width, text, last ? "\n" : "  ");
    write_text(table, padded, (size_t)length);
}

static void write_table(struct table *table)
{
    char cell[CELL_BYTES], rule[CELL_BYTES];
    measure(table);
    for (size_t c = 0; c < table->n; c++)
        write_padded(table, c, titles[table->columns[c]]);
    for (size_t c = 0; c < table->n; c++) {
        size_t width = (size_t)table->width[table->columns[c]];
        memset(rule, '-', width);
        rule[width] = '\0';
        write_padded(table, c, rule);
    }
    for (size_t r = 0; r < table->count; r++)
        for (size_t c = 0; c < table->n; c++) {
            write_cell(table, &table->rows[r], table->columns[c], cell);
            write_padded(table, c, cell);
        }
    if (table->size)
        table->buffer[table->used < table->size ? table->used : table->size - 1] = '\0';
}

static bool are_allowed(const weir_column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned)columns[i] >= COLUMNS)
            return false;
    return n > 0;
}

weir_status weir_watchers_format(const weir_periodic_worker *worker, const weir_column *columns,
                                 size_t n, char *buffer, size_t size, size_t *needed)
{
    bool all = !columns && !n;
    if (!worker || (!buffer && size) || (!columns && n) || (!all && !are_allowed(columns, n)))
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    weir_watcher *rows;
    size_t count;
    weir_status status = weir__watch_copy(worker, &rows, &count);
    if (status != WEIR_OK)
        return status;
    struct table table = { .columns = all ? all_columns : columns,
                           .n = all ? (size_t)COLUMNS : n,
                           .rows = rows,
                           .count = count,
                           .now_ns = weir_clock_now(worker->options.clock),
                           .buffer = buffer,
                           .size = size };
    write_table(&table);
    free(rows);
    if (needed)
        *needed = table.used;
    return WEIR_OK;
}
