#include "native_client.h"

#include <string.h>

#include "encoder.h"
#include "engine_queue.h"
#include "io_thread.h"
#include "limits.h"
#include "native_priv.h"
#include "neighbours.h"
#include "room_query.h"
#include "server.h"
#include "stentor/wire/native.h"
#include "stentor/wire/packjson.h"
#include "ws_handshake.h"

static const uint8_t native_ping[] = {0x80 | WS_PING, 0};

bool native_is_msgpack(const struct session *session)
{
    uint8_t dialect = session_cursor(session)->dialect;

    return dialect == DIALECT_NATIVE_MSGPACK || dialect == DIALECT_NATIVE_MSGPACK_DEFLATE;
}

/* Appends a frame with the object, whose JSON is given, in the client's form; for MessagePack with
 * what its placeholders stand for. */
static void native_append_frame(struct strbuf *out, const struct session *session,
                                const struct strbuf *text, struct refbuf *const *attachments,
                                size_t attachment_count)
{
    struct strbuf packed = STRBUF_INIT;

    if (text->failed) {
        out->failed = true;
    } else if (native_is_msgpack(session)) {
        packjson_encode(&packed, (struct span){text->data, text->len}, attachments,
                        attachment_count);
        ws_append_frame(out, WS_BINARY, false, packed.data, packed.len);
        out->failed |= packed.failed;
    } else {
        ws_append_frame(out, WS_TEXT, false, text->data, text->len);
    }
    strbuf_free(&packed);
}

static void native_send_with(struct ws_conn *ws, const struct strbuf *text,
                             struct refbuf *const *attachments, size_t attachment_count)
{
    struct strbuf frame = STRBUF_INIT;

    native_append_frame(&frame, ws->client, text, attachments, attachment_count);
    conn_send_text(ws->conn, &frame);
    strbuf_free(&frame);
}

void native_send(struct ws_conn *ws, const struct strbuf *text)
{
    native_send_with(ws, text, NULL, 0);
}

static void native_gap(struct session *session, const struct room *room, uint64_t from, uint64_t to)
{
    struct strbuf text = STRBUF_INIT;

    native_append_gap(&text, room_name(room), from, to);
    native_send(session->client, &text);
    strbuf_free(&text);
}

static void native_too_slow(struct session *session)
{
    ws_conn_close(session->client, WS_CODE_POLICY, "too far behind", CLOSE_TOO_SLOW);
}

static void native_kick(struct session *session)
{
    ws_conn_close(session->client, WS_CODE_POLICY, "closed by an operator", CLOSE_KICKED);
}

int native_namespace(const struct session *session)
{
    return session->memberships[0].room->namespace;
}

static const uint8_t *native_address(const struct session *session, int namespace)
{
    return session->membership_count > 0 && native_namespace(session) == namespace ? session->id
                                                                                   : NULL;
}

/* Closes a client for which too much waits. */
static bool native_has_room(struct ws_conn *ws)
{
    if (outq_behind_first(ws->conn->out) <= ENGINE_QUEUE_MAX)
        return true;
    ws_conn_close(ws, WS_CODE_POLICY, close_reason_text(CLOSE_QUEUE_FULL), CLOSE_QUEUE_FULL);
    return false;
}

static enum directed_result native_directed(struct session *session,
                                            const struct directed *directed)
{
    const struct message *message = directed->message;
    struct ws_conn *ws = session->client;
    struct strbuf text = STRBUF_INIT;
    char from[SESSION_ID_TEXT];

    if (!native_has_room(ws))
        return DIRECTED_FULL;
    session_id_text(directed->from, from);
    encoder_native_directed(message, directed->has_from ? from : NULL, !native_is_msgpack(session),
                            &text);
    native_send_with(ws, &text, message->attachments, message->attachment_count);
    strbuf_free(&text);
    return conn_is_open(ws->conn) ? DIRECTED_QUEUED : DIRECTED_NO_MEMORY;
}

static void native_neighbours(struct session *session, int namespace,
                              const struct neighbours_news *news,
                              const struct neighbours_asker *asker)
{
    struct ws_conn *ws = session->client;
    struct strbuf text = STRBUF_INIT;
    struct neighbours_ids ids;

    (void)namespace;
    if (!native_has_room(ws))
        return;
    if (news == NULL) {
        native_append_error(&text, asker->tag, session_join_error(SESSION_NO_MEMORY));
        native_send(ws, &text);
        strbuf_free(&text);
        return;
    }
    if (asker != NULL) {
        native_append_ack(&text, asker->tag);
        native_send(ws, &text);
        strbuf_clear(&text);
    }
    neighbours_ids(news, &ids);
    native_append_neighbours(&text, news->room->name, news->x, news->y, ids.ids);
    if (conn_is_open(ws->conn))
        native_send(ws, &text);
    strbuf_free(&text);
}

const struct session_ops native_session_ops = {
    .neighbours = native_neighbours,
    .gap = native_gap,
    .too_slow = native_too_slow,
    .kick = native_kick,
    .address = native_address,
    .directed = native_directed,
};

