/* A progress bar on stderr. Every call does nothing until progress_show(). */
#ifndef DIGEST_PROGRESS_H
#define DIGEST_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/weir.h"

#define PROGRESS_INTERVAL_NS (100 * WEIR_MILLISECOND)

struct progress {
    bool shown;      /* progress_show() was called */
    bool on_screen;  /* the bar stands on the terminal's last line */
    bool shares;     /* standard output is a terminal, too */
    size_t total;    /* files there are */
    size_t done;     /* files that have ended */
    int64_t next_ns; /* not drawn again by progress_step() before this time */
};

void progress_show(struct progress *progress, size_t total);

/* One file more has ended; draws if the last time was some while ago. */
void progress_step(struct progress *progress, const weir_executor *executor);

/* Draws, with what the executor has to do. */
void progress_draw(struct progress *progress, const weir_executor *executor);

/* Makes room for other text on stderr, or on stdout if that is the same terminal. */
void progress_erase(struct progress *progress);
void progress_erase_for_output(struct progress *progress);

#endif
