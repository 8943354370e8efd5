/*
 * plan.h - when messages go out: rounds, each with its interval and duration.
 *
 * A plan is fixed before anything runs, and is the only thing that decides when a message is due:
 * neither slow answers nor slow clients delay the next one.
 * A `struct plan` is plain data of its caller's. Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_PLAN_H
#define STENTOR_SWARM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum { PLAN_MAX_ROUNDS = 32 };

struct plan_round {
    uint64_t interval_ns; /* 0: no messages */
    uint64_t duration_ns;
};

struct plan {
    unsigned count;
    struct plan_round rounds[PLAN_MAX_ROUNDS];
};

/* Reads "2s", "500ms", "1.5m" or seconds as a plain number. */
bool plan_parse_duration(const char *text, uint64_t *ns) MUST_CHECK;

/* Reads INTERVAL[:DURATION],...; "none" is a plan without rounds, and none:DURATION a round without
 * messages. */
bool plan_parse(const char *text, struct plan *plan) MUST_CHECK;

/* How long a round publishes: no message is due then or later. */
uint64_t plan_round_ns(const struct plan_round *round);

/* How many messages a round has: the last one is due at least one interval before its end. */
uint64_t plan_messages(const struct plan_round *round);

/* All rounds together. */
uint64_t plan_total_messages(const struct plan *plan);
uint64_t plan_total_ns(const struct plan *plan);

#endif
