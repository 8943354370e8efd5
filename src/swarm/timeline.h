/*
 * timeline.h - how many events fell into each tenth of a second: shows bursts.
 *
 * A timeline belongs to whoever declares it, and has no locks. Times are of the monotonic clock.
 */
#ifndef STENTOR_SWARM_TIMELINE_H
#define STENTOR_SWARM_TIMELINE_H

#include <stdint.h>

#include "stentor/base/compiler.h"

#define TIMELINE_BUCKET_NS 100000000u

struct timeline {
    uint64_t start_ns;
    uint64_t total;
    uint32_t *counts;
    unsigned len; /* buckets up to the last event's */
    unsigned cap;
};

struct timeline_peak {
    unsigned buckets;
    uint32_t max; /* of one bucket */
    double mean;
};

void timeline_init(struct timeline *timeline, uint64_t start_ns);
void timeline_free(struct timeline *timeline);

/* Counts an event; it is not before the start. */
void timeline_add(struct timeline *timeline, uint64_t now_ns);

/* Over the whole buckets between two times. */
struct timeline_peak timeline_find_peak(const struct timeline *timeline, uint64_t from_ns,
                                        uint64_t to_ns);

#endif
