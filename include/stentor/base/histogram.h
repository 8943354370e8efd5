/*
 * histogram.h - how values are distributed, with a bounded relative error at any size.
 *
 * Log-linear, as in HdrHistogram: each power of two is cut into HISTOGRAM_STEPS equal buckets, so
 * a bucket is never wider than 1/HISTOGRAM_STEPS of the values in it; values below HISTOGRAM_STEPS
 * are exact. Recording is a few instructions. All histograms have the same buckets: merging them
 * gives exactly what recording everything into one would have given.
 *
 * A histogram belongs to whoever declares it (it is large: allocate it, or make it static), and
 * has no locks.
 */
#ifndef STENTOR_BASE_HISTOGRAM_H
#define STENTOR_BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum {
    HISTOGRAM_BITS = 7,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_BITS, /* buckets per power of two: an error below 0.8 % */
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) * HISTOGRAM_STEPS, /* any uint64_t has one */
};

struct histogram {
    uint64_t count;
    uint64_t sum; /* exact as long as it fits */
    uint64_t min; /* exact; UINT64_MAX while the histogram is empty */
    uint64_t max; /* exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

struct histogram_bucket {
    uint64_t low; /* the smallest and the largest value that it counts */
    uint64_t high;
    uint64_t count;
};

/* The same without the buckets that count nothing: to keep or to send many of them. */
struct histogram_cell {
    uint32_t index; /* of the bucket; ascending */
    uint64_t count; /* at least 1 */
};

struct histogram_sparse {
    uint64_t count, sum, min, max;
    unsigned used;
    struct histogram_cell *cells; /* NULL when there are none */
};

void histogram_init(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds everything that `from` holds. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* The histogram without its empty buckets; false when memory is out. histogram_sparse_free is due.
 */
bool histogram_compact(const struct histogram *histogram,
                       struct histogram_sparse *sparse) MUST_CHECK;
void histogram_sparse_free(struct histogram_sparse *sparse);

/* Are there such buckets, and do their counts add up? For what comes from elsewhere. */
bool histogram_sparse_valid(const struct histogram_sparse *sparse) MUST_CHECK;

/* Adds everything that `from` holds. False, and nothing is added, when it contradicts itself. */
bool histogram_merge_sparse(struct histogram *histogram,
                            const struct histogram_sparse *from) MUST_CHECK;

/* The value that the share `q` (0 to 1) of the values does not exceed: the top of its bucket, never
 * more than the largest value. 0 when the histogram is empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double q) MUST_CHECK;

/* 0 when the histogram is empty. */
double histogram_mean(const struct histogram *histogram) MUST_CHECK;

/* Walks over the buckets that count something, from the smallest on: the first call with `*pos` =
 * 0. False at the end. */
bool histogram_next(const struct histogram *histogram, unsigned *pos,
                    struct histogram_bucket *bucket);

#endif
