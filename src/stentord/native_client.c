#include "native_client.h"

#include <string.h>

#include "client_publish.h"
#include "client_send.h"
#include "encoder.h"
#include "engine_queue.h"
#include "io_thread.h"
#include "limits.h"
#include "neighbours.h"
#include "permission.h"
#include "room_query.h"
#include "server.h"
#include "stentor/wire/native.h"
#include "stentor/wire/packjson.h"
#include "ws_handshake.h"

static const uint8_t native_ping[] = {0x80 | WS_PING, 0};

static bool native_is_msgpack(const struct session *session)
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
    if (frame.failed)
        conn_close(ws->conn, CLOSE_NO_MEMORY);
    else
        conn_send(ws->conn, frame.data, frame.len);
    strbuf_free(&frame);
}

static void native_send(struct ws_conn *ws, const struct strbuf *text)
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

/* A native client is in one namespace: that of its first room, which is everyone's. */
static int native_namespace(const struct session *session)
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

static const struct session_ops native_session_ops = {
    .neighbours = native_neighbours,
    .gap = native_gap,
    .too_slow = native_too_slow,
    .kick = native_kick,
    .address = native_address,
    .directed = native_directed,
};

static uint64_t native_head(const struct session *session)
{
    return journal_head(&session->delivery->journal);
}

/* `*later`: the answer comes with the client's place in a grid. */
static const char *native_join(struct session *session, struct span room, struct span id,
                               bool *later)
{
    const struct neighbours_asker asker = {.wanted = true, .tag = id};
    const char *error = permission_join(session->delivery->config, room, session->trusted);
    int namespace = native_namespace(session);

    if (error == NULL)
        error =
            session_join_error(session_join_room(session, namespace, room, native_head(session)));
    *later = error == NULL && neighbours_join(session, namespace, room, &asker, &error);
    return error;
}

static const char *native_auth(struct session *session, const char *key)
{
    session->trusted =
        permission_is_key(session->delivery->config, (struct span){key, strlen(key)});
    return session->trusted ? NULL : "the key is not one of client_keys";
}

static const char *native_leave(struct session *session, struct span room)
{
    if (room.len == 0 || !session_leave(session, native_namespace(session), room))
        return "you are not in that room";
    return NULL;
}

/* A message from the client: JSON, and what its placeholders stand for. */
struct native_request {
    struct span text;
    struct refbuf *const *attachments;
    size_t attachment_count;
    bool limited; /* it is to be refused: the client says too much */
};

/* What was sent has arrived, or cannot: answers the client's command. */
static void native_sent(struct directed *directed)
{
    struct io_thread *thread = directed->origin;
    struct session *session = session_find(&thread->delivery, directed->sender);
    const char *error = directed_error(directed->result);
    struct strbuf answer = STRBUF_INIT;

    if (session == NULL || session->ops != &native_session_ops)
        return; /* the sender has gone */
    if (error != NULL) {
        stats_add(&thread->stats.client_events_refused, 1);
        native_append_error(&answer, directed->tag, error);
    } else {
        native_append_ack(&answer, directed->tag);
    }
    native_send(session->client, &answer);
    strbuf_free(&answer);
}

/* Later there will be an answer, unless there is an error now. */
static const char *native_send_to(struct ws_conn *ws, const struct native_command *command,
                                  const struct native_request *request, char error[ENVELOPE_ERROR])
{
    const struct session *session = ws->client;
    const struct client_sending sending = {
        .session = session,
        .namespace = native_namespace(session),
        .trusted = session->trusted,
        .envelope = request->text,
        .attachments = request->attachments,
        .attachment_count = request->attachment_count,
        .done = native_sent,
        .tag = command->id,
    };

    return client_send(ws->conn->thread, &sending, error) ? NULL : error;
}

/* Does what the command says; NULL or what was wrong with it. `*later`: its answer follows. */
static const char *native_execute(struct ws_conn *ws, const struct native_command *command,
                                  const struct native_request *request, bool *later,
                                  char error[ENVELOPE_ERROR])
{
    struct session *session = ws->client;
    struct span room = {command->room, command->room != NULL ? strlen(command->room) : 0};

    switch (command->type) {
    case NATIVE_AUTH:
        return native_auth(session, command->key);
    case NATIVE_JOIN:
        return native_join(session, room, command->id, later);
    case NATIVE_LEAVE:
        return native_leave(session, room);
    case NATIVE_PUBLISH:
        return client_publish(ws->conn->thread, native_namespace(session), session->trusted,
                              request->text, request->attachments, request->attachment_count, error)
                   ? NULL
                   : error;
    case NATIVE_SEND:
        *later = true;
        return native_send_to(ws, command, request, error);
    case NATIVE_PING:
        return NULL;
    }
    return NULL;
}

/* Answers have no binary data, so an `id` must have none. */
static const char *native_check_id(struct native_command *command,
                                   const struct native_request *request)
{
    if (request->attachment_count == 0 || command->id.len == 0 ||
        (*command->id.ptr != '{' && *command->id.ptr != '['))
        return NULL;
    command->id.len = 0;
    return "\"id\" must be a text or a number in a command with binary data";
}

static void native_handle(struct ws_conn *ws, const struct native_request *request)
{
    struct stats *stats = &ws->conn->thread->stats;
    struct native_command command;
    struct strbuf answer = STRBUF_INIT;
    char buffer[ENVELOPE_ERROR];
    const char *error = NULL;
    bool later = false;

    if (native_parse(request->text.ptr, request->text.len, &command, &error))
        error = native_check_id(&command, request);
    if (request->limited)
        error = CLIENT_LIMIT_ERROR;
    if (error == NULL)
        error = native_execute(ws, &command, request, &later, buffer);
    if (error != NULL) {
        stats_add(&stats->client_events_refused, 1);
        native_append_error(&answer, command.id, error);
    } else if (command.type == NATIVE_PING) {
        native_append_pong(&answer, command.id);
    } else if (!later) {
        native_append_ack(&answer, command.id);
    }
    if (answer.len > 0 || answer.failed)
        native_send(ws, &answer);
    strbuf_free(&answer);
    native_command_free(&command);
}

static void native_handle_msgpack(struct ws_conn *ws, const uint8_t *payload, size_t len,
                                  bool limited)
{
    struct strbuf answer = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    if (packjson_decode(&decoded, payload, len, &error)) {
        native_handle(ws, &(struct native_request){
                              .text = {decoded.json.data, decoded.json.len},
                              .attachments = decoded.attachments,
                              .attachment_count = decoded.attachment_count,
                              .limited = limited,
                          });
    } else {
        stats_add(&ws->conn->thread->stats.client_events_refused, 1);
        native_append_error(&answer, (struct span){"", 0}, error);
        native_send(ws, &answer);
    }
    packjson_free(&decoded);
    strbuf_free(&answer);
}

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
        native_handle_msgpack(ws, payload, len, verdict != CLIENT_LIMIT_PASS);
    else
        native_handle(ws, &(struct native_request){.text = {(const char *)payload, len},
                                                   .limited = verdict != CLIENT_LIMIT_PASS});
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
    if (answer->failed)
        conn_close(session->conn, CLOSE_NO_MEMORY);
    else
        conn_send(session->conn, answer->data, answer->len);
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
