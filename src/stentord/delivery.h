/*
 * delivery.h - one I/O thread's half of the broadcast: the journal's window, and everybody's
 * catching up with it.
 *
 * A message that is accepted starts (or prolongs) a fan-out in each of its rooms: a list of clients
 * to be caught up, worked off in slices of a few milliseconds so that nothing else on the thread
 * waits longer. Whoever reaches a client first catches it up to the newest message; a later slice
 * finds its cursor ahead and passes by. Each fan-out starts elsewhere, so nobody is always last.
 *
 * When messages come faster than a large room's fan-out runs, it rests between two rounds in
 * proportion to what the last one took, and what comes meanwhile shares one call per client.
 *
 * Invariants (asserted in debug builds):
 *   - a CURRENT session has got everything that concerns it, but for the rooms in these lists
 *   - nothing waits to be sent to a CURRENT session
 *   - a session's cursor never goes back, and never passes something that is due
 *
 * Everything here belongs to one I/O thread.
 */
#ifndef STENTORD_DELIVERY_H
#define STENTORD_DELIVERY_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "encoder.h"
#include "room.h"
#include "session.h"
#include "stage.h"
#include "stentor/base/journal.h"

enum {
    DELIVERY_BATCH = 64,           /* messages in one system call */
    DELIVERY_BATCH_BYTES = 262144, /* and about this many bytes */
    DELIVERY_POLL_PACKETS = 16,    /* in one answer to a poll: some clients take no more */
};

TAILQ_HEAD(session_list, session);
TAILQ_HEAD(room_list, room);
STAILQ_HEAD(message_list, message_mail);

/* One room's share in what a session is due, during one gathering. */
struct due_source {
    struct room *room;
    struct conflation_entry *retained; /* older than the window; NULL: none left */
    uint64_t ordinal;                  /* in the room's chain */
    uint64_t seq;                      /* of what comes next here; UINT64_MAX: nothing */
};

struct delivery {
    struct stage *stage;
    const struct owner *owner; /* the stage's */
    const struct config *config;
    struct stats *stats;
    unsigned io_thread;
    atomic_uint *dialect_users; /* of the whole server, by dialect */
    struct encoder encoder;
    struct journal journal;
    struct cursor_table cursors;
    struct room_table rooms;
    struct room_list running; /* rooms whose members are being caught up */
    struct room_list resting; /* rooms whose next round begins later */
    unsigned fanout_count;    /* in both lists */
    bool stopping;
    struct session_list owed;
    unsigned moved_count; /* of these, those that a fan-out would have reached (cursor.moved) */
    struct session_list blocked;
    struct message_list held; /* come too soon: the window is full of what is still being given */
    struct event slice;       /* runs the next slice, after other events had their turn */
    uint32_t rotation;
    struct session_id_pool id_pool;
    /* Scratch of one gathering. */
    struct due_source *sources;
    size_t source_capacity;
    struct message *batch[DELIVERY_BATCH];
    struct refbuf *encodings[DELIVERY_BATCH];
    struct iovec iov[DELIVERY_BATCH];
};

/* `head` is the seq of the newest message before the first one. False when memory is out. */
bool delivery_init(struct delivery *delivery, struct stage *stage, const struct config *config,
                   struct stats *stats, unsigned io_thread, atomic_uint *dialect_users,
                   uint64_t head) MUST_CHECK;
void delivery_destroy(struct delivery *delivery);

/* Another configuration, before the message that comes next. */
void delivery_set_config(struct delivery *delivery, const struct config *config);

/* Gives up all fan-outs; messages are still accepted, so that their publishers get answers. */
void delivery_stop(struct delivery *delivery);

/* Takes over a reference to the message: appends it to the window and starts its fan-outs.
 * Returns how many members its rooms have on this thread. */
unsigned delivery_accept(struct delivery *delivery, struct message *message);

/* A message has come. It is accepted, and its publisher's request told, at once; or, while it
 * would push something out of the window that a running fan-out has yet to give, later: so fast
 * publishers wait for the fan-out, and clients that keep up miss nothing. */
void delivery_receive(struct delivery *delivery, struct message_mail *mail);

/* Works off fan-outs and owed sessions for one slice, which ends early when mail comes; goes on by
 * itself later. */
void delivery_run(struct delivery *delivery);

/* Is there more to be done at once: fan-outs that run, sessions that are owed? */
bool delivery_busy(const struct delivery *delivery);

/* Brings the session up to the newest message, as far as its socket takes it. May close it. */
void delivery_catch_up(struct delivery *delivery, struct session *session);

/* The same for everybody, as the last thing that they get. */
void delivery_catch_up_all(struct delivery *delivery);

/* The session's socket is full; later: it has taken everything that waited. */
void delivery_blocked(struct delivery *delivery, struct session *session);
void delivery_drained(struct delivery *delivery, struct session *session);

/* Drops what is too old, and closes slow sessions where a room's policy says so. Each second. */
void delivery_expire(struct delivery *delivery, uint64_t now_ms);

/* Moves the session to another state, and to that state's list. */
void delivery_set_lag(struct delivery *delivery, struct session *session, enum session_lag lag);

/* `moved` took another place in the room's members; a running fan-out could now miss it. */
void delivery_member_moved(struct delivery *delivery, struct room *room, struct session *moved);

void delivery_dialect_join(struct delivery *delivery, enum dialect dialect);
void delivery_dialect_leave(struct delivery *delivery, enum dialect dialect);

#endif
