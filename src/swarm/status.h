/*
 * status.h - where one process of a run stands: what decides about the next phase, and what is
 * shown meanwhile.
 *
 * Plain data; any thread.
 */
#ifndef STENTOR_SWARM_STATUS_H
#define STENTOR_SWARM_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

#include "archive.h"

enum phase {
    PHASE_NONE,
    PHASE_CONNECT,
    PHASE_IDLE,
    PHASE_ROUND,
    PHASE_DRAIN, /* of a round: waits for what is under way */
    PHASE_CLOSE,
    PHASE_COUNT,
};

struct status {
    uint8_t phase; /* enum phase */
    uint32_t round;
    bool done; /* with what the phase is for; not of ROUND, which lasts as long as the plan says */
    uint32_t started, connected, failed, joined, settled; /* clients */
    uint64_t messages;                                    /* of the round */
    uint64_t delivered;
    uint64_t arrived;        /* everything that has arrived so far */
    uint64_t p50_ns, p99_ns; /* of the last second */
    uint64_t lag_ns;
    double swarm_cpu; /* shares of a processor, in the last second */
    double server_cpu;
    uint64_t server_rss; /* 0: not known */
    uint64_t pings;
};

/* Adds one process to the others: of delays, the highest. */
void status_add(struct status *sum, const struct status *one);

void status_archive(struct archive *archive, struct status *status);

#endif
