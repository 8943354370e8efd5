/*
 * load.h - what an I/O thread spends its time on, and how long it kept others waiting.
 *
 * A tick comes every WHEEL_TICK_MS; how late it comes is how long any event may have waited. A tick
 * that is very late is logged with what took the time, so that a peak of delay has an explanation.
 * Times are taken of what happens rarely and may last (mails, fan-outs, timers); what is left is
 * the reading and answering of connections, which is not measured one by one.
 *
 * Belongs to its I/O thread; other threads read what is in struct stats.
 */
#ifndef STENTORD_LOAD_H
#define STENTORD_LOAD_H

#include <stdint.h>

#include "stats.h"
#include "stentor/base/clock.h"

enum load_kind { LOAD_MAIL, LOAD_FANOUT, LOAD_TIMER, LOAD_KINDS };

struct load {
    struct stats *stats;
    uint64_t tick_ns;              /* when the last tick ended */
    uint64_t cpu_ns;               /* of the thread, at that time */
    uint64_t spent_ns[LOAD_KINDS]; /* since then */
    uint64_t before[5];            /* counters at that time (load.c) */
    uint64_t window_ms;            /* when the maximum of the last seconds begins anew */
    uint64_t window_max_us, last_max_us;
};

/* On the thread, when it begins. */
void load_start(struct load *load, struct stats *stats);

/* Begins and ends something of a kind; not nested. */
static inline uint64_t load_begin(void)
{
    return clock_ns();
}

static inline void load_end(struct load *load, enum load_kind kind, uint64_t begun_ns)
{
    load->spent_ns[kind] += clock_ns() - begun_ns;
}

/* A tick has come that was due WHEEL_TICK_MS after the last. */
void load_tick(struct load *load, const char *thread);

#endif
