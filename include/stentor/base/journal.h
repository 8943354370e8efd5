/*
 * journal.h - a bounded window of numbered items: the newest ones, within a count, bytes and age.
 *
 * The numbers (`seq`) ascend, with holes between them if whoever gives them wants it so. Each I/O
 * thread owns one journal and is the only one to touch it; all of them are fed the same items in
 * the same order, so they hold the same window.
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
    uint64_t seq;
    size_t cost;
    uint64_t time_ms;
};

struct journal {
    struct journal_limits limits;
    struct journal_entry *ring; /* of the items that are held: ring[place & (capacity - 1)] */
    size_t capacity;            /* a power of two, and grows as far as limits.count needs */
    uint64_t begin;             /* the place of the oldest item */
    uint64_t end;               /* the place of the item that comes next */
    uint64_t head;              /* the number of the newest item that was ever appended */
    size_t bytes;
    void (*drop)(void *item, uint64_t seq, void *arg);
    void *arg;
};

/* `head` is the seq that counts as already given out: all items are above it. */
void journal_init(struct journal *journal, const struct journal_limits *limits, uint64_t head,
                  void (*drop)(void *item, uint64_t seq, void *arg), void *arg);

/* Other limits from now on; what is too much by them leaves with the next item, or by its age. */
void journal_set_limits(struct journal *journal, const struct journal_limits *limits);

/* Drops all items and frees the ring. */
void journal_destroy(struct journal *journal);

/* Appends `item`, whose number is above the head, and drops what no longer fits. When memory for a
 * larger ring is out, the oldest item makes room. */
void journal_append(struct journal *journal, void *item, uint64_t seq, size_t cost,
                    uint64_t time_ms);

/* The oldest number that is held; above the head when none is. */
uint64_t journal_first(const struct journal *journal);

/* The same as it would be after the next item, if that cost so much; above the head when only that
 * one would be held. */
uint64_t journal_first_after(const struct journal *journal, size_t cost);

/* Drops what is older than the age limit, also the newest. */
void journal_expire(struct journal *journal, uint64_t now_ms);

/* The item of that number; NULL when it is not (or no longer) held. */
void *journal_get(const struct journal *journal, uint64_t seq) MUST_CHECK;

/* The number of the item before that one; 0 when neither, or only that one, is held. */
uint64_t journal_before(const struct journal *journal, uint64_t seq);

/* How many items are held whose number is above that. */
size_t journal_count_after(const struct journal *journal, uint64_t seq);

/* The number of the newest item that was ever appended. */
static inline uint64_t journal_head(const struct journal *journal)
{
    return journal->head;
}

static inline size_t journal_count(const struct journal *journal)
{
    return (size_t)(journal->end - journal->begin);
}

#endif
