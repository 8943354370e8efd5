/*
 * room.h - rooms as one I/O thread knows them: members, and which messages of the window are
 * theirs.
 *
 * Each I/O thread has a table of its own and is the only one to touch it, so rooms need no lock
 * and no count of references between threads: a message carries names, and every thread looks
 * them up once per message. A room exists while it has members or messages, or a grid.
 *
 * "Everyone in the namespace" is a room too; its name is empty.
 */
#ifndef STENTORD_ROOM_H
#define STENTORD_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config.h"
#include "conflation.h"
#include "cursor.h"
#include "stats.h"
#include "stentor/base/journal.h"

struct grid;

enum room_fanout_state { ROOM_FANOUT_IDLE, ROOM_FANOUT_RUNNING, ROOM_FANOUT_RESTING };

/* The catching up of all members: a round. While it runs, members [pos, pos + remaining), around
 * the end, have yet to be visited; those already visited may be due what came meanwhile, from
 * `again` on, and are visited in another round after a rest.
 *
 * A round goes to streams first and, if it met polls, once more to all that is left. The answer to
 * a poll brings the next request at once: in between, it would hold up everyone who comes later. */
struct room_fanout {
    TAILQ_ENTRY(room) link; /* in the delivery's list for its state */
    enum room_fanout_state state;
    uint32_t pos;
    uint32_t remaining;
    bool streams_first; /* polls are left out this time */
    bool polls_met;     /* some were */
    uint64_t first;     /* the messages that the round is for lie from `first` */
    uint64_t last;      /* to `last` */
    uint64_t again;     /* the first that asks for another round; 0: none does */
    uint64_t begun_ns;
    uint64_t rest_until_ns;
};

struct room {
    unsigned magic;
    uint32_t hash;
    struct room *next; /* in its bucket */
    enum slow_policy policy;
    int namespace;
    uint32_t *members; /* slots of their cursors; dense, in no order */
    uint32_t member_count;
    uint32_t member_capacity;
    uint64_t *chain;      /* seqs of its messages in the window, ascending; a ring, power of two */
    uint64_t chain_begin; /* ordinals: chain[ordinal & (chain_capacity - 1)] */
    uint64_t chain_end;
    uint32_t chain_capacity;
    uint64_t trimmed; /* what came up to here and is not in the chain is gone */
    struct room_fanout fanout;
    struct conflation conflation; /* used when policy is SLOW_CONFLATE */
    struct grid *grid;            /* at the home of a grid room; NULL: none (neighbours.h) */
    bool is_grid;                 /* its members have neighbours */
    size_t name_len;
    char name[]; /* with a NUL; empty: everyone */
};

#define ROOM_MAGIC 0x726f6f6du

/* About what a room without members takes in memory, in bytes. */
#define ROOM_COST (sizeof(struct room) + 128)

struct room_table {
    const struct config *config;
    struct stats *stats;
    struct room **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t count;
    uint32_t seed;                    /* so that nobody can choose names that collide */
    struct conflation_store retained; /* by conflating rooms */
    uint64_t forgotten; /* the highest `trimmed` of rooms that are gone: rooms begin with it */
};

/* `head`: what came before the start is not known. False when memory is out. */
bool room_table_init(struct room_table *table, const struct config *config, struct stats *stats,
                     uint64_t head) MUST_CHECK;

/* Another configuration: policies of rooms change with it. `journal` holds the messages. */
void room_table_set_config(struct room_table *table, const struct config *config,
                           const struct journal *journal);

/* No room may have members or messages in its chain any more. */
void room_table_destroy(struct room_table *table);

/* NULL when there is no such room. */
struct room *room_find(const struct room_table *table, int namespace, const char *name, size_t len);

/* The room, made if need be; NULL when memory is out. */
struct room *room_intern(struct room_table *table, int namespace, const char *name, size_t len);

/* The rooms (by `next`) of a scan's next bucket. It begins with 0, has ended when it is 0 again,
 * and sees what is there all along once, although the table may grow. */
struct room *room_table_scan(const struct room_table *table, uint32_t *scan) MUST_CHECK;

/* Frees the room if it has neither members nor messages; due after each removal. */
void room_release(struct room_table *table, struct room *room);

/* Frees the room's grid, and the room if nothing else is left. */
void room_end_grid(struct room_table *table, struct room *room);

/* Adds a member by its cursor's slot, at member_count - 1. False when memory is out. */
bool room_add_member(struct room *room, uint32_t slot) MUST_CHECK;

/* Removes the member at `index`; the last one moves there and is returned (CURSOR_NONE: none
 * moved). */
uint32_t room_remove_member(struct room *room, uint32_t index);

/* The message enters the window; false when memory is out, and it is then lost to the room. */
bool room_chain_append(struct room *room, struct message *message);

/* The message, the oldest of the room's, leaves the window. */
void room_chain_trim(struct room *room, struct message *message);

/* Lets go of what conflating rooms retain beyond their share of memory; may free rooms. Due after
 * messages have left the window. */
void room_table_evict(struct room_table *table);

/* The ordinal of the first message in the chain after `seq`; chain_end when there is none. */
uint64_t room_chain_after(const struct room *room, uint64_t seq);

/* NULL for everyone in the namespace. */
static inline const char *room_name(const struct room *room)
{
    return room->name_len > 0 ? room->name : NULL;
}

static inline uint64_t room_chain_seq(const struct room *room, uint64_t ordinal)
{
    return room->chain[ordinal & (room->chain_capacity - 1)];
}

/* The newest seq in the chain; 0 when it is empty. */
static inline uint64_t room_chain_last(const struct room *room)
{
    return room->chain_end > room->chain_begin ? room_chain_seq(room, room->chain_end - 1) : 0;
}

#endif
