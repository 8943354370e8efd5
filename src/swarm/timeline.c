#include "timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

enum { TIMELINE_MAX_BUCKETS = 10000000 };

void timeline_init(struct timeline *timeline, uint64_t start_ns)
{
    memset(timeline, 0, sizeof(*timeline));
    timeline->start_ns = start_ns;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->counts);
    timeline->counts = NULL;
}

static void timeline_grow(struct timeline *timeline, unsigned len)
{
    unsigned cap = timeline->cap > 0 ? timeline->cap : 64;

    while (cap < len)
        cap *= 2;
    if (cap > timeline->cap) {
        timeline->counts = realloc(timeline->counts, cap * sizeof(*timeline->counts));
        ENSURE(timeline->counts != NULL);
        memset(timeline->counts + timeline->cap, 0,
               (cap - timeline->cap) * sizeof(*timeline->counts));
        timeline->cap = cap;
    }
    timeline->len = len;
}

void timeline_add(struct timeline *timeline, uint64_t now_ns)
{
    unsigned bucket = (unsigned)((now_ns - timeline->start_ns) / TIMELINE_BUCKET_NS);

    if (bucket >= timeline->len)
        timeline_grow(timeline, bucket + 1);
    timeline->counts[bucket]++;
    timeline->total++;
}

struct timeline_peak timeline_find_peak(const struct timeline *timeline, uint64_t from_ns,
                                        uint64_t to_ns)
{
    struct timeline_peak peak = {0, 0, 0};
    uint64_t begin, end, seen, sum = 0;

    if (from_ns < timeline->start_ns || to_ns <= from_ns)
        return peak;
    begin = (from_ns - timeline->start_ns + TIMELINE_BUCKET_NS - 1) / TIMELINE_BUCKET_NS;
    end = (to_ns - timeline->start_ns) / TIMELINE_BUCKET_NS;
    seen = end < timeline->len ? end : timeline->len; /* nothing is behind the last event */
    for (uint64_t i = begin; i < seen; i++) {
        sum += timeline->counts[i];
        if (timeline->counts[i] > peak.max)
            peak.max = timeline->counts[i];
    }
    peak.buckets = end > begin ? (unsigned)(end - begin) : 0;
    if (peak.buckets > 0)
        peak.mean = (double)sum / peak.buckets;
    return peak;
}

void timeline_merge(struct timeline *timeline, const struct timeline *from)
{
    if (from->len > timeline->len)
        timeline_grow(timeline, from->len);
    for (unsigned i = 0; i < from->len; i++)
        timeline->counts[i] += from->counts[i];
    timeline->total += from->total;
}

void timeline_archive(struct archive *archive, struct timeline *timeline)
{
    uint32_t len = timeline->len;

    archive_u64(archive, &timeline->start_ns);
    archive_u64(archive, &timeline->total);
    archive_count(archive, &len, TIMELINE_MAX_BUCKETS);
    if (!archive_writes(archive) && len > 0)
        timeline_grow(timeline, len);
    for (unsigned i = 0; i < len; i++)
        archive_u32(archive, &timeline->counts[i]);
}

unsigned timeline_find_bursts(const struct timeline *timeline, unsigned buckets,
                              struct timeline_burst bursts[], unsigned max)
{
    unsigned len = buckets < timeline->len ? buckets : timeline->len, found = 0, last = 0;
    double mean, full;
    uint64_t sum = 0;

    for (unsigned i = 0; i < len; i++)
        sum += timeline->counts[i];
    mean = buckets > 0 ? (double)sum / buckets : 0;
    full = 2 * mean + 5 * sqrt(mean) + 1; /* five standard deviations of what chance does */
    for (unsigned i = 0; i < len; i++) {
        double by_mean = timeline->counts[i] / mean;

        if (timeline->counts[i] <= full)
            continue;
        if ((found == 0 || i > last + 1) && found++ < max)
            bursts[found - 1] = (struct timeline_burst){.first = i};
        last = i;
        if (found > max)
            continue;
        bursts[found - 1].buckets = i - bursts[found - 1].first + 1;
        bursts[found - 1].events += timeline->counts[i];
        if (by_mean > bursts[found - 1].by_mean)
            bursts[found - 1].by_mean = by_mean;
    }
    return found;
}
