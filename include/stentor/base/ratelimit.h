/*
 * ratelimit.h - a rate with a burst, shared by all threads without a lock.
 *
 * The generic cell rate algorithm: one number, the time at which the next unit would be due if
 * all came evenly. A unit passes while that time is at most `burst` units ahead of the clock.
 */
#ifndef STENTOR_BASE_RATELIMIT_H
#define STENTOR_BASE_RATELIMIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct ratelimit {
    _Atomic uint64_t interval_ns; /* between units at the rate; 0: no limit */
    _Atomic uint64_t burst_ns;
    _Atomic uint64_t due_ns;
};

/* `rate` units per second, of which `burst` may come at once; rate 0 means no limit. */
void ratelimit_init(struct ratelimit *limit, unsigned rate, unsigned burst);

/* Another rate from now on. One thread at a time. */
void ratelimit_set(struct ratelimit *limit, unsigned rate, unsigned burst);

/* Takes `units` (all or none) at the monotonic time `now_ns`: 0 when they pass, or else the
 * nanoseconds after which they would. Any thread. */
uint64_t ratelimit_take(struct ratelimit *limit, unsigned units, uint64_t now_ns) MUST_CHECK;

/* Gives units back that were taken and not used. Any thread. */
void ratelimit_give_back(struct ratelimit *limit, unsigned units);

#endif
