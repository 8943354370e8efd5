#include "native_client.h"

#include <string.h>

#include "client_publish.h"
#include "io_thread.h"
#include "room_query.h"
#include "server.h"
#include "stentor/wire/native.h"
#include "ws_handshake.h"

static const uint8_t native_ping[] = {0x80 | WS_PING, 0};

static void native_send(struct ws_conn *ws, const struct strbuf *text)
{
    if (text->failed)
        conn_close(ws->conn, CLOSE_NO_MEMORY);
    else
        ws_conn_send(ws, WS_TEXT, text->data, text->len);
}

static void native_gap(struct session *session, const struct room *room, uint64_t from, uint64_t to)
{
    struct strbuf text = STRBUF_INIT;

    native_append_gap(&text, room->name_len > 0 ? room->name : NULL, from, to);
    native_send(session->client, &text);
    strbuf_free(&text);
}

static void native_too_slow(struct session *session)
{
    ws_conn_close(session->client, WS_CODE_POLICY, "too far behind", CLOSE_TOO_SLOW);
}

static const struct session_ops native_session_ops = {
    .gap = native_gap,
    .too_slow = native_too_slow,
};

/* A native client is in one namespace: that of its first room, which is everyone's. */
static int native_namespace(const struct session *session)
{
    return session->memberships[0].room->namespace;
}

static uint64_t native_head(const struct session *session)
{
    return journal_head(&session->delivery->journal);
}

static const char *native_join(struct session *session, struct span room)
{
    enum session_join_result result;

    if (!session->delivery->config->client_join)
        return "clients may not join rooms (client_join)";
    result = session_join_room(session, native_namespace(session), room, native_head(session));
    return session_join_error(result);
}

static const char *native_leave(struct session *session, struct span room)
{
    if (room.len == 0 || !session_leave(session, native_namespace(session), room))
        return "you are not in that room";
    return NULL;
}

/* Does what the command says; NULL or what was wrong with it. */
static const char *native_execute(struct ws_conn *ws, const struct native_command *command,
                                  struct span text, char error[ENVELOPE_ERROR])
{
    struct session *session = ws->client;
    struct span room = {command->room, command->room != NULL ? strlen(command->room) : 0};

    switch (command->type) {
    case NATIVE_JOIN:
        return native_join(session, room);
    case NATIVE_LEAVE:
        return native_leave(session, room);
    case NATIVE_PUBLISH:
        return client_publish(ws->conn->thread, native_namespace(session), text, NULL, 0, error)
                   ? NULL
                   : error;
    case NATIVE_PING:
        return NULL;
    }
    return NULL;
}

static int native_on_message(struct ws_conn *ws, enum ws_opcode opcode, const uint8_t *payload,
                             size_t len)
{
    struct stats *stats = &ws->conn->thread->stats;
    struct native_command command;
    struct strbuf answer = STRBUF_INIT;
    char buffer[ENVELOPE_ERROR];
    const char *error = NULL;

    if (opcode != WS_TEXT)
        return WS_CODE_UNSUPPORTED;
    stats_add(&stats->client_events, 1);
    if (native_parse((const char *)payload, len, &command, &error))
        error = native_execute(ws, &command, (struct span){(const char *)payload, len}, buffer);
    if (error != NULL) {
        stats_add(&stats->client_events_refused, 1);
        native_append_error(&answer, command.id, error);
    } else if (command.type == NATIVE_PING) {
        native_append_pong(&answer, command.id);
    } else {
        native_append_ack(&answer, command.id);
    }
    native_send(ws, &answer);
    strbuf_free(&answer);
    native_command_free(&command);
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

    session_id_text(session->node.id, id);
    native_append_hello(&text, id, session->delivery->config->namespaces[namespace],
                        session_cursor(session)->seq);
    ws_append_frame(answer, WS_TEXT, false, text.data, text.len);
    if (answer->failed || text.failed)
        conn_close(session->conn, CLOSE_NO_MEMORY);
    else
        conn_send(session->conn, answer->data, answer->len);
    strbuf_free(&text);
}

/* A `since` from the future is another server's, or this one's with another clock: nothing that the
 * client has can be told from what it lacks. */
static void native_tell_unknown(struct session *session)
{
    for (uint32_t i = 0; i < session->membership_count && !session_is_gone(session); i++)
        native_gap(session, session->memberships[i].room, 0, native_head(session));
}

static enum session_join_result native_join_all(struct session *session,
                                                const struct room_query *query)
{
    uint64_t cursor = session_cursor(session)->seq;
    enum session_join_result result =
        session_join(session, query->namespace, (struct span){"", 0}, cursor);

    for (size_t i = 0; i < query->room_count && session_join_error(result) == NULL; i++)
        result = session_join_room(session, query->namespace, query->rooms[i], cursor);
    return result;
}

static void native_start(struct ws_conn *ws, const struct room_query *query, struct strbuf *answer)
{
    struct io_thread *thread = ws->conn->thread;
    uint64_t head = journal_head(&thread->delivery.journal);
    /* A client may have been given, by another thread, what this one has yet to receive. */
    bool unknown =
        query->has_since &&
        query->since > atomic_load_explicit(&thread->server->newest_seq, memory_order_relaxed);
    uint64_t cursor = query->has_since && !unknown ? query->since : head;
    struct session *session =
        session_new(&thread->delivery, ws->conn, dialect_with_deflate(DIALECT_NATIVE, ws->deflate),
                    &native_session_ops, ws, cursor);
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
    error = session_join_error(native_join_all(session, query));
    if (error != NULL) {
        ws_conn_close(ws, WS_CODE_POLICY, error, CLOSE_PROTOCOL_ERROR);
        return;
    }
    if (unknown)
        native_tell_unknown(session);
    if (!session_is_gone(session))
        delivery_catch_up(&thread->delivery, session);
}

static bool native_on_head(struct http_conn *http)
{
    struct strbuf answer = STRBUF_INIT;
    struct room_query query;

    if (!ws_handshake_check(http))
        return false;
    if (room_query_parse(http, &query)) {
        struct ws_conn *ws = ws_handshake_accept(http, &native_app, NATIVE_SUBPROTOCOL, &answer);
        if (ws != NULL)
            native_start(ws, &query, &answer);
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
