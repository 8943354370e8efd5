/*
 * conflation.h - of the messages with one key, which is the newest?
 *
 * Belongs to a room whose policy is conflate, and so to that room's thread. Besides answering the
 * question it keeps the newest message of each key when the journal's window leaves it behind
 * ("retained"), so that a client that comes late or back still gets the current state. A room
 * retains at most CONFLATION_MAX_KEYS messages, and all rooms of a thread together, which share a
 * store, so many bytes as that allows; the oldest make room.
 */
#ifndef STENTORD_CONFLATION_H
#define STENTORD_CONFLATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "message.h"

enum { CONFLATION_MAX_KEYS = 1000 };

struct conflation;

struct conflation_entry {
    TAILQ_ENTRY(conflation_entry) link;       /* while retained: of its room, in the order of seq */
    TAILQ_ENTRY(conflation_entry) store_link; /* and of all rooms */
    struct conflation *owner;
    struct message *message; /* the newest with its key; a reference while retained */
    bool retained;
};

TAILQ_HEAD(conflation_list, conflation_entry);

/* What all rooms of a thread retain. */
struct conflation_store {
    struct conflation_list retained;
    size_t bytes;
    size_t max_bytes;
};

struct conflation {
    struct conflation_store *store;
    void *keys; /* of tsearch(3): entries by their message's key */
    struct conflation_list retained;
    unsigned retained_count;
};

void conflation_store_init(struct conflation_store *store, size_t max_bytes);

/* If the store holds too much: forgets the oldest message. Returns the room's conflation that it
 * belonged to, and its seq; NULL when there is no need. */
struct conflation *conflation_store_evict(struct conflation_store *store, uint64_t *seq);

void conflation_init(struct conflation *conflation, struct conflation_store *store);
void conflation_destroy(struct conflation *conflation);

/* Forgets all keys. Returns the highest seq of a message that was retained, 0 when none was. */
uint64_t conflation_forget_all(struct conflation *conflation);

/* A message of the room enters the window. */
void conflation_append(struct conflation *conflation, struct message *message);

/* A message of the room leaves the window. Returns the seq up to which a client that has not yet
 * got it now misses something (this message's or an evicted one's), or 0 when nothing is lost. */
uint64_t conflation_trim(struct conflation *conflation, struct message *message);

/* Is there a newer message with the same key? */
bool conflation_superseded(const struct conflation *conflation, const struct message *message);

/* The first retained message after `seq`; NULL when there is none. */
struct conflation_entry *conflation_first_after(const struct conflation *conflation, uint64_t seq);

static inline bool conflation_empty(const struct conflation *conflation)
{
    return conflation->keys == NULL;
}

#endif
