#include "stentor/base/journal.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

enum { JOURNAL_FIRST_CAPACITY = 64 };

static struct journal_entry *journal_slot(const struct journal *journal, uint64_t seq)
{
    return &journal->ring[seq & (journal->capacity - 1)];
}

void journal_init(struct journal *journal, const struct journal_limits *limits, uint64_t head,
                  void (*drop)(void *item, uint64_t seq, void *arg), void *arg)
{
    ENSURE(limits->count > 0);
    *journal = (struct journal){
        .limits = *limits,
        .first_seq = head + 1,
        .next_seq = head + 1,
        .drop = drop,
        .arg = arg,
    };
}

void journal_set_limits(struct journal *journal, const struct journal_limits *limits)
{
    ENSURE(limits->count > 0);
    journal->limits = *limits;
}

static void journal_drop_oldest(struct journal *journal)
{
    uint64_t seq = journal->first_seq;
    struct journal_entry *entry = journal_slot(journal, seq);
    void *item = entry->item;

    journal->bytes -= entry->cost;
    journal->first_seq++;
    journal->drop(item, seq, journal->arg);
}

void journal_destroy(struct journal *journal)
{
    while (journal_count(journal) > 0)
        journal_drop_oldest(journal);
    free(journal->ring);
    journal->ring = NULL;
    journal->capacity = 0;
}

/* Doubles the ring; the items move to the places that their numbers have in the larger one. */
static int journal_grow(struct journal *journal)
{
    size_t capacity = journal->capacity ? journal->capacity * 2 : JOURNAL_FIRST_CAPACITY;
    struct journal_entry *ring = calloc(capacity, sizeof(*ring));

    if (ring == NULL)
        return -1;
    for (uint64_t seq = journal->first_seq; seq != journal->next_seq; seq++)
        ring[seq & (capacity - 1)] = *journal_slot(journal, seq);
    free(journal->ring);
    journal->ring = ring;
    journal->capacity = capacity;
    return 0;
}

void journal_append(struct journal *journal, void *item, size_t cost, uint64_t time_ms)
{
    while (journal_count(journal) >= journal->limits.count) /* more than one: a new limit */
        journal_drop_oldest(journal);
    if (journal_count(journal) == journal->capacity && journal_grow(journal) < 0) {
        ENSURE(journal->capacity > 0);
        journal_drop_oldest(journal);
    }
    *journal_slot(journal, journal->next_seq) = (struct journal_entry){item, cost, time_ms};
    journal->next_seq++;
    journal->bytes += cost;
    while (journal->bytes > journal->limits.bytes && journal_count(journal) > 1)
        journal_drop_oldest(journal);
}

uint64_t journal_first_after(const struct journal *journal, size_t cost)
{
    uint64_t first = journal->first_seq;
    size_t bytes = journal->bytes + cost;

    while (first < journal->next_seq &&
           (journal->next_seq - first >= journal->limits.count || bytes > journal->limits.bytes))
        bytes -= journal_slot(journal, first++)->cost;
    return first;
}

void journal_expire(struct journal *journal, uint64_t now_ms)
{
    if (journal->limits.age_ms == 0)
        return;
    while (journal_count(journal) > 0) {
        uint64_t time_ms = journal_slot(journal, journal->first_seq)->time_ms;

        /* The item's time may be another thread's, and so a little ahead of `now_ms`. */
        if (now_ms <= time_ms || now_ms - time_ms <= journal->limits.age_ms)
            break;
        journal_drop_oldest(journal);
    }
}

void *journal_get(const struct journal *journal, uint64_t seq)
{
    if (seq < journal->first_seq || seq >= journal->next_seq)
        return NULL;
    return journal_slot(journal, seq)->item;
}
