/*
 * stats.h - counters: one struct per thread, written by that thread alone, summed by the reader.
 *
 * Fields are relaxed atomics so that a reader in another thread sees whole values; since each has
 * one writer, counting is a plain load and store without a bus lock.
 */
#ifndef STENTORD_STATS_H
#define STENTORD_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "dialect.h"
#include "stentor/base/strbuf.h"

enum close_reason {
#define CLOSE_REASON(symbol, label, error, text) CLOSE_##symbol,
#include "close_reasons.def"
#undef CLOSE_REASON
    CLOSE_REASON_COUNT
};

typedef _Atomic uint64_t stats_value;

enum { STATS_BUCKETS = 13 };

/* Durations by their order of magnitude; buckets as Prometheus has them, but not summed up. */
struct stats_histogram {
    stats_value buckets[STATS_BUCKETS + 1]; /* the last one: anything longer */
    stats_value sum_us;
};

struct stats {
#define STAT(field, type, name, help) stats_value field;
#include "stats.def"
#undef STAT
    stats_value closes[CLOSE_REASON_COUNT];
    stats_value encodings[DIALECT_COUNT];
    struct stats_histogram pong_delay;  /* of heartbeats: from the ping to the sign of life */
    struct stats_histogram fanout_time; /* of a room's fan-out: from its first client to its last */
    /* Of one thread; their sums mean nothing. */
    stats_value busy_us;         /* on a CPU, since the start */
    stats_value loop_gap_us;     /* the longest that events had to wait, in the last seconds */
    stats_value loop_gap_max_us; /* and since the start */
};

/* The thread that owns the struct. */
static inline void stats_add(stats_value *value, uint64_t n)
{
    uint64_t old = atomic_load_explicit(value, memory_order_relaxed);

    atomic_store_explicit(value, old + n, memory_order_relaxed);
}

static inline void stats_sub(stats_value *value, uint64_t n)
{
    stats_add(value, (uint64_t)0 - n);
}

static inline void stats_set(stats_value *value, uint64_t n)
{
    atomic_store_explicit(value, n, memory_order_relaxed);
}

/* The thread that owns the struct. */
void stats_observe(struct stats_histogram *histogram, uint64_t us);

/* Any thread. */
static inline uint64_t stats_get(const stats_value *value)
{
    return atomic_load_explicit((stats_value *)(uintptr_t)value, memory_order_relaxed);
}

const char *close_reason_text(enum close_reason reason);
int close_reason_is_error(enum close_reason reason);

/* Clients that are connected, of all kinds that get messages. */
uint64_t stats_clients(const struct stats *stats);

/* Adds the values of `part` to those of `sum`. */
void stats_sum(struct stats *sum, const struct stats *part);

/* Appends all counters as Prometheus text (version 0.0.4). */
void stats_append_prometheus(struct strbuf *out, const struct stats *stats);

/* Appends all counters as the members of a JSON object, without the braces. */
void stats_append_json(struct strbuf *out, const struct stats *stats);

#endif
