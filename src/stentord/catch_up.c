#include "catch_up.h"

#include <assert.h>
#include <stdlib.h>

#include "conn.h"
#include "poll_response.h"
#include "stentor/base/obj.h"

enum { CATCH_UP_ROUNDS = 4 };

static uint64_t catch_up_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Everything of the membership's room up to here has been given, or was not meant for it. */
static uint64_t catch_up_position(const struct session *session, const struct membership *m)
{
    return catch_up_max(session_cursor(session)->seq, m->from);
}

/* Is something lost to this membership that has not been told? */
static bool catch_up_has_gap(const struct session *session, const struct membership *m)
{
    return m->room->trimmed > catch_up_max(catch_up_position(session, m), m->told);
}

bool catch_up_too_slow(const struct session *session)
{
    for (uint32_t i = 0; i < session->membership_count; i++) {
        const struct membership *m = &session->memberships[i];
        if (m->room->policy == SLOW_DISCONNECT && catch_up_has_gap(session, m))
            return true;
    }
    return false;
}

/* Tells what the window has moved past; false when the session is gone after that. */
static bool catch_up_tell_gaps(struct session *session)
{
    for (uint32_t i = 0; i < session->membership_count; i++) {
        struct membership *m = &session->memberships[i];

        if (LIKELY(!catch_up_has_gap(session, m)))
            continue;
        if (m->room->policy == SLOW_DISCONNECT) {
            session->ops->too_slow(session);
            return false;
        }
        uint64_t from = catch_up_max(catch_up_position(session, m), m->told) + 1;
        session_tell_gap(session, m, from);
        if (session_is_gone(session))
            return false;
    }
    return true;
}

/* Sets the seq of what the source has next. */
static void catch_up_peek(struct due_source *source)
{
    if (source->retained != NULL)
        source->seq = source->retained->message->seq;
    else if (source->ordinal < source->room->chain_end)
        source->seq = room_chain_seq(source->room, source->ordinal);
    else
        source->seq = UINT64_MAX;
}

static void catch_up_advance(struct due_source *source)
{
    if (source->retained != NULL)
        source->retained = TAILQ_NEXT(source->retained, link);
    else
        source->ordinal++;
    catch_up_peek(source);
}

static bool catch_up_reserve_sources(struct delivery *delivery, size_t count)
{
    struct due_source *sources;

    if (count <= delivery->source_capacity)
        return true;
    sources = realloc(delivery->sources, count * 2 * sizeof(*sources));
    if (sources == NULL)
        return false;
    delivery->sources = sources;
    delivery->source_capacity = count * 2;
    return true;
}

/* Finds the rooms that have something for the session; returns how many, or -1 without memory. */
static int catch_up_find_sources(struct delivery *delivery, const struct session *session)
{
    int count = 0;

    if (!catch_up_reserve_sources(delivery, session->membership_count))
        return -1;
    for (uint32_t i = 0; i < session->membership_count; i++) {
        const struct membership *m = &session->memberships[i];
        uint64_t position = catch_up_position(session, m);
        struct due_source *source = &delivery->sources[count];

        source->room = m->room;
        source->retained = m->room->policy == SLOW_CONFLATE
                               ? conflation_first_after(&m->room->conflation, position)
                               : NULL;
        if (source->retained == NULL && room_chain_last(m->room) <= position)
            continue;
        source->ordinal = room_chain_after(m->room, position);
        catch_up_peek(source);
        count++;
    }
    return count;
}

static bool catch_up_excluded(const struct delivery *delivery, const struct session *session,
                              const struct message *message)
{
    for (size_t i = 0; i < message->except_count; i++) {
        const struct room *room = room_find(&delivery->rooms, message->namespace,
                                            message->except[i].ptr, message->except[i].len);
        if (room != NULL && session_is_member(session, room))
            return true;
    }
    return false;
}

/* Takes the next message in the order of seq from the sources. NULL when there is none; `*wanted`
 * is false for one that the session is not to get. */
static struct message *catch_up_next(struct delivery *delivery, const struct session *session,
                                     int source_count, bool *wanted)
{
    uint64_t seq = UINT64_MAX;
    struct message *message = NULL;

    for (int i = 0; i < source_count; i++)
        if (delivery->sources[i].seq < seq)
            seq = delivery->sources[i].seq;
    if (seq == UINT64_MAX)
        return NULL;
    *wanted = false;
    for (int i = 0; i < source_count; i++) {
        struct due_source *source = &delivery->sources[i];

        if (source->seq != seq)
            continue;
        message = source->retained != NULL ? source->retained->message
                                           : journal_get(&delivery->journal, seq);
        ENSURE(message != NULL);
        if (source->room->policy == SLOW_CONFLATE &&
            conflation_superseded(&source->room->conflation, message))
            stats_add(&delivery->stats->conflated, 1);
        else
            *wanted = true;
        catch_up_advance(source);
    }
    if (message->except_count > 0 && catch_up_excluded(delivery, session, message))
        *wanted = false;
    return message;
}

