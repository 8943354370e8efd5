#include "stentor/base/histogram.h"

#include <stdlib.h>
#include <string.h>

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->min = UINT64_MAX;
}

/* Values below HISTOGRAM_STEPS are their own index. Above, the position of the highest bit names
 * the power of two, and the HISTOGRAM_BITS bits behind it the bucket within. */
static unsigned histogram_index(uint64_t value)
{
    unsigned shift;

    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    return shift * HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

static uint64_t histogram_low(unsigned index)
{
    unsigned shift;

    if (index < HISTOGRAM_STEPS)
        return index;
    shift = index / HISTOGRAM_STEPS - 1;
    return (uint64_t)(index % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
}

static uint64_t histogram_high(unsigned index)
{
    unsigned shift = index < HISTOGRAM_STEPS ? 0 : index / HISTOGRAM_STEPS - 1;

    return histogram_low(index) + (((uint64_t)1 << shift) - 1);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[histogram_index(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += from->buckets[i];
    histogram->count += from->count;
    histogram->sum += from->sum;
    if (from->min < histogram->min)
        histogram->min = from->min;
    if (from->max > histogram->max)
        histogram->max = from->max;
}

bool histogram_compact(const struct histogram *histogram, struct histogram_sparse *sparse)
{
    unsigned used = 0;

    *sparse = (struct histogram_sparse){.count = histogram->count,
                                        .sum = histogram->sum,
                                        .min = histogram->min,
                                        .max = histogram->max};
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        used += histogram->buckets[i] > 0;
    if (used == 0)
        return true;
    sparse->cells = calloc(used, sizeof(*sparse->cells));
    if (sparse->cells == NULL)
        return false;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (histogram->buckets[i] > 0)
            sparse->cells[sparse->used++] = (struct histogram_cell){i, histogram->buckets[i]};
    return true;
}

void histogram_sparse_free(struct histogram_sparse *sparse)
{
    free(sparse->cells);
    memset(sparse, 0, sizeof(*sparse));
}

bool histogram_sparse_valid(const struct histogram_sparse *sparse)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < sparse->used; i++) {
        if (sparse->cells[i].index >= HISTOGRAM_BUCKETS ||
            __builtin_add_overflow(count, sparse->cells[i].count, &count))
            return false;
    }
    return count == sparse->count;
}

bool histogram_merge_sparse(struct histogram *histogram, const struct histogram_sparse *from)
{
    if (!histogram_sparse_valid(from))
        return false;
    for (unsigned i = 0; i < from->used; i++)
        histogram->buckets[from->cells[i].index] += from->cells[i].count;
    histogram->count += from->count;
    histogram->sum += from->sum;
    if (from->count > 0 && from->min < histogram->min)
        histogram->min = from->min;
    if (from->count > 0 && from->max > histogram->max)
        histogram->max = from->max;
    return true;
}

/* How many of the values the share `q` is: at least one, at most all. */
static uint64_t histogram_rank(const struct histogram *histogram, double q)
{
    double wanted = q * (double)histogram->count;
    uint64_t rank;

    if (!(wanted > 1))
        return 1;
    if (wanted >= (double)histogram->count)
        return histogram->count;
    rank = (uint64_t)wanted;
    return (double)rank < wanted ? rank + 1 : rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
    uint64_t rank = histogram_rank(histogram, q);
    struct histogram_bucket bucket;
    uint64_t seen = 0;
    unsigned pos = 0;

    while (histogram_next(histogram, &pos, &bucket)) {
        seen += bucket.count;
        if (seen >= rank)
            return bucket.high < histogram->max ? bucket.high : histogram->max;
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    if (histogram->count == 0)
        return 0;
    return (double)histogram->sum / (double)histogram->count;
}

bool histogram_next(const struct histogram *histogram, unsigned *pos,
                    struct histogram_bucket *bucket)
{
    while (*pos < HISTOGRAM_BUCKETS) {
        unsigned i = (*pos)++;

        if (histogram->buckets[i] == 0)
            continue;
        *bucket =
            (struct histogram_bucket){histogram_low(i), histogram_high(i), histogram->buckets[i]};
        return true;
    }
    return false;
}
