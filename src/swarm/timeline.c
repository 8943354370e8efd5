#include "timeline.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

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
    uint64_t begin, end, sum = 0;

    if (from_ns < timeline->start_ns || to_ns <= from_ns)
        return peak;
    begin = (from_ns - timeline->start_ns + TIMELINE_BUCKET_NS - 1) / TIMELINE_BUCKET_NS;
    end = (to_ns - timeline->start_ns) / TIMELINE_BUCKET_NS;
    for (uint64_t i = begin; i < end; i++) {
        uint32_t count = i < timeline->len ? timeline->counts[i] : 0;

        sum += count;
        if (count > peak.max)
            peak.max = count;
        peak.buckets++;
    }
    if (peak.buckets > 0)
        peak.mean = (double)sum / peak.buckets;
    return peak;
}
