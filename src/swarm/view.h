/*
 * view.h - what goes on, on the standard error stream while it goes on.
 *
 * On a terminal a few lines are rewritten; elsewhere a plain line comes every two seconds. It
 * belongs to its caller; one thread.
 */
#ifndef STENTOR_SWARM_VIEW_H
#define STENTOR_SWARM_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

#include "conductor.h"

enum { VIEW_HISTORY = 48 };

struct view {
    bool quiet;
    bool terminal;
    unsigned lines; /* that have to be wiped */
    uint64_t next_ns;
    uint64_t delivered; /* by the last time, to tell the rate */
    uint64_t time_ns;
    double rate;                  /* of deliveries, a second */
    double history[VIEW_HISTORY]; /* of the rate, the newest last */
    struct strbuf text;
};

void view_init(struct view *view, bool quiet);
void view_free(struct view *view);

/* Shows it, if it is time; to be called often. */
void view_tick(struct view *view, const struct conductor *conductor, uint64_t now_ns);

/* Wipes the lines, so that something else can be written. */
void view_clear(struct view *view);

#endif
