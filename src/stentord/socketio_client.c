#include "socketio_client.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"
#include "stentor/wire/engine_io.h"
#include "ws_handshake.h"

/* The heartbeat is a text message with an Engine.IO ping packet. */
static const uint8_t socketio_ping[] = {0x80 | WS_TEXT, 1, ENGINE_IO_PING};

static const struct config *socketio_config(const struct socketio_client *client)
{
    return client->ws->conn->thread->config;
}

void socketio_client_send(struct socketio_client *client, const struct socket_io_packet *head,
                          struct span data)
{
    struct strbuf text = STRBUF_INIT;

    strbuf_append_char(&text, ENGINE_IO_MESSAGE);
    socket_io_append_head(&text, head);
    strbuf_append(&text, data.ptr, data.len);
    if (text.failed)
        conn_close(client->ws->conn, CLOSE_NO_MEMORY);
    else
        ws_conn_send(client->ws, WS_TEXT, text.data, text.len);
    strbuf_free(&text);
}

/* The client's connection to a namespace; NULL without one. */
static struct socketio_socket *socketio_find(const struct socketio_client *client, int namespace)
{
    for (uint32_t i = 0; i < client->socket_count; i++)
        if (client->sockets[i].namespace == namespace)
            return &client->sockets[i];
    return NULL;
}

static struct socketio_socket *socketio_add_socket(struct socketio_client *client, int namespace)
{
    struct socketio_socket *sockets = client->sockets;

    if (client->socket_count > 0) {
        sockets = malloc((client->socket_count + 1) * sizeof(*sockets));
        if (sockets == NULL)
            return NULL;
        memcpy(sockets, client->sockets, client->socket_count * sizeof(*sockets));
        if (client->sockets != &client->first)
            free(client->sockets);
        client->sockets = sockets;
    }
    sockets[client->socket_count].namespace = namespace;
    session_id_make(client->session->delivery, sockets[client->socket_count].id);
    return &sockets[client->socket_count++];
}

static void socketio_gap(struct session *session, const struct room *room, uint64_t from,
                         uint64_t to)
{
    struct socketio_client *client = session->client;
    const char *namespace = socketio_config(client)->namespaces[room->namespace];
    struct socket_io_packet head = {
        .type = SOCKET_IO_EVENT,
        .namespace = {namespace, strlen(namespace)},
    };
    struct strbuf data = STRBUF_INIT;

    strbuf_append_str(&data, "[\"gap\",{\"room\":");
    if (room->name_len > 0)
        json_append_string(&data, room->name, room->name_len);
    else
        strbuf_append_str(&data, "null");
    strbuf_printf(&data, ",\"from\":%llu,\"to\":%llu}]", (unsigned long long)from,
                  (unsigned long long)to);
    socketio_client_send(client, &head, (struct span){data.data, data.len});
    strbuf_free(&data);
}

static void socketio_too_slow(struct session *session)
{
    struct socketio_client *client = session->client;

    ws_conn_close(client->ws, WS_CODE_POLICY, "too far behind", CLOSE_TOO_SLOW);
}

static const struct session_ops socketio_session_ops = {
    .gap = socketio_gap,
    .too_slow = socketio_too_slow,
};

static void socketio_refuse(struct socketio_client *client, const struct socket_io_packet *packet,
                            const char *message)
{
    struct socket_io_packet head = {
        .type = SOCKET_IO_CONNECT_ERROR,
        .namespace = packet->namespace,
    };
    struct strbuf data = STRBUF_INIT;

    strbuf_append_str(&data, "{\"message\":");
    json_append_string(&data, message, strlen(message));
    strbuf_append_char(&data, '}');
    socketio_client_send(client, &head, (struct span){data.data, data.len});
    strbuf_free(&data);
}

static void socketio_welcome(struct socketio_client *client, const struct socket_io_packet *packet,
                             const struct socketio_socket *socket)
{
    struct socket_io_packet head = {.type = SOCKET_IO_CONNECT, .namespace = packet->namespace};
    struct strbuf data = STRBUF_INIT;
    char id[SESSION_ID_TEXT];

    session_id_text(socket->id, id);
    strbuf_printf(&data, "{\"sid\":\"%s\"}", id);
    socketio_client_send(client, &head, (struct span){data.data, data.len});
    strbuf_free(&data);
}

