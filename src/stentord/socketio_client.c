#include "socketio_client.h"

#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"
#include "stentor/wire/native.h"
#include "ws_conn.h"

static const struct config *socketio_config(const struct socketio_client *client)
{
    return client->engine->thread->config;
}

/* --- Sending */

static void socketio_send_message(struct socketio_client *client, bool binary,
                                  const struct strbuf *content)
{
    if (content->failed)
        engine_close(client->engine, CLOSE_NO_MEMORY);
    else
        engine_send(client->engine, &(struct engine_io_packet){
                                        .type = ENGINE_IO_MESSAGE,
                                        .binary = binary,
                                        .data = {content->data, content->len},
                                    });
}

static void socketio_send_text(struct socketio_client *client, const struct socket_io_packet *head,
                               struct span data)
{
    struct strbuf text = STRBUF_INIT;

    socket_io_append_head(&text, head);
    strbuf_append(&text, data.ptr, data.len);
    socketio_send_message(client, false, &text);
    strbuf_free(&text);
}

static void socketio_send_msgpack(struct socketio_client *client,
                                  const struct socket_io_packet *head, struct span data,
                                  struct refbuf *const *attachments, size_t count)
{
    struct socket_io_packet packet = *head;
    struct strbuf content = STRBUF_INIT;

    packet.data = data;
    socket_io_append_msgpack(&content, &packet, attachments, count);
    socketio_send_message(client, true, &content);
    strbuf_free(&content);
}

void socketio_client_send(struct socketio_client *client, const struct socket_io_packet *head,
                          struct span data, struct refbuf *const *attachments, size_t count)
{
    if (client->engine->msgpack) {
        socketio_send_msgpack(client, head, data, attachments, count);
        return;
    }
    engine_cork(client->engine);
    socketio_send_text(client, head, data);
    for (size_t i = 0; i < count; i++)
        engine_send(client->engine,
                    &(struct engine_io_packet){
                        .type = ENGINE_IO_MESSAGE,
                        .binary = true,
                        .data = {(const char *)attachments[i]->data, attachments[i]->len},
                    });
    engine_uncork(client->engine);
}

struct socketio_socket *socketio_client_find(const struct socketio_client *client, int namespace)
{
    for (uint32_t i = 0; i < client->socket_count; i++)
        if (client->sockets[i].namespace == namespace)
            return &client->sockets[i];
    return NULL;
}

