#include "stentor/base/ratelimit.h"

void ratelimit_init(struct ratelimit *limit, unsigned rate, unsigned burst)
{
    atomic_init(&limit->due_ns, 0);
    ratelimit_set(limit, rate, burst);
}

void ratelimit_set(struct ratelimit *limit, unsigned rate, unsigned burst)
{
    uint64_t interval_ns = rate > 0 ? UINT64_C(1000000000) / rate : 0;

    /* Whoever takes between the two sees a burst of the wrong size once, which does no harm. */
    atomic_store_explicit(&limit->burst_ns, interval_ns * (burst > 0 ? burst : 1),
                          memory_order_relaxed);
    atomic_store_explicit(&limit->interval_ns, interval_ns, memory_order_relaxed);
}

uint64_t ratelimit_take(struct ratelimit *limit, unsigned units, uint64_t now_ns)
{
    uint64_t cost = atomic_load_explicit(&limit->interval_ns, memory_order_relaxed) * units;
    uint64_t burst_ns = atomic_load_explicit(&limit->burst_ns, memory_order_relaxed);
    uint64_t due = atomic_load_explicit(&limit->due_ns, memory_order_relaxed);
    uint64_t next;

    if (cost == 0)
        return 0;
    do {
        next = (due > now_ns ? due : now_ns) + cost;
        /* More units than the burst pass when nothing else is owed, or they never would. */
        if (next > now_ns + burst_ns && due > now_ns)
            return next - burst_ns - now_ns;
    } while (!atomic_compare_exchange_weak_explicit(&limit->due_ns, &due, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}

void ratelimit_give_back(struct ratelimit *limit, unsigned units)
{
    uint64_t cost = atomic_load_explicit(&limit->interval_ns, memory_order_relaxed) * units;

    atomic_fetch_sub_explicit(&limit->due_ns, cost, memory_order_relaxed);
}
