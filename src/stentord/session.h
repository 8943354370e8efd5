/*
 * session.h - a client as delivery sees it: a cursor, the rooms it is in, and a way out.
 *
 * Owned by one I/O thread, named in the first byte of the session's id; the next four name its
 * place in the table of cursors, by which it is found; the others are random. A session is CURRENT
 * when it has been given everything up to the newest message, but for what running fan-outs still
 * owe it; OWED when a later slice goes on with it; BLOCKED while its socket takes no more (its
 * cursor stands still, and nothing grows); AWAY while it has no connection, as between two polls;
 * GONE once it has been closed and waits to be freed.
 */
#ifndef STENTORD_SESSION_H
#define STENTORD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "client_limit.h"
#include "cursor.h"
#include "dialect.h"
#include "room.h"
#include "session_id.h"
#include "session_ops.h"
#include "stentor/base/json.h"
#include "stentor/base/refbuf.h"

struct conn;
struct delivery;
struct session;

struct membership {
    struct room *room;
    uint32_t index;  /* in room->members */
    uint32_t seat;   /* in a grid room, with its neighbours (seat.h); 0: none */
    uint64_t joined; /* messages up to here are older than the membership */
    uint64_t from;   /* and those up to here have been given, or were not meant for it */
    uint64_t told;   /* a gap up to here has been told */
};

struct session {
    unsigned magic;
    uint32_t slot;                  /* of its cursor, in the delivery's table */
    struct conn *conn;              /* of an AWAY one: NULL, or of the poll answered last */
    struct membership *memberships; /* `first` while there is at most one */
    uint32_t membership_count;
    uint16_t membership_capacity;
    bool trusted;              /* it has presented a key */
    struct client_limit limit; /* of what it says */
    struct membership first;
    TAILQ_ENTRY(session) link; /* in the delivery's list for its lag */
    const struct session_ops *ops;
    void *client; /* of the protocol that made it */
    struct delivery *delivery;
    uint8_t id[SESSION_ID_BYTES];
};

#define SESSION_MAGIC 0x73657373u

enum session_join_result {
    SESSION_JOINED,
    SESSION_ALREADY_IN,
    SESSION_TOO_MANY_ROOMS,
    SESSION_BAD_ROOM, /* empty, too long or not UTF-8 */
    SESSION_NO_MEMORY,
};

/* A sentence for the client; NULL for success. */
const char *session_join_error(enum session_join_result result);

/* A session without rooms that has been given everything up to `cursor`. It is OWED at first, so
 * that what came after `cursor` follows once it has joined; AWAY without a connection. NULL when
 * memory is out. */
struct session *session_new(struct delivery *delivery, struct conn *conn, enum dialect dialect,
                            const struct session_ops *ops, void *client,
                            uint64_t cursor) MUST_CHECK;

/* Its place in the journal, its lag and its dialect. Valid until the next session is made. */
struct cursor *session_cursor(const struct session *session);

/* The session of this thread with that id; NULL without one. */
struct session *session_find(const struct delivery *delivery, const uint8_t id[SESSION_ID_BYTES]);

/* The session of this thread in the place that the id `at` names, if its address in the namespace
 * is that one from the byte `from` on; NULL without one. */
struct session *session_addressed(const struct delivery *delivery, int namespace,
                                  const uint8_t at[SESSION_ID_BYTES],
                                  const uint8_t address[SESSION_ID_BYTES], size_t from);

/* Another id by which the session is found: its thread, its slot, and the rest at random. */
void session_make_address(const struct session *session, uint8_t id[SESSION_ID_BYTES]);

/* Has it a connection to write to? */
static inline bool session_is_attached(const struct session *session)
{
    return session_cursor(session)->fd >= 0;
}

/* Gives an AWAY session a connection, for a stream or for one answer (poll_response.h), and what it
 * is due; then it may be AWAY again, or closed. */
void session_attach(struct session *session, struct conn *conn, uint8_t answer);

/* What is due will not be given to it any more: it is about to be closed. */
void session_skip(struct session *session);

/* Takes its connection away: the cursor stands still. */
void session_detach(struct session *session);

/* What came after `seq` is due again in the rooms that the session joins from now on, until it is
 * caught up the next time. */
void session_rewind(struct session *session, uint64_t seq);

void session_set_dialect(struct session *session, enum dialect dialect);

/* Takes the session out of rooms and lists: nothing is delivered any more. */
void session_close(struct session *session);

/* Frees a closed session; not inside a delivery. */
void session_free(struct session **session);

/* Joins a room by its name, or everyone in the namespace (an empty name). Messages after `from`
 * are due; the head of the journal stands for none of those that are there already. */
enum session_join_result session_join(struct session *session, int namespace, struct span name,
                                      uint64_t from) MUST_CHECK;

/* The same for a client's wish: a real room, and not more than max_rooms of them. */
enum session_join_result session_join_room(struct session *session, int namespace, struct span name,
                                           uint64_t from) MUST_CHECK;

/* Says that of the membership's room what lies from `from` to the newest that is gone will not
 * come. May close the session. */
void session_tell_gap(struct session *session, struct membership *membership, uint64_t from);

/* False when it was not in that room. */
bool session_leave(struct session *session, int namespace, struct span name);

static inline bool session_is_gone(const struct session *session)
{
    return session_cursor(session)->lag == SESSION_GONE;
}

/* Its membership in the room, until it joins or leaves one; NULL without one. */
struct membership *session_membership(const struct session *session, const struct room *room);

/* The client has said something of so many bytes: may it? What it may not is counted. */
enum client_limit_verdict session_limit(struct session *session, size_t bytes) MUST_CHECK;

bool session_is_member(const struct session *session, const struct room *room);

#endif
