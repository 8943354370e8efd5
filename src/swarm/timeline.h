/*
 * timeline.h - how many events fell into each tenth of a second: shows bursts.
 *
 * A timeline belongs to whoever declares it, and has no locks. Times are of the monotonic clock.
 */
#ifndef STENTOR_SWARM_TIMELINE_H
#define STENTOR_SWARM_TIMELINE_H

#include <stdint.h>

#include "stentor/base/compiler.h"

#include "archive.h"

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

/* Some buckets in a row that have far more events than the mean. */
struct timeline_burst {
    unsigned first; /* bucket */
    unsigned buckets;
    uint64_t events;
    double by_mean; /* the fullest bucket, by the mean of all */
};

void timeline_init(struct timeline *timeline, uint64_t start_ns);
void timeline_free(struct timeline *timeline);

/* Counts an event; it is not before the start. */
void timeline_add(struct timeline *timeline, uint64_t now_ns);

/* Adds what another one, which began at the same moment, has counted. */
void timeline_merge(struct timeline *timeline, const struct timeline *from);

/* One that is read is allocated: timeline_free is due. */
void timeline_archive(struct archive *archive, struct timeline *timeline);

/* The bursts among the first `buckets` buckets, at most `max` of them; how many there are. Even
 * events make none: a bucket counts as full with more than twice the mean, and more than chance
 * would have it. */
unsigned timeline_find_bursts(const struct timeline *timeline, unsigned buckets,
                              struct timeline_burst bursts[], unsigned max);

/* Over the whole buckets between two times. */
struct timeline_peak timeline_find_peak(const struct timeline *timeline, uint64_t from_ns,
                                        uint64_t to_ns);

#endif
