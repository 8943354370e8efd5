#include "sse_client.h"

#include <string.h>

#include "cors.h"
#include "delivery.h"
#include "encoder.h"
#include "engine_queue.h"
#include "http_response.h"
#include "io_thread.h"
#include "limits.h"
#include "room_query.h"
#include "stentor/base/clock.h"
#include "stentor/wire/native.h"
#include "stentor/wire/sse.h"

/* --- The stream. The connection's state is the session. */

static void sse_gap(struct session *session, const struct room *room, uint64_t from, uint64_t to)
{
    struct strbuf data = STRBUF_INIT, event = STRBUF_INIT;

    strbuf_append_char(&data, '{');
    native_append_gap_members(&data, room_name(room), from, to);
    strbuf_append_char(&data, '}');
    sse_append_event(&event, 0, (struct span){"gap", 3}, (struct span){data.data, data.len});
    event.failed |= data.failed;
    conn_send_text(session->conn, &event);
    strbuf_free(&data);
    strbuf_free(&event);
}

/* Nothing but its end can be told; the client will come back with its Last-Event-ID. */
static void sse_too_slow(struct session *session)
{
    conn_close(session->conn, CLOSE_TOO_SLOW);
}

static const uint8_t *sse_address(const struct session *session, int namespace)
{
    return session->membership_count > 0 && session->memberships[0].room->namespace == namespace
               ? session->id
               : NULL;
}

static enum directed_result sse_directed(struct session *session, const struct directed *directed)
{
    struct conn *conn = session->conn;
    struct strbuf event = STRBUF_INIT;

    if (outq_behind_first(conn->out) > ENGINE_QUEUE_MAX) {
        conn_close(conn, CLOSE_QUEUE_FULL);
        return DIRECTED_FULL;
    }
    encoder_native_directed_sse(directed->message, &event);
    conn_send_text(conn, &event);
    strbuf_free(&event);
    return conn_is_open(conn) ? DIRECTED_QUEUED : DIRECTED_NO_MEMORY;
}

static void sse_kick(struct session *session)
{
    conn_finish(session->conn, CLOSE_KICKED);
    session_close(session);
}

static const struct session_ops sse_session_ops = {
    .address = sse_address,
    .directed = sse_directed,
    .gap = sse_gap,
    .too_slow = sse_too_slow,
    .kick = sse_kick,
};

static void sse_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    (void)conn; /* whatever a client may want behind this request, its answer has no end */
    (void)data;
    (void)len;
}

static void sse_on_eof(struct conn *conn)
{
    conn_close(conn, CLOSE_PEER);
}

static void sse_on_blocked(struct conn *conn)
{
    struct session *session = conn->state;

    delivery_blocked(session->delivery, session);
}

static void sse_on_progress(struct conn *conn)
{
    (void)conn;
}

static void sse_on_drained(struct conn *conn)
{
    struct session *session = conn->state;

    delivery_drained(session->delivery, session);
}

/* A comment, so that proxies see that the connection is in use, and that we see when it is not:
 * the system gives up on what is not acknowledged in ping_timeout. */
static void sse_on_deadline(struct conn *conn)
{
    conn_set_deadline(conn, clock_ms() + (uint64_t)conn->thread->config->ping_interval);
    stats_add(&conn->thread->stats.pings, 1);
    if (!conn_pending(conn))
        conn_send(conn, SSE_COMMENT, strlen(SSE_COMMENT));
}

static void sse_on_goodbye(struct conn *conn)
{
    session_close(conn->state);
    conn_finish(conn, CLOSE_SHUTDOWN);
}

static void sse_on_close(struct conn *conn)
{
    stats_sub(&conn->thread->stats.clients_sse, 1);
    session_close(conn->state);
}

static void sse_on_free(struct conn *conn)
{
    struct session *session = conn->state;

    session_free(&session);
}

static const struct conn_protocol sse_protocol = {
    .name = "sse",
    .on_data = sse_on_data,
    .on_eof = sse_on_eof,
    .on_blocked = sse_on_blocked,
    .on_progress = sse_on_progress,
    .on_drained = sse_on_drained,
    .on_deadline = sse_on_deadline,
    .on_goodbye = sse_on_goodbye,
    .on_close = sse_on_close,
    .on_free = sse_on_free,
};

/* --- The request */

/* The first event: with its id clients come back if the connection is lost before another. (By the
 * standard an id alone would do, but not all of them know that.) */
static void sse_append_hello(struct strbuf *out, const struct session *session, int namespace)
{
    uint64_t seq = session_cursor(session)->seq;
    const char *name = session->delivery->config->namespaces[namespace];
    struct strbuf data = STRBUF_INIT;
    char id[SESSION_ID_TEXT];

    session_id_text(session->id, id);
    strbuf_printf(&data, "{\"session\":\"%s\",\"namespace\":", id);
    json_append_string(&data, name, strlen(name));
    strbuf_printf(&data, ",\"seq\":%llu}", (unsigned long long)seq);
    sse_append_retry(out, (unsigned)session->delivery->config->sse_retry);
    sse_append_event(out, seq, (struct span){"hello", 5}, (struct span){data.data, data.len});
    out->failed |= data.failed;
    strbuf_free(&data);
}

/* Sends the head of the answer and the beginning of the stream in one call. */
static void sse_begin(struct session *session, int namespace, unsigned cors_kind)
{
    const struct config *config = session->delivery->config;
    struct strbuf out = STRBUF_INIT;

    strbuf_append_str(&out, "HTTP/1.1 200 OK\r\nContent-Type: " SSE_CONTENT_TYPE "\r\n"
                            "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
    cors_append(&out, config, cors_kind);
    strbuf_append_str(&out, "Connection: close\r\n\r\n");
    sse_append_hello(&out, session, namespace);
    conn_send_text(session->conn, &out);
    strbuf_free(&out);
}

static void sse_start(struct http_conn *http, const struct room_query *query)
{
    struct conn *conn = http->conn;
    struct io_thread *thread = conn->thread;
    unsigned cors_kind = cors_find(thread->config, http->msg);
    struct session *session = session_new(&thread->delivery, conn, DIALECT_SSE, &sse_session_ops,
                                          NULL, room_query_cursor(query, thread));

    if (session == NULL) {
        http_respond_error(http, 503, NULL, "no_memory",
                           "the server has no memory; try again later");
        return;
    }
    conn_set_timeout(conn, thread->config->ping_timeout);
    http_conn_upgrade(http, &sse_protocol, session);
    stats_add(&thread->stats.clients_sse, 1);
    conn_set_deadline(conn, io_thread_first_ping(thread, clock_ms()));
    sse_begin(session, query->namespace, cors_kind);
    if (!session_is_gone(session) && room_query_join(query, session) != NULL)
        conn_close(conn, CLOSE_NO_MEMORY); /* what else can go wrong was checked before */
    if (!session_is_gone(session) && room_query_from_future(query, thread->server))
        room_query_tell_unknown(session);
    if (!session_is_gone(session))
        delivery_catch_up(&thread->delivery, session);
}

static bool sse_on_head(struct http_conn *http)
{
    struct room_query query;

    if (http_method_is(http->msg, HTTP_OPTIONS))
        return true;
    if (!limits_admit(http))
        return false;
    if (room_query_parse(http, &query) && room_query_last_event_id(http, &query))
        sse_start(http, &query);
    room_query_free(&query);
    return false;
}

const struct endpoint sse_endpoint = {
    .path = "/events",
    .cors = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_OPTIONS,
    .allow = "GET, OPTIONS",
    .on_head = sse_on_head,
    .on_request = cors_on_preflight,
};
