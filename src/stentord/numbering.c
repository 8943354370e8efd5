#include "numbering.h"

#include "stentor/base/clock.h"

/* How far the clocks of a publisher, and of another server, may be ahead of ours. */
enum { NUMBERING_SKEW_US = 60 * 1000 * 1000 };

void numbering_init(struct numbering *numbering, uint64_t head)
{
    atomic_init(&numbering->newest, head);
    atomic_init(&numbering->given, false);
}

uint64_t numbering_advance(struct numbering *numbering, uint64_t wanted)
{
    uint64_t seq = wanted > 0 ? wanted : numbering_newest(numbering) + 1;

    atomic_store_explicit(&numbering->newest, seq, memory_order_relaxed);
    if (wanted > 0)
        atomic_store_explicit(&numbering->given, true, memory_order_relaxed);
    return seq;
}

bool numbering_knows(const struct numbering *numbering, uint64_t seq)
{
    if (seq <= numbering_newest(numbering))
        return true;
    return atomic_load_explicit(&numbering->given, memory_order_relaxed) &&
           seq <= clock_wall_us() + NUMBERING_SKEW_US;
}

const char *numbering_refusal(uint64_t wanted)
{
    if (wanted == 0)
        return "seq must be a number: the microseconds since 1970";
    return wanted <= clock_wall_us() + NUMBERING_SKEW_US
               ? NULL
               : "seq is more than a minute ahead of this server's clock: give the microseconds "
                 "since 1970";
}
