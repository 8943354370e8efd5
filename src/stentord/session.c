#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "delivery.h"
#include "neighbours.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

enum { SESSION_FIRST_HEAP_ROOMS = 4 };

const char *session_join_error(enum session_join_result result)
{
    switch (result) {
    case SESSION_JOINED:
    case SESSION_ALREADY_IN:
        return NULL;
    case SESSION_TOO_MANY_ROOMS:
        return "you are in as many rooms as max_rooms allows; leave one first";
    case SESSION_BAD_ROOM:
        return "a room's name is 1 to 256 bytes of UTF-8, and not \"*\"";
    case SESSION_NO_MEMORY:
        return "the server has no memory for it; try again later";
    }
    return NULL;
}

struct session *session_new(struct delivery *delivery, struct conn *conn, enum dialect dialect,
                            const struct session_ops *ops, void *client, uint64_t cursor)
{
    struct session *session = calloc(1, sizeof(*session));

    OWNER_ASSERT(delivery->owner);
    if (session == NULL)
        return NULL;
    session->slot = cursor_take(&delivery->cursors, session);
    if (session->slot == CURSOR_NONE) {
        free(session);
        return NULL;
    }
    OBJ_INIT(session, SESSION_MAGIC);
    session->conn = conn;
    session->memberships = &session->first;
    session->membership_capacity = 1;
    session->ops = ops;
    session->client = client;
    session->delivery = delivery;
    session_make_address(session, session->id);
    delivery_dialect_join(delivery, dialect);
    *session_cursor(session) = (struct cursor){
        .seq = cursor,
        .session = session,
        .fd = conn != NULL ? conn->fd : -1,
        .lag = SESSION_AWAY, /* in no list yet */
        .sealed = conn != NULL && !conn->transport->direct,
        .dialect = (uint8_t)dialect,
    };
    if (conn != NULL)
        delivery_set_lag(delivery, session, SESSION_OWED);
    return session;
}

void session_make_address(const struct session *session, uint8_t id[SESSION_ID_BYTES])
{
    session_id_make(&session->delivery->id_pool, id);
    memcpy(id + 1, &session->slot, sizeof(session->slot));
}

/* Whoever has the place that the id names; NULL when nobody has. */
static struct session *session_at(const struct delivery *delivery,
                                  const uint8_t id[SESSION_ID_BYTES])
{
    const struct cursor *cursor;
    uint32_t slot;

    memcpy(&slot, id + 1, sizeof(slot));
    if (slot >= delivery->cursors.count)
        return NULL;
    cursor = &delivery->cursors.cursors[slot];
    return cursor->lag != SESSION_GONE ? cursor->session : NULL;
}

struct session *session_find(const struct delivery *delivery, const uint8_t id[SESSION_ID_BYTES])
{
    struct session *session = session_at(delivery, id);

    return session != NULL && memcmp(session->id, id, SESSION_ID_BYTES) == 0 ? session : NULL;
}

struct session *session_addressed(const struct delivery *delivery, int namespace,
                                  const uint8_t at[SESSION_ID_BYTES],
                                  const uint8_t address[SESSION_ID_BYTES], size_t from)
{
    struct session *session = session_at(delivery, at);
    const uint8_t *own = session != NULL && session->ops->address != NULL
                             ? session->ops->address(session, namespace)
                             : NULL;

    return own != NULL && memcmp(own + from, address + from, SESSION_ID_BYTES - from) == 0 ? session
                                                                                           : NULL;
}

void session_attach(struct session *session, struct conn *conn, uint8_t answer)
{
    struct cursor *cursor = session_cursor(session);

    OWNER_ASSERT(session->delivery->owner);
    ENSURE(cursor->lag == SESSION_AWAY);
    session->conn = conn;
    cursor->fd = conn->fd;
    cursor->sealed = !conn->transport->direct;
    cursor->answer = answer;
    delivery_catch_up(session->delivery, session);
}

