/*
 * conductor.h - when each phase of a run begins, for all processes that take part.
 *
 * The phases: connect; idle; the rounds, each with a drain for what is still under way; goodbye. A
 * phase begins for all performers at the same moment, a little ahead so that all of them know it in
 * time, and ends when all of them say that they are done, or when the plan says so.
 * A performer is a swarm in this process or an agent elsewhere; it belongs to its caller, who keeps
 * its status up to date. One thread.
 */
#ifndef STENTOR_SWARM_CONDUCTOR_H
#define STENTOR_SWARM_CONDUCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

#include "options.h"
#include "status.h"

struct performer {
    /* The phase begins at that time of this process's clock. */
    void (*begin)(struct performer *performer, enum phase phase, unsigned round, uint64_t at_ns);
    struct status status;
    bool gone; /* does not take part any more */
};

struct conductor {
    const struct options *options;
    struct performer **performers;
    unsigned count;
    uint64_t lead_ns; /* how long before its time a phase is announced */
    enum phase phase; /* PHASE_COUNT: all is over */
    unsigned round;
    uint64_t phase_ns;    /* when the phase began, or will */
    uint64_t start_ns;    /* of the run */
    uint64_t progress_ns; /* draining: the last time at which something arrived */
    uint64_t arrived;     /* and how much had arrived by then */
    const char *stopped;  /* why the run ended early; NULL: it did not */
    struct status sum;    /* of all performers */
};

void conductor_init(struct conductor *conductor, const struct options *options,
                    struct performer **performers, unsigned count, uint64_t lead_ns);

void conductor_start(struct conductor *conductor, uint64_t now_ns);

/* Looks at the performers' status, and goes on when it is time; to be called often. */
void conductor_tick(struct conductor *conductor, uint64_t now_ns);

/* The run ends before its time. What is under way may still arrive, except at the second call. */
void conductor_stop(struct conductor *conductor, const char *why, uint64_t now_ns);

static inline bool conductor_ended(const struct conductor *conductor)
{
    return conductor->phase == PHASE_COUNT;
}

/* How long the run will take from now on, as far as it is planned. */
uint64_t conductor_left_ns(const struct conductor *conductor, uint64_t now_ns) MUST_CHECK;

/* And how long in all. */
uint64_t conductor_total_ns(const struct conductor *conductor) MUST_CHECK;

#endif
