#include "stentor/base/ratelimit.h"

void ratelimit_init(struct ratelimit *limit, unsigned rate, unsigned burst)
{
    limit->interval_ns = rate > 0 ? UINT64_C(1000000000) / rate : 0;
    limit->burst_ns = limit->interval_ns * (burst > 0 ? burst : 1);
    atomic_init(&limit->due_ns, 0);
}

uint64_t ratelimit_take(struct ratelimit *limit, unsigned units, uint64_t now_ns)
{
    uint64_t cost = limit->interval_ns * units;
    uint64_t due = atomic_load_explicit(&limit->due_ns, memory_order_relaxed);
    uint64_t next;

    if (cost == 0)
        return 0;
    do {
        next = (due > now_ns ? due : now_ns) + cost;
        /* More units than the burst pass when nothing else is owed, or they never would. */
        if (next > now_ns + limit->burst_ns && due > now_ns)
            return next - limit->burst_ns - now_ns;
    } while (!atomic_compare_exchange_weak_explicit(&limit->due_ns, &due, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}
