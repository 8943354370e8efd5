/*
 * journal.h - a bounded window of numbered items: the newest ones, within a count, bytes and age.
 *
 * The numbers (`seq`) have no holes. Each I/O thread owns one journal and is the only one to touch
 * it; all of them are fed the same items in the same order, so they hold the same window.
 * The newest item always stays, however large it is: it has not been delivered yet.
 *
 * The journal does not know what an item is; `drop` is called with each item that leaves.
 */
#ifndef STENTOR_BASE_JOURNAL_H
#define STENTOR_BASE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct journal_limits {
    size_t count;    /* items */
    size_t bytes;    /* sum of the costs that were given to journal_append */
    uint64_t age_ms; /* 0: no limit */
};

struct journal_entry {
    void *item;
    size_t cost;
    uint64_t time_ms;
};

struct journal {
    struct journal_limits limits;
    struct journal_entry
        *ring; /* capacity is a power of two, and grows as far as limits.count needs */
    size_t capacity;
    uint64_t first_seq; /* the oldest item that is held; == next_seq when there is none */
    uint64_t next_seq;  /* the number of the item that comes next */
    size_t bytes;
    void (*drop)(void *item, uint64_t seq, void *arg);
    void *arg;
};

/* `head` is the seq that counts as already given out: the first item will be `head + 1`. */
void journal_init(struct journal *journal, const struct journal_limits *limits, uint64_t head,
                  void (*drop)(void *item, uint64_t seq, void *arg), void *arg);

/* Other limits from now on; what is too much by them leaves with the next item, or by its age. */
void journal_set_limits(struct journal *journal, const struct journal_limits *limits);

/* Drops all items and frees the ring. */
void journal_destroy(struct journal *journal);

/* Gives `item` the next number, and drops what no longer fits. When memory for a larger ring is
 * out, the oldest item makes room. */
void journal_append(struct journal *journal, void *item, size_t cost, uint64_t time_ms);

/* The oldest number that would still be held after the next item, if that cost so much. */
uint64_t journal_first_after(const struct journal *journal, size_t cost);

/* Drops what is older than the age limit, also the newest. */
void journal_expire(struct journal *journal, uint64_t now_ms);

/* The item of that number; NULL when it is not (or no longer) held. */
void *journal_get(const struct journal *journal, uint64_t seq) MUST_CHECK;

/* The number of the newest item that was ever appended. */
static inline uint64_t journal_head(const struct journal *journal)
{
    return journal->next_seq - 1;
}

static inline size_t journal_count(const struct journal *journal)
{
    return (size_t)(journal->next_seq - journal->first_seq);
}

#endif
