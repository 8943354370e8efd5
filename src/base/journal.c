#include "stentor/base/journal.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

enum { JOURNAL_FIRST_CAPACITY = 64 };

static struct journal_entry *journal_slot(const struct journal *journal, uint64_t place)
{
    return &journal->ring[place & (journal->capacity - 1)];
}

void journal_init(struct journal *journal, const struct journal_limits *limits, uint64_t head,
                  void (*drop)(void *item, uint64_t seq, void *arg), void *arg)
{
    ENSURE(limits->count > 0);
    *journal = (struct journal){
        .limits = *limits,
        .head = head,
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
    struct journal_entry entry = *journal_slot(journal, journal->begin);

    journal->bytes -= entry.cost;
    journal->begin++;
    journal->drop(entry.item, entry.seq, journal->arg);
}

void journal_destroy(struct journal *journal)
{
    while (journal_count(journal) > 0)
        journal_drop_oldest(journal);
    free(journal->ring);
    journal->ring = NULL;
    journal->capacity = 0;
}

/* Doubles the ring; the items move to where their places are in the larger one. */
static int journal_grow(struct journal *journal)
{
    size_t capacity = journal->capacity ? journal->capacity * 2 : JOURNAL_FIRST_CAPACITY;
    struct journal_entry *ring = calloc(capacity, sizeof(*ring));

    if (ring == NULL)
        return -1;
    for (uint64_t place = journal->begin; place != journal->end; place++)
        ring[place & (capacity - 1)] = *journal_slot(journal, place);
    free(journal->ring);
    journal->ring = ring;
    journal->capacity = capacity;
    return 0;
}

void journal_append(struct journal *journal, void *item, uint64_t seq, size_t cost,
                    uint64_t time_ms)
{
    ENSURE(seq > journal->head);
    while (journal_count(journal) >= journal->limits.count) /* more than one: a new limit */
        journal_drop_oldest(journal);
    if (journal_count(journal) == journal->capacity && journal_grow(journal) < 0) {
        ENSURE(journal->capacity > 0);
        journal_drop_oldest(journal);
    }
    *journal_slot(journal, journal->end++) = (struct journal_entry){item, seq, cost, time_ms};
    journal->head = seq;
    journal->bytes += cost;
    while (journal->bytes > journal->limits.bytes && journal_count(journal) > 1)
        journal_drop_oldest(journal);
}

/* The number at a place, which may be the end. */
static uint64_t journal_seq_at(const struct journal *journal, uint64_t place)
{
    return place != journal->end ? journal_slot(journal, place)->seq : journal->head + 1;
}

uint64_t journal_first(const struct journal *journal)
{
    return journal_seq_at(journal, journal->begin);
}

uint64_t journal_first_after(const struct journal *journal, size_t cost)
{
    uint64_t first = journal->begin;
    size_t bytes = journal->bytes + cost;

    while (first != journal->end &&
           (journal->end - first >= journal->limits.count || bytes > journal->limits.bytes))
        bytes -= journal_slot(journal, first++)->cost;
    return journal_seq_at(journal, first);
}

/* The place of the oldest item with that number or a higher one. Mostly there are no holes behind
 * it, and it lies as far from the end as its number from the head. */
static uint64_t journal_find(const struct journal *journal, uint64_t seq)
{
    uint64_t low = journal->begin, high = journal->end;

    if (seq > journal->head || low == high)
        return high;
    if (journal->head - seq < high - low) {
        uint64_t place = high - 1 - (journal->head - seq);

        if (journal_slot(journal, place)->seq == seq)
            return place;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (journal_slot(journal, middle)->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void journal_expire(struct journal *journal, uint64_t now_ms)
{
    if (journal->limits.age_ms == 0)
        return;
    while (journal_count(journal) > 0) {
        uint64_t time_ms = journal_slot(journal, journal->begin)->time_ms;

        /* The item's time may be another thread's, and so a little ahead of `now_ms`. */
        if (now_ms <= time_ms || now_ms - time_ms <= journal->limits.age_ms)
            break;
        journal_drop_oldest(journal);
    }
}

void *journal_get(const struct journal *journal, uint64_t seq)
{
    uint64_t place = journal_find(journal, seq);

    if (place == journal->end || journal_slot(journal, place)->seq != seq)
        return NULL;
    return journal_slot(journal, place)->item;
}

uint64_t journal_before(const struct journal *journal, uint64_t seq)
{
    uint64_t place = journal_find(journal, seq);

    return place != journal->begin ? journal_slot(journal, place - 1)->seq : 0;
}

size_t journal_count_after(const struct journal *journal, uint64_t seq)
{
    return (size_t)(journal->end - journal_find(journal, seq + 1));
}