void session_skip(struct session *session)
{
    OWNER_ASSERT(session->delivery->owner);
    session_cursor(session)->seq = journal_head(&session->delivery->journal);
}

void session_detach(struct session *session)
{
    struct cursor *cursor = session_cursor(session);

    session->conn = NULL;
    cursor->fd = -1;
    cursor->answer = 0;
    if (cursor->lag != SESSION_GONE)
        delivery_set_lag(session->delivery, session, SESSION_AWAY);
}

void session_rewind(struct session *session, uint64_t seq)
{
    struct cursor *cursor = session_cursor(session);

    /* Joining catches a CURRENT session up, which would pass by what is due in rooms that it has
     * yet to join. */
    if (cursor->lag == SESSION_CURRENT)
        delivery_catch_up(session->delivery, session);
    if (cursor->lag == SESSION_GONE || seq >= cursor->seq)
        return;
    if (cursor->lag == SESSION_CURRENT)
        delivery_set_lag(session->delivery, session, SESSION_OWED);
    for (uint32_t i = 0; i < session->membership_count; i++)
        if (session->memberships[i].from < cursor->seq)
            session->memberships[i].from = cursor->seq;
    cursor->seq = seq;
}

void session_set_dialect(struct session *session, enum dialect dialect)
{
    struct cursor *cursor = session_cursor(session);

    if (cursor->dialect == dialect)
        return;
    delivery_dialect_leave(session->delivery, (enum dialect)cursor->dialect);
    delivery_dialect_join(session->delivery, dialect);
    cursor->dialect = (uint8_t)dialect;
}

struct cursor *session_cursor(const struct session *session)
{
    return &session->delivery->cursors.cursors[session->slot];
}

struct membership *session_membership(const struct session *session, const struct room *room)
{
    for (uint32_t i = 0; i < session->membership_count; i++)
        if (session->memberships[i].room == room)
            return &session->memberships[i];
    return NULL;
}

enum client_limit_verdict session_limit(struct session *session, size_t bytes)
{
    enum client_limit_verdict verdict =
        client_limit_take(&session->limit, session->delivery->config, bytes, clock_ns());

    OWNER_ASSERT(session->delivery->owner);
    if (verdict != CLIENT_LIMIT_PASS)
        stats_add(&session->delivery->stats->client_events_limited, 1);
    return verdict;
}

bool session_is_member(const struct session *session, const struct room *room)
{
    return session_membership(session, room) != NULL;
}

/* Ends the membership in slot `i`, of which the last one then takes the place. */
static void session_end_membership(struct session *session, uint32_t i)
{
    struct delivery *delivery = session->delivery;
    struct room *room = session->memberships[i].room;

    if (session->memberships[i].seat != 0)
        neighbours_leave(session, &session->memberships[i]);
    uint32_t moved = room_remove_member(room, session->memberships[i].index);

    if (moved != CURSOR_NONE) {
        struct session *other = delivery->cursors.cursors[moved].session;
        session_membership(other, room)->index = session->memberships[i].index;
        delivery_member_moved(delivery, room, other);
    }
    session->membership_count--;
    session->memberships[i] = session->memberships[session->membership_count];
    stats_sub(&delivery->stats->memberships, 1);
    room_release(&delivery->rooms, room);
}

void session_close(struct session *session)
{
    OBJ_CHECK(session, SESSION_MAGIC);
    OWNER_ASSERT(session->delivery->owner);
    if (session_is_gone(session))
        return;
    while (session->membership_count > 0)
        session_end_membership(session, session->membership_count - 1);
    delivery_dialect_leave(session->delivery, (enum dialect)session_cursor(session)->dialect);
    delivery_set_lag(session->delivery, session, SESSION_GONE);
}

void session_free(struct session **slot)
{
    struct session *session = *slot;

    if (session == NULL)
        return;
    ENSURE(session_is_gone(session));
    cursor_release(&session->delivery->cursors, session->slot);
    *slot = NULL;
    if (session->memberships != &session->first)
        free(session->memberships);
    OBJ_CLEAR(session);
    free(session);
}

