/*
 * behaviour.h - which clients do more, or less, than to stay and read; as the command line says it.
 *
 * Plain data and pure functions; any thread. What the clients then do is crowd_behaviour.c's.
 */
#ifndef STENTOR_SWARM_BEHAVIOUR_H
#define STENTOR_SWARM_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum behaviour_kind {
    BEHAVIOUR_STEADY,
    BEHAVIOUR_CHURN,   /* leaves after a while, and comes back at once */
    BEHAVIOUR_STALLED, /* never reads again once it has joined */
    BEHAVIOUR_SLOW,    /* reads some bytes a second */
    BEHAVIOUR_KINDS,
};

enum { BEHAVIOUR_WHOLE = 10000 }; /* 100 % */

struct behaviour {
    uint32_t shares[BEHAVIOUR_KINDS]; /* of BEHAVIOUR_WHOLE */
    uint64_t stay_min_ns, stay_max_ns;
    uint32_t slow_rate;   /* bytes a second */
    uint64_t storm_ns;    /* between two storms; 0: none */
    uint32_t storm_share; /* of the clients, each time */
    uint32_t abrupt;      /* share of departures without a goodbye */
};

/* Nobody does anything in particular. */
void behaviour_init(struct behaviour *behaviour);

/* PERCENT[:MIN-MAX], PERCENT, PERCENT[:BYTES], TIME[:PERCENT], PERCENT. */
bool behaviour_parse_churn(struct behaviour *behaviour, const char *text) MUST_CHECK;
bool behaviour_parse_stalled(struct behaviour *behaviour, const char *text) MUST_CHECK;
bool behaviour_parse_slow(struct behaviour *behaviour, const char *text) MUST_CHECK;
bool behaviour_parse_storm(struct behaviour *behaviour, const char *text) MUST_CHECK;
bool behaviour_parse_abrupt(struct behaviour *behaviour, const char *text) MUST_CHECK;

/* Gives the steady clients what the others leave; false when that is less than nothing. */
bool behaviour_complete(struct behaviour *behaviour) MUST_CHECK;

/* Does it differ from behaviour_init's? */
bool behaviour_any(const struct behaviour *behaviour) MUST_CHECK;

#endif