/* Joins the rooms that the client's `auth` names: {"rooms": ["a", "b"]}. NULL or what is wrong. */
static const char *socketio_join_auth_rooms(struct socketio_client *client, int namespace,
                                            const json_t *auth)
{
    const json_t *rooms = json_object_get(auth, "rooms");
    const char *error = NULL;

    if (rooms != NULL && !json_is_array(rooms))
        return "auth.rooms must be an array of rooms' names";
    for (size_t i = 0; i < json_array_size(rooms) && error == NULL; i++) {
        const json_t *room = json_array_get(rooms, i);

        error = !json_is_string(room)
                    ? "auth.rooms must be an array of rooms' names"
                    : socketio_event_join(
                          client, namespace,
                          (struct span){json_string_value(room), json_string_length(room)});
    }
    return error;
}

/* Takes the client out of everything in the namespace. */
static void socketio_leave_namespace(struct socketio_client *client, int namespace)
{
    struct session *session = client->session;

    for (uint32_t i = session->membership_count; i-- > 0;) {
        struct room *room = session->memberships[i].room;
        if (room->namespace == namespace)
            session_leave(session, namespace, (struct span){room->name, room->name_len});
    }
}

/* Joins everyone in the namespace, and the rooms in `auth`. NULL or what is wrong. */
static const char *socketio_join_namespace(struct socketio_client *client, int namespace,
                                           struct span auth_text)
{
    struct session *session = client->session;
    uint64_t head = journal_head(&session->delivery->journal);
    json_t *auth = json_loadb(auth_text.ptr, auth_text.len, json_load_flags(), NULL);
    const char *error =
        session_join_error(session_join(session, namespace, (struct span){"", 0}, head));

    if (error == NULL)
        error = socketio_join_auth_rooms(client, namespace, auth);
    if (error != NULL)
        socketio_leave_namespace(client, namespace);
    json_decref(auth);
    return error;
}

static int socketio_on_connect(struct socketio_client *client,
                               const struct socket_io_packet *packet)
{
    int namespace = config_find_namespace(socketio_config(client), packet->namespace.ptr,
                                          packet->namespace.len);
    struct socketio_socket *socket;
    const char *error;

    if (namespace < 0) {
        socketio_refuse(client, packet, "Invalid namespace");
        return 0;
    }
    if (socketio_find(client, namespace) != NULL)
        return WS_CODE_PROTOCOL_ERROR;
    error = socketio_join_namespace(client, namespace, packet->data);
    socket = error == NULL ? socketio_add_socket(client, namespace) : NULL;
    if (socket == NULL) {
        socketio_refuse(client, packet, error != NULL ? error : "the server has no memory");
        return 0;
    }
    ws_conn_set_limit(client->ws, 0);
    socketio_welcome(client, packet, socket);
    if (!session_is_gone(client->session))
        delivery_catch_up(client->session->delivery, client->session);
    return 0;
}

static void socketio_on_disconnect(struct socketio_client *client, struct socketio_socket *socket)
{
    socketio_leave_namespace(client, socket->namespace);
    *socket = client->sockets[--client->socket_count];
}

/* A packet with all its attachments. 0 or a close code. */
static int socketio_on_packet(struct socketio_client *client, const struct socket_io_packet *packet,
                              struct refbuf *const *attachments)
{
    int namespace = config_find_namespace(socketio_config(client), packet->namespace.ptr,
                                          packet->namespace.len);
    struct socketio_socket *socket = socketio_find(client, namespace);
    struct socketio_event event = {
        .packet = *packet,
        .namespace = namespace,
        .attachments = attachments,
        .attachment_count = packet->attachments,
    };

    if (packet->type == SOCKET_IO_CONNECT)
        return socketio_on_connect(client, packet);
    if (socket == NULL || packet->type == SOCKET_IO_CONNECT_ERROR)
        return WS_CODE_PROTOCOL_ERROR;
    if (packet->type == SOCKET_IO_DISCONNECT)
        socketio_on_disconnect(client, socket);
    else if (packet->type == SOCKET_IO_EVENT || packet->type == SOCKET_IO_BINARY_EVENT)
        socketio_event_handle(client, &event);
    return 0; /* nothing here asks for acknowledgements, so nothing waits for one */
}