/* Makes room for one more membership: the first lies in the session, several on the heap. */
static bool session_reserve(struct session *session)
{
    uint32_t capacity = session->membership_capacity;
    struct membership *memberships;

    if (session->membership_count < capacity)
        return true;
    capacity = capacity < SESSION_FIRST_HEAP_ROOMS ? SESSION_FIRST_HEAP_ROOMS : capacity * 2;
    memberships = capacity <= UINT16_MAX ? malloc(capacity * sizeof(*memberships)) : NULL;
    if (memberships == NULL)
        return false;
    memcpy(memberships, session->memberships, session->membership_count * sizeof(*memberships));
    if (session->memberships != &session->first)
        free(session->memberships);
    session->memberships = memberships;
    session->membership_capacity = (uint16_t)capacity;
    return true;
}

void session_tell_gap(struct session *session, struct membership *membership, uint64_t from)
{
    struct room *room = membership->room;

    membership->told = room->trimmed;
    stats_add(&session->delivery->stats->gaps, 1);
    session->ops->gap(session, room, from, room->trimmed);
}

/* Says what is gone of the room that was joined. A client that comes back late cannot help it, so
 * this is told whatever the policy is. */
static void session_tell_gone(struct session *session, struct membership *membership)
{
    uint64_t from = membership->from;

    if (from != 0 && membership->room->trimmed > from)
        session_tell_gap(session, membership, from + 1);
    else /* who asks for all that there is (0) does not miss what went before */
        membership->told = membership->room->trimmed;
}

enum session_join_result session_join(struct session *session, int namespace, struct span name,
                                      uint64_t from)
{
    struct delivery *delivery = session->delivery;
    struct room *room;

    OWNER_ASSERT(delivery->owner);
    /* What a running fan-out owes the session is older than this membership: give it first. */
    if (session_cursor(session)->lag == SESSION_CURRENT)
        delivery_catch_up(delivery, session);
    if (session_is_gone(session))
        return SESSION_NO_MEMORY;
    room = room_intern(&delivery->rooms, namespace, name.ptr, name.len);
    if (room == NULL)
        return SESSION_NO_MEMORY;
    if (session_is_member(session, room))
        return SESSION_ALREADY_IN;
    if (!session_reserve(session) || !room_add_member(room, session->slot)) {
        room_release(&delivery->rooms, room);
        return SESSION_NO_MEMORY;
    }
    struct membership *membership = &session->memberships[session->membership_count++];
    *membership = (struct membership){
        .room = room,
        .index = room->member_count - 1,
        .joined = from,
        .from = from,
    };
    stats_add(&delivery->stats->memberships, 1);
    session_tell_gone(session, membership);
    return SESSION_JOINED;
}

/* Rooms by name: everyone in a namespace does not count. */
static uint32_t session_room_count(const struct session *session)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < session->membership_count; i++)
        count += session->memberships[i].room->name_len > 0;
    return count;
}

enum session_join_result session_join_room(struct session *session, int namespace, struct span name,
                                           uint64_t from)
{
    if (!message_name_valid(name) || (name.len == 1 && name.ptr[0] == '*'))
        return SESSION_BAD_ROOM;
    const struct room *room = room_find(&session->delivery->rooms, namespace, name.ptr, name.len);
    if (room != NULL && session_is_member(session, room))
        return SESSION_ALREADY_IN;
    if (session_room_count(session) >= (uint32_t)session->delivery->config->max_rooms)
        return SESSION_TOO_MANY_ROOMS;
    return session_join(session, namespace, name, from);
}

bool session_leave(struct session *session, int namespace, struct span name)
{
    struct room *room = room_find(&session->delivery->rooms, namespace, name.ptr, name.len);
    struct membership *membership = room != NULL ? session_membership(session, room) : NULL;

    OWNER_ASSERT(session->delivery->owner);
    if (membership == NULL)
        return false;
    session_end_membership(session, (uint32_t)(membership - session->memberships));
    return true;
}