static void socketio_on_gap(struct engine *engine, const struct room *room, uint64_t from,
                            uint64_t to)
{
    struct socketio_client *client = engine->client;
    const char *namespace = socketio_config(client)->namespaces[room->namespace];
    struct socket_io_packet head = {
        .type = SOCKET_IO_EVENT,
        .namespace = {namespace, strlen(namespace)},
    };
    struct strbuf data = STRBUF_INIT;

    strbuf_append_str(&data, "[\"gap\",{");
    native_append_gap_members(&data, room_name(room), from, to);
    strbuf_append_str(&data, "}]");
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

/* A client is addressed as its socket in the namespace is; while that is connecting, nobody knows
 * its id. */
static const uint8_t *socketio_address(const struct engine *engine, int namespace)
{
    const struct socketio_socket *socket = socketio_client_find(engine->client, namespace);

    return socket != NULL ? socket->id : NULL;
}

static void socketio_on_neighbours(struct engine *engine, int namespace,
                                   const struct neighbours_news *news,
                                   const struct neighbours_asker *asker)
{
    socketio_event_neighbours(engine->client, namespace, news, asker);
}

struct socket_io_packet socketio_client_directed(const struct config *config,
                                                 const struct directed *directed,
                                                 struct strbuf *data)
{
    const struct message *message = directed->message;
    const char *namespace = config->namespaces[message->namespace];
    char from[SESSION_ID_TEXT];

    session_id_text(directed->from, from);
    encoder_socketio_directed(message, directed->has_from ? from : NULL, data);
    return (struct socket_io_packet){
        .type = message->attachment_count > 0 ? SOCKET_IO_BINARY_EVENT : SOCKET_IO_EVENT,
        .attachments = (unsigned)message->attachment_count,
        .namespace = {namespace, strlen(namespace)},
    };
}

static enum directed_result socketio_on_directed(struct engine *engine,
                                                 const struct directed *directed)
{
    const struct message *message = directed->message;
    struct strbuf data = STRBUF_INIT;
    const struct socket_io_packet head =
        socketio_client_directed(engine->thread->config, directed, &data);

    if (data.failed)
        engine_close(engine, CLOSE_NO_MEMORY);
    else
        socketio_client_send(engine->client, &head, (struct span){data.data, data.len},
                             message->attachments, message->attachment_count);
    strbuf_free(&data);
    return engine->closed ? DIRECTED_NO_MEMORY : DIRECTED_QUEUED;
}

/* --- Receiving */

/* Events that are too many are refused; whatever else comes counts, too. False when the client has
 * been closed for it. */
static bool socketio_within_limit(struct socketio_client *client, struct socketio_event *event)
{
    size_t bytes = event->packet.data.len;
    enum client_limit_verdict verdict;

    for (size_t i = 0; i < event->attachment_count; i++)
        bytes += event->attachments[i]->len;
    verdict = session_limit(client->engine->session, bytes);
    event->limited = verdict != CLIENT_LIMIT_PASS;
    if (verdict == CLIENT_LIMIT_CLOSE)
        engine_close(client->engine, CLOSE_RATE_LIMITED);
    return verdict != CLIENT_LIMIT_CLOSE;
}

/* A packet with all its attachments. 0 or a close code. */
static int socketio_on_packet(struct socketio_client *client, const struct socket_io_packet *packet,
                              struct refbuf *const *attachments)
{
    int namespace = config_find_namespace(socketio_config(client), packet->namespace.ptr,
                                          packet->namespace.len);
    struct socketio_socket *socket = socketio_client_find(client, namespace);
    struct socketio_event event = {
        .packet = *packet,
        .namespace = namespace,
        .attachments = attachments,
        .attachment_count = packet->attachments,
    };

    if (!socketio_within_limit(client, &event))
        return 0;
    if (packet->type == SOCKET_IO_CONNECT)
        return socketio_connect_handle(client, packet);
    if (socket == NULL || socket->connecting || packet->type == SOCKET_IO_CONNECT_ERROR)
        return WS_CODE_PROTOCOL_ERROR;
    if (packet->type == SOCKET_IO_DISCONNECT)
        socketio_connect_end(client, socket);
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

static int socketio_on_text(struct socketio_client *client, const char *text, size_t len)
{
    struct socket_io_packet packet;
    const char *error;

    if (client->engine->msgpack || client->partial != NULL ||
        !socket_io_parse(text, len, &packet, &error))
        return WS_CODE_PROTOCOL_ERROR;
    client->decided = true;
    if (packet.attachments > 0)
        return socketio_begin_partial(client, text, len, packet.attachments);
    return socketio_on_packet(client, &packet, NULL);
}

static int socketio_on_attachment(struct socketio_client *client, const void *data, size_t len)
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

static int socketio_on_msgpack(struct socketio_client *client, const void *data, size_t len)
{
    struct socket_io_packet packet;
    struct packjson decoded;
    const char *error;
    int result = WS_CODE_PROTOCOL_ERROR;

    if (socket_io_parse_msgpack(data, len, &decoded, &packet, &error)) {
        if (!client->decided)
            engine_use_msgpack(client->engine);
        client->decided = true;
        result = socketio_on_packet(client, &packet, decoded.attachments);
    }
    packjson_free(&decoded);
    return result;
}

/* With the default parser a client cannot begin with a binary message: one that does speaks
 * MessagePack. */
static int socketio_on_message(struct engine *engine, bool binary, const void *data, size_t len)
{
    struct socketio_client *client;

    OBJ_CAST(client, engine->client, SOCKETIO_CLIENT_MAGIC);
    if (!binary)
        return socketio_on_text(client, data, len);
    if (engine->msgpack || (!client->decided && engine->protocol == ENGINE_IO_PROTOCOL))
        return socketio_on_msgpack(client, data, len);
    return socketio_on_attachment(client, data, len);
}

/* --- Begin and end */

static bool socketio_on_open(struct engine *engine)
{
    struct socketio_client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return false;
    OBJ_INIT(client, SOCKETIO_CLIENT_MAGIC);
    client->engine = engine;
    client->sockets = &client->first;
    engine->client = client;
    stats_add(&engine->thread->stats.clients_socketio, 1);
    if (engine->protocol == ENGINE_IO_PROTOCOL_OLD)
        socketio_connect_default(client);
    else
        engine_set_limit(engine,
                         clock_ms() + (uint64_t)socketio_config(client)->connect_timeout * 1000);
    return true;
}

static void socketio_on_close(struct engine *engine, enum close_reason reason)
{
    stats_sub(&engine->thread->stats.clients_socketio, 1);
    socketio_keep_lost(engine->client, reason);
}

static void socketio_on_free(struct engine *engine)
{
    struct socketio_client *client = engine->client;

    socketio_free_partial(client);
    if (client->sockets != &client->first)
        free(client->sockets);
    OBJ_CLEAR(client);
    free(client);
}

const struct engine_app socketio_client_app = {
    .name = "socketio",
    .on_open = socketio_on_open,
    .on_message = socketio_on_message,
    .address = socketio_address,
    .on_directed = socketio_on_directed,
    .on_neighbours = socketio_on_neighbours,
    .on_gap = socketio_on_gap,
    .on_close = socketio_on_close,
    .on_free = socketio_on_free,
};