static int native_on_message(struct ws_conn *ws, enum ws_opcode opcode, const uint8_t *payload,
                             size_t len)
{
    bool msgpack = native_is_msgpack(ws->client);
    enum client_limit_verdict verdict;

    if (opcode != (msgpack ? WS_BINARY : WS_TEXT))
        return WS_CODE_UNSUPPORTED;
    stats_add(&ws->conn->thread->stats.client_events, 1);
    verdict = session_limit(ws->client, len);
    if (verdict == CLIENT_LIMIT_CLOSE)
        ws_conn_close(ws, WS_CODE_POLICY, close_reason_text(CLOSE_RATE_LIMITED),
                      CLOSE_RATE_LIMITED);
    else if (msgpack)
        native_command_packed(ws, payload, len, verdict != CLIENT_LIMIT_PASS);
    else
        native_command_text(ws, payload, len, verdict != CLIENT_LIMIT_PASS);
    return 0;
}

static void native_on_blocked(struct ws_conn *ws)
{
    struct session *session = ws->client;

    if (session != NULL)
        delivery_blocked(session->delivery, session);
}

static void native_on_drained(struct ws_conn *ws)
{
    struct session *session = ws->client;

    delivery_drained(session->delivery, session);
}

static void native_on_close(struct ws_conn *ws)
{
    if (ws->client == NULL)
        return;
    stats_sub(&ws->conn->thread->stats.clients_native, 1);
    session_close(ws->client);
}

static void native_on_free(struct ws_conn *ws)
{
    struct session *session = ws->client;

    session_free(&session);
}

static const struct ws_app native_app = {
    .name = "native",
    .ping = native_ping,
    .ping_len = sizeof(native_ping),
    .on_message = native_on_message,
    .on_blocked = native_on_blocked,
    .on_drained = native_on_drained,
    .on_close = native_on_close,
    .on_free = native_on_free,
};

/* Sends the handshake's answer and the hello behind it. */
static void native_hello(struct session *session, int namespace, struct strbuf *answer)
{
    struct strbuf text = STRBUF_INIT;
    char id[SESSION_ID_TEXT];

    session_id_text(session->id, id);
    native_append_hello(&text, id, session->delivery->config->namespaces[namespace],
                        session_cursor(session)->seq);
    native_append_frame(answer, session, &text, NULL, 0);
    conn_send_text(session->conn, answer);
    strbuf_free(&text);
}

static void native_start(struct ws_conn *ws, const struct room_query *query, bool msgpack,
                         struct strbuf *answer)
{
    struct io_thread *thread = ws->conn->thread;
    struct session *session = session_new(
        &thread->delivery, ws->conn,
        dialect_with_deflate(msgpack ? DIALECT_NATIVE_MSGPACK : DIALECT_NATIVE, ws->deflate),
        &native_session_ops, ws, room_query_cursor(query, thread));
    const char *error;

    if (session == NULL) {
        conn_close(ws->conn, CLOSE_NO_MEMORY);
        return;
    }
    ws->client = session;
    stats_add(&thread->stats.clients_native, 1);
    ws_conn_start(ws);
    native_hello(session, query->namespace, answer);
    if (session_is_gone(session))
        return;
    error = room_query_join(query, session);
    if (error != NULL) {
        ws_conn_close(ws, WS_CODE_POLICY, error, CLOSE_PROTOCOL_ERROR);
        return;
    }
    if (room_query_from_future(query, thread->server))
        room_query_tell_unknown(session);
    if (!session_is_gone(session))
        delivery_catch_up(&thread->delivery, session);
}

/* The first of the client's subprotocols that is known here; NULL when it offers none. */
static const char *native_subprotocol(const struct http_conn *http)
{
    struct strbuf offers = STRBUF_INIT;
    struct span list, offer;
    const char *chosen = NULL;

    if (http_header_joined(http->msg, "sec-websocket-protocol", &offers)) {
        list = (struct span){offers.data, offers.len};
        while (chosen == NULL && http_list_next(&list, &offer))
            chosen = http_span_equals(offer, NATIVE_SUBPROTOCOL) ? NATIVE_SUBPROTOCOL
                     : http_span_equals(offer, NATIVE_SUBPROTOCOL_MSGPACK)
                         ? NATIVE_SUBPROTOCOL_MSGPACK
                         : NULL;
    }
    strbuf_free(&offers);
    return chosen;
}

static bool native_on_head(struct http_conn *http)
{
    struct strbuf answer = STRBUF_INIT;
    struct room_query query;

    if (!ws_handshake_check(http) || !limits_admit(http))
        return false;
    if (room_query_parse(http, &query)) {
        const char *subprotocol = native_subprotocol(http);
        bool msgpack = subprotocol != NULL && strcmp(subprotocol, NATIVE_SUBPROTOCOL_MSGPACK) == 0;
        struct ws_conn *ws = ws_handshake_accept(http, &native_app, subprotocol, &answer);
        if (ws != NULL)
            native_start(ws, &query, msgpack, &answer);
    }
    strbuf_free(&answer);
    room_query_free(&query);
    return false;
}

const struct endpoint native_endpoint = {
    .path = "/ws",
    .methods = 1u << HTTP_GET,
    .allow = "GET",
    .on_head = native_on_head,
};