/* Packets of a payload that the message makes. */
static size_t catch_up_packets(enum dialect dialect, const struct message *message)
{
    return dialect == DIALECT_POLLING_MSGPACK ? 1 : 1 + message->attachment_count;
}

/* May the message be in one answer to a poll with those in the batch, which are so many packets?
 * Binary payloads of Engine.IO 3 are of another type than its texts. */
static bool catch_up_fits(const struct delivery *delivery, enum dialect dialect, size_t packets,
                          const struct message *message)
{
    if (packets + catch_up_packets(dialect, message) > DELIVERY_POLL_PACKETS)
        return false;
    return dialect != DIALECT_POLLING3_BINARY ||
           (delivery->batch[0]->attachment_count > 0) == (message->attachment_count > 0);
}

/* Fills the batch; `*all` when nothing is due beyond it. Returns the number, or -1 without
 * memory. */
static int catch_up_gather(struct delivery *delivery, const struct session *session, bool *all)
{
    enum dialect dialect = (enum dialect)session_cursor(session)->dialect;
    int source_count = catch_up_find_sources(delivery, session);
    bool polls = dialect_is_polling(dialect), wanted;
    size_t bytes = 0, packets = 0;
    int count = 0;

    *all = false;
    while (source_count >= 0 && count < DELIVERY_BATCH && bytes < DELIVERY_BATCH_BYTES) {
        struct message *message = catch_up_next(delivery, session, source_count, &wanted);

        if (message == NULL) {
            *all = true;
            break;
        }
        if (!wanted)
            continue;
        if (polls && count > 0 && !catch_up_fits(delivery, dialect, packets, message))
            break;
        packets += catch_up_packets(dialect, message);
        struct refbuf *encoding = message_encoding(message, dialect, &delivery->encoder);
        if (encoding == NULL)
            return -1;
        delivery->batch[count] = message;
        delivery->encodings[count] = encoding;
        delivery->iov[count++] = (struct iovec){encoding->data, encoding->len};
        bytes += encoding->len;
    }
    return source_count < 0 ? -1 : count;
}

static void catch_up_count(struct delivery *delivery, int messages, ssize_t bytes)
{
    stats_add(&delivery->stats->deliveries, (uint64_t)messages);
    stats_add(&delivery->stats->delivery_calls, 1);
    stats_add(&delivery->stats->delivery_bytes, (uint64_t)bytes);
    if (messages > 1)
        stats_add(&delivery->stats->catch_ups, 1);
}

/* Sends the batch. Of a message that was cut the rest is held on to; those behind it are left for
 * later. True when the socket took all. */
static bool catch_up_write(struct delivery *delivery, struct session *session, int count)
{
    struct conn *conn = session->conn;
    ssize_t written = conn_writev(conn, delivery->iov, count);
    size_t left = (size_t)written;

    if (written < 0)
        return false;
    for (int i = 0; i < count; i++) {
        session_cursor(session)->seq = delivery->batch[i]->seq;
        if (left < delivery->iov[i].iov_len) {
            conn_hold(conn, delivery->encodings[i], left);
            catch_up_count(delivery, i + 1, written);
            return false;
        }
        left -= delivery->iov[i].iov_len;
    }
    catch_up_count(delivery, count, written);
    return !conn_pending(conn);
}

/* Sends the batch as the answer to a poll: nothing more can follow until the next one. */
static void catch_up_answer(struct delivery *delivery, struct session *session, int count, bool all)
{
    uint64_t last = all ? journal_head(&delivery->journal) : delivery->batch[count - 1]->seq;
    ssize_t written = session->ops->answer(session, delivery->encodings, count);
    struct cursor *cursor = session_cursor(session);

    if (written < 0)
        return;
    cursor->seq = catch_up_max(cursor->seq, last);
    catch_up_count(delivery, count, written);
}

/* Can something be written now? */
static bool catch_up_writable(const struct session *session)
{
    return session_is_attached(session) && !conn_pending(session->conn);
}

