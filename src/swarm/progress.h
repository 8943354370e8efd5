/*
 * progress.h - what goes on, on the standard error stream while it goes on.
 *
 * On a terminal one line is rewritten; elsewhere a plain line comes every two seconds. It belongs
 * to its caller; one thread.
 */
#ifndef STENTOR_SWARM_PROGRESS_H
#define STENTOR_SWARM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct progress {
    bool quiet;
    bool terminal;
    bool dirty; /* there is a line that has to be wiped */
    uint64_t next_ns;
};

void progress_init(struct progress *progress, bool quiet);

/* Is it time for a line? */
bool progress_due(struct progress *progress, uint64_t now_ns);

void progress_show(struct progress *progress, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Wipes the line, so that something else can be written. */
void progress_clear(struct progress *progress);

#endif