static void socketio_free_partial(struct socketio_client *client)
{
    struct socketio_partial *partial = client->partial;

    if (partial == NULL)
        return;
    client->partial = NULL;
    for (unsigned i = 0; i < partial->count; i++)
        refbuf_unref(&partial->attachments[i]);
    strbuf_free(&partial->text);
    free(partial);
}

/* Keeps a packet until its attachments have come. */
static int socketio_begin_partial(struct socketio_client *client, const char *text, size_t len,
                                  unsigned expected)
{
    struct socketio_partial *partial = calloc(1, sizeof(*partial));

    if (partial == NULL)
        return WS_CODE_TRY_AGAIN_LATER;
    client->partial = partial;
    partial->expected = expected;
    strbuf_append(&partial->text, text, len);
    return partial->text.failed ? WS_CODE_TRY_AGAIN_LATER : 0;
}

static int socketio_on_text_packet(struct socketio_client *client, const char *text, size_t len)
{
    struct socket_io_packet packet;
    const char *error;

    if (client->partial != NULL || !socket_io_parse(text, len, &packet, &error))
        return WS_CODE_PROTOCOL_ERROR;
    if (packet.attachments > 0)
        return socketio_begin_partial(client, text, len, packet.attachments);
    return socketio_on_packet(client, &packet, NULL);
}

static int socketio_on_attachment(struct socketio_client *client, const uint8_t *data, size_t len)
{
    struct socketio_partial *partial = client->partial;
    struct socket_io_packet packet;
    const char *error;
    int result = 0;

    if (partial == NULL)
        return WS_CODE_PROTOCOL_ERROR;
    partial->bytes += len;
    if (partial->bytes > (size_t)socketio_config(client)->max_message_size)
        return WS_CODE_TOO_BIG;
    partial->attachments[partial->count] = refbuf_copy(data, len);
    if (partial->attachments[partial->count] == NULL)
        return WS_CODE_TRY_AGAIN_LATER;
    if (++partial->count < partial->expected)
        return 0;
    client->partial = NULL; /* the packet is complete, and its events may close the client */
    if (socket_io_parse(partial->text.data, partial->text.len, &packet, &error))
        result = socketio_on_packet(client, &packet, partial->attachments);
    client->partial = partial;
    socketio_free_partial(client);
    return result;
}

static int socketio_on_message(struct ws_conn *ws, enum ws_opcode opcode, const uint8_t *payload,
                               size_t len)
{
    struct socketio_client *client;
    const char *text = (const char *)payload;

    OBJ_CAST(client, ws->client, SOCKETIO_CLIENT_MAGIC);
    if (opcode == WS_BINARY)
        return socketio_on_attachment(client, payload, len);
    if (len == 0)
        return WS_CODE_PROTOCOL_ERROR;
    switch (text[0]) {
    case ENGINE_IO_MESSAGE:
        return socketio_on_text_packet(client, text + 1, len - 1);
    case ENGINE_IO_PONG:
    case ENGINE_IO_NOOP:
        return 0;
    case ENGINE_IO_CLOSE:
        ws_conn_close(ws, WS_CODE_NORMAL, "", CLOSE_PEER);
        return 0;
    default:
        return WS_CODE_PROTOCOL_ERROR;
    }
}

static void socketio_on_blocked(struct ws_conn *ws)
{
    struct socketio_client *client = ws->client;

    if (client != NULL)
        delivery_blocked(client->session->delivery, client->session);
}

static void socketio_on_drained(struct ws_conn *ws)
{
    struct socketio_client *client = ws->client;

    delivery_drained(client->session->delivery, client->session);
}

static void socketio_on_close(struct ws_conn *ws)
{
    struct socketio_client *client = ws->client;

    if (client == NULL)
        return;
    stats_sub(&ws->conn->thread->stats.clients_socketio, 1);
    session_close(client->session);
}

static void socketio_on_free(struct ws_conn *ws)
{
    struct socketio_client *client = ws->client;

    if (client == NULL)
        return;
    socketio_free_partial(client);
    if (client->sockets != &client->first)
        free(client->sockets);
    session_free(&client->session);
    OBJ_CLEAR(client);
    free(client);
}