enum catch_up_result catch_up_session(struct delivery *delivery, struct session *session)
{
    for (int round = 0; round < CATCH_UP_ROUNDS; round++) {
        bool all;

        if (!catch_up_writable(session) || !catch_up_tell_gaps(session) ||
            !catch_up_writable(session))
            return CATCH_UP_BLOCKED;
        int count = catch_up_gather(delivery, session, &all);
        if (count < 0) {
            conn_close(session->conn, CLOSE_NO_MEMORY);
            return CATCH_UP_BLOCKED;
        }
        if (count > 0 && session_cursor(session)->answer != 0) {
            catch_up_answer(delivery, session, count, all);
            return CATCH_UP_BLOCKED;
        }
        if (count > 0 && !catch_up_write(delivery, session, count))
            return CATCH_UP_BLOCKED;
        if (all) {
            struct cursor *cursor = session_cursor(session);
            /* It is ahead of this thread when another one gave it more before. */
            cursor->seq = catch_up_max(cursor->seq, journal_head(&delivery->journal));
            return CATCH_UP_CURRENT;
        }
    }
    return CATCH_UP_MORE;
}

#ifndef NDEBUG
/* Is the message really all that the session is due? */
static bool catch_up_due_is(struct delivery *delivery, const struct session *session,
                            const struct message *message)
{
    int sources = catch_up_find_sources(delivery, session);
    bool wanted;

    return sources < 0 || (catch_up_next(delivery, session, sources, &wanted) == message &&
                           wanted && catch_up_next(delivery, session, sources, &wanted) == NULL);
}
#endif

/* Sends bytes past everything but the cursor, if that is possible. */
static ssize_t catch_up_send(const struct cursor *cursor, const struct refbuf *bytes)
{
    if (UNLIKELY(cursor->sealed))
        return conn_write(cursor->session->conn, bytes->data, bytes->len);
    return conn_send_fd(cursor->fd, bytes->data, bytes->len);
}

/* The socket did not take all: the rest waits. False when the connection is dead. */
static bool catch_up_cut(struct delivery *delivery, struct cursor *cursor,
                         const struct message *message, struct refbuf *bytes, ssize_t sent)
{
    struct conn *conn = cursor->session->conn;
    ssize_t written = cursor->sealed ? sent : conn_write_result(conn, sent);

    if (written < 0)
        return false;
    cursor->seq = message->seq;
    catch_up_count(delivery, 1, written);
    conn_hold(conn, bytes, (size_t)written);
    return conn_is_open(conn);
}

/* Answers a poll with a message for which there is no response to be shared. */
static void catch_up_answer_single(struct delivery *delivery, struct session *session,
                                   struct message *message, uint64_t head)
{
    struct refbuf *payload = message_encoding(
        message, (enum dialect)session_cursor(session)->dialect, &delivery->encoder);
    ssize_t written = -1;

    if (payload == NULL)
        conn_close(session->conn, CLOSE_NO_MEMORY);
    else
        written = session->ops->answer(session, &payload, 1);
    if (written < 0)
        return;
    session_cursor(session)->seq = head;
    catch_up_count(delivery, 1, written);
}

/* Sends a poll its response past everything but the cursor. */
static void catch_up_poll(struct delivery *delivery, struct cursor *cursor, struct message *message,
                          uint64_t head)
{
    struct session *session = cursor->session;
    uint8_t answer = cursor->answer;
    struct refbuf *response = message_response(message, (enum dialect)cursor->dialect,
                                               poll_response_form(answer), &delivery->encoder);
    ssize_t sent;

    if (UNLIKELY(response == NULL)) {
        catch_up_answer_single(delivery, session, message, head);
        return;
    }
    sent = catch_up_send(cursor, response);
    if (UNLIKELY(sent != (ssize_t)response->len)) {
        if (catch_up_cut(delivery, cursor, message, response, sent))
            session->ops->answered(session);
        return;
    }
    cursor->seq = head;
    cursor->answer = 0;
    cursor->fd = -1;
    cursor->lag = SESSION_AWAY; /* as a CURRENT one it is in no list */
    catch_up_count(delivery, 1, sent);
    if (poll_response_is_told(answer) || UNLIKELY(cursor->sealed))
        session->ops->answered(session);
}

void catch_up_single(struct delivery *delivery, uint32_t slot, struct message *message,
                     uint64_t head)
{
    struct cursor *cursor = &delivery->cursors.cursors[slot];
    struct refbuf *encoding;
    ssize_t sent;

    assert(!conn_pending(cursor->session->conn));
    assert(catch_up_due_is(delivery, cursor->session, message));
    if (cursor->answer != 0) {
        catch_up_poll(delivery, cursor, message, head);
        return;
    }
    encoding = message_encoding(message, (enum dialect)cursor->dialect, &delivery->encoder);
    if (UNLIKELY(encoding == NULL)) {
        conn_close(cursor->session->conn, CLOSE_NO_MEMORY);
        return;
    }
    sent = catch_up_send(cursor, encoding);
    if (UNLIKELY(sent != (ssize_t)encoding->len)) {
        (void)catch_up_cut(delivery, cursor, message, encoding, sent);
        return;
    }
    cursor->seq = head;
    catch_up_count(delivery, 1, sent);
}
