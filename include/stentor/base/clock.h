/*
 * clock.h - the time, in the three forms that the programs need.
 *
 * No state; any thread. Monotonic values come from CLOCK_MONOTONIC: they can be compared between
 * processes of one host, and never go back.
 */
#ifndef STENTOR_BASE_CLOCK_H
#define STENTOR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Nanoseconds of the monotonic clock. */
static inline uint64_t clock_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* Milliseconds of the monotonic clock. */
static inline uint64_t clock_ms(void)
{
    return clock_ns() / 1000000u;
}

/* Microseconds since 1970: for what people read, and for the first seq after a start. */
static inline uint64_t clock_wall_us(void)
{
    return clock_read_ns(CLOCK_REALTIME) / 1000u;
}

#endif