static const struct ws_app socketio_app = {
    .name = "socketio",
    .ping = socketio_ping,
    .ping_len = sizeof(socketio_ping),
    .on_message = socketio_on_message,
    .on_blocked = socketio_on_blocked,
    .on_drained = socketio_on_drained,
    .on_close = socketio_on_close,
    .on_free = socketio_on_free,
};

static struct socketio_client *socketio_new(struct ws_conn *ws)
{
    struct delivery *delivery = &ws->conn->thread->delivery;
    struct socketio_client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return NULL;
    OBJ_INIT(client, SOCKETIO_CLIENT_MAGIC);
    client->ws = ws;
    client->sockets = &client->first;
    client->session =
        session_new(delivery, ws->conn, ws->deflate ? DIALECT_SOCKETIO_DEFLATE : DIALECT_SOCKETIO,
                    &socketio_session_ops, client, journal_head(&delivery->journal));
    if (client->session == NULL) {
        free(client);
        return NULL;
    }
    return client;
}

/* Sends the handshake's answer and Engine.IO's open packet behind it. */
static void socketio_start(struct ws_conn *ws, struct strbuf *answer)
{
    struct io_thread *thread = ws->conn->thread;
    struct socketio_client *client = socketio_new(ws);
    struct strbuf open = STRBUF_INIT;
    char id[SESSION_ID_TEXT];

    if (client == NULL) {
        conn_close(ws->conn, CLOSE_NO_MEMORY);
        return;
    }
    ws->client = client;
    stats_add(&thread->stats.clients_socketio, 1);
    session_id_text(client->session->id, id);
    strbuf_append_char(&open, ENGINE_IO_OPEN);
    engine_io_append_open(&open, &(struct engine_io_handshake){
                                     .sid = id,
                                     .ping_interval = (unsigned)thread->config->ping_interval,
                                     .ping_timeout = (unsigned)thread->config->ping_timeout,
                                     .max_payload = (size_t)thread->config->max_message_size,
                                 });
    ws_conn_set_limit(ws, clock_ms() + (uint64_t)thread->config->connect_timeout * 1000);
    ws_conn_start(ws);
    ws_append_frame(answer, WS_TEXT, false, open.data, open.len);
    if (answer->failed || open.failed)
        conn_close(ws->conn, CLOSE_NO_MEMORY);
    else
        conn_send(ws->conn, answer->data, answer->len);
    strbuf_free(&open);
}

/* Answers a handshake that is refused as Engine.IO does. */
static void socketio_refuse_handshake(struct http_conn *http, enum engine_io_error error)
{
    struct strbuf body = STRBUF_INIT;

    engine_io_append_error(&body, error);
    http_conn_respond(http, 400, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
}

/* What the query asks for; false when the request has been answered. */
static bool socketio_check_query(struct http_conn *http)
{
    struct span path, query, name, value;
    bool websocket = false, version = false, sid = false;

    http_split_target(http->msg, &path, &query);
    while (http_query_next(&query, &name, &value)) {
        if (http_span_equals(name, "transport"))
            websocket = http_span_equals(value, "websocket");
        else if (http_span_equals(name, "EIO"))
            version = http_span_equals(value, "4");
        else if (http_span_equals(name, "sid"))
            sid = true;
    }
    if (!websocket)
        socketio_refuse_handshake(http, ENGINE_IO_UNKNOWN_TRANSPORT);
    else if (!version)
        socketio_refuse_handshake(http, ENGINE_IO_UNSUPPORTED_PROTOCOL);
    else if (sid)
        socketio_refuse_handshake(http, ENGINE_IO_UNKNOWN_SID);
    return websocket && version && !sid;
}

static bool socketio_on_head(struct http_conn *http)
{
    struct strbuf answer = STRBUF_INIT;
    struct ws_conn *ws;

    if (!socketio_check_query(http))
        return false;
    if (!http->msg->upgrade) {
        socketio_refuse_handshake(http, ENGINE_IO_BAD_REQUEST);
        return false;
    }
    if (!ws_handshake_check(http))
        return false;
    ws = ws_handshake_accept(http, &socketio_app, NULL, &answer);
    if (ws != NULL)
        socketio_start(ws, &answer);
    strbuf_free(&answer);
    return false;
}

const struct endpoint socketio_endpoint = {
    .path = "/socket.io/",
    .methods = 1u << HTTP_GET | 1u << HTTP_POST,
    .allow = "GET, POST",
    .on_head = socketio_on_head,
};
