#include "dialect.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/packjson.h"
#include "stentor/wire/socket_io.h"

#include "audience.h"
#include "crowd.h"

/* Sends a packet of Socket.IO as the transport's parser writes it. */
static const char *socketio_send(struct client *client, const struct socket_io_packet *packet)
{
    const struct transport *transport = client->audience->transport;
    struct engine_io_packet carrier = {.type = ENGINE_IO_MESSAGE, .binary = transport->msgpack};
    struct strbuf text = STRBUF_INIT;
    const char *cause;

    if (transport->msgpack) {
        socket_io_append_msgpack(&text, packet, NULL, 0);
    } else {
        socket_io_append_head(&text, packet);
        strbuf_append(&text, packet->data.ptr, packet->data.len);
    }
    ENSURE(!text.failed);
    carrier.data = (struct span){text.data, text.len};
    cause = transport->ops->send(client, &carrier);
    strbuf_free(&text);
    return cause;
}

static const char *socketio_send_with_room(struct client *client, struct socket_io_packet *packet,
                                           const char *before, const char *after)
{
    const char *room = client->crowd->options->room, *cause;
    struct strbuf data = STRBUF_INIT;

    strbuf_append_str(&data, before);
    json_append_string(&data, room, strlen(room));
    strbuf_append_str(&data, after);
    ENSURE(!data.failed);
    packet->data = (struct span){data.data, data.len};
    cause = socketio_send(client, packet);
    strbuf_free(&data);
    return cause;
}

static const char *socketio_connect(struct client *client)
{
    struct socket_io_packet packet = {.type = SOCKET_IO_CONNECT, .namespace = {"/", 1}};

    if (client->crowd->options->room == NULL)
        return socketio_send(client, &packet);
    return socketio_send_with_room(client, &packet, "{\"rooms\":[", "]}");
}

/* In Socket.IO's revision 4 a CONNECT has no data: rooms are joined by an event. */
static const char *socketio_join(struct client *client)
{
    struct socket_io_packet packet = {
        .type = SOCKET_IO_EVENT, .namespace = {"/", 1}, .has_ack = true};

    return socketio_send_with_room(client, &packet, "[\"join\",", "]");
}

const char *dialect_socketio_event(struct client *client, const char *event, struct span data,
                                   const uint32_t *id)
{
    struct socket_io_packet packet = {.type = SOCKET_IO_EVENT, .namespace = {"/", 1}};
    struct strbuf array = STRBUF_INIT;
    const char *cause;

    packet.has_ack = id != NULL;
    packet.ack = id != NULL ? *id : 0;
    strbuf_append_char(&array, '[');
    json_append_string(&array, event, strlen(event));
    strbuf_append_char(&array, ',');
    strbuf_append(&array, data.ptr, data.len);
    strbuf_append_char(&array, ']');
    ENSURE(!array.failed);
    packet.data = (struct span){array.data, array.len};
    cause = socketio_send(client, &packet);
    strbuf_free(&array);
    return cause;
}

const char *dialect_socketio_leave(struct client *client)
{
    struct socket_io_packet packet = {.type = SOCKET_IO_DISCONNECT, .namespace = {"/", 1}};

    return socketio_send(client, &packet);
}

const char *dialect_socketio_beat(struct client *client)
{
    struct engine_io_packet ping = {.type = ENGINE_IO_PING, .data = {"", 0}};

    return client->audience->transport->ops->send(client, &ping);
}

/* The server's open packet announces the interval of the heartbeat. Then the namespace is joined;
 * in protocol 3 the server does that by itself. */
static const char *socketio_opened(struct client *client, struct span text)
{
    struct crowd *crowd = client->crowd;
    struct span value;
    uint64_t interval_ns;

    if (client->state != CLIENT_JOINING)
        return NULL;
    if (!dialect_member(text, "pingInterval", &value))
        return "engineio_handshake";
    interval_ns = strtoull(value.ptr, NULL, 10) * 1000000u;
    if (client->audience->transport->engine_io == ENGINE_IO_PROTOCOL_OLD) {
        crowd_start_beat(crowd, client, interval_ns);
        return NULL;
    }
    crowd->ping_interval_ns = interval_ns;
    return socketio_connect(client);
}

static const char *socketio_connected(struct client *client, struct span data)
{
    bool old = client->audience->transport->engine_io == ENGINE_IO_PROTOCOL_OLD;
    struct span sid;

    if (client->state != CLIENT_JOINING)
        return NULL;
    if (dialect_member(data, "sid", &sid))
        client_name(client, sid);
    if (old && client->crowd->options->room != NULL)
        return socketio_join(client);
    crowd_on_joined(client->crowd, client);
    return NULL;
}

/* The answer to `join`, or to a message for another client. */
static const char *socketio_acknowledged(struct client *client, uint64_t id, struct span data)
{
    if (client->state != CLIENT_JOINING) {
        if (!dialect_starts(data, "[{\"ok\":true"))
            directed_refused(client->crowd->directed, client, id);
        return NULL;
    }
    if (!dialect_starts(data, "[{\"ok\":true"))
        return "join_refused";
    crowd_on_joined(client->crowd, client);
    return NULL;
}

/* The event's name, and its argument. */
static void socketio_neighbours(struct client *client, struct span array)
{
    char error[JSON_MAX_ERROR];
    struct span element;
    size_t pos = 0;

    if (json_text_valid(array.ptr, array.len, error) && json_array_next(array, &pos, &element) &&
        json_array_next(array, &pos, &element))
        client_place(client, element);
}

static const char *socketio_event(struct client *client, struct span data)
{
    if (dialect_starts(data, "[\"gap\","))
        client_note_gap(client);
    else if (client_has_place(client) && dialect_starts(data, "[\"neighbours\","))
        socketio_neighbours(client, data);
    else
        client_deliver(client, data);
    return NULL;
}

static const char *socketio_packet(struct client *client, int type, uint64_t ack, struct span data)
{
    switch (type) {
    case SOCKET_IO_CONNECT:
        return socketio_connected(client, data);
    case SOCKET_IO_CONNECT_ERROR:
        return "connect_error";
    case SOCKET_IO_DISCONNECT:
        return "socketio_disconnect";
    case SOCKET_IO_EVENT:
    case SOCKET_IO_BINARY_EVENT:
        return socketio_event(client, data);
    case SOCKET_IO_ACK:
        return socketio_acknowledged(client, ack, data);
    default:
        return NULL;
    }
}

/* Events are most of what comes: to find where their data begins, no more of them need be read. */
static const char *socketio_text(struct client *client, struct span text)
{
    size_t head = 0, digits;

    if (text.len == 0)
        return "socketio_packet";
    while (head < text.len && text.ptr[head] != '[' && text.ptr[head] != '{')
        head++;
    for (digits = head; digits > 1 && text.ptr[digits - 1] >= '0' && text.ptr[digits - 1] <= '9';)
        digits--;
    return socketio_packet(client, text.ptr[0] - '0',
                           digits < head ? strtoull(text.ptr + digits, NULL, 10) : 0,
                           (struct span){text.ptr + head, text.len - head});
}

static const char *socketio_msgpack(struct client *client, struct span data)
{
    struct packjson decoded = {.json = STRBUF_INIT};
    struct socket_io_packet packet;
    const char *cause = "bad_msgpack", *error;

    if (socket_io_parse_msgpack(data.ptr, data.len, &decoded, &packet, &error))
        cause = socketio_packet(client, (int)packet.type, packet.ack, packet.data);
    packjson_free(&decoded);
    return cause;
}

/* A binary message is an attachment, except with the MessagePack parser, for which all are. */
static const char *socketio_message(struct client *client, const struct engine_io_packet *packet)
{
    bool msgpack = client->audience->transport->msgpack;

    if (packet->binary)
        return msgpack ? socketio_msgpack(client, packet->data) : NULL;
    return msgpack ? "no_msgpack" : socketio_text(client, packet->data);
}

static const char *socketio_ping(struct client *client)
{
    struct engine_io_packet pong = {.type = ENGINE_IO_PONG, .data = {"", 0}};

    crowd_on_ping(client->crowd, client);
    return client->audience->transport->ops->send(client, &pong);
}

const char *dialect_socketio_packet(struct client *client, const struct engine_io_packet *packet)
{
    switch (packet->type) {
    case ENGINE_IO_OPEN:
        return socketio_opened(client, packet->data);
    case ENGINE_IO_MESSAGE:
        return socketio_message(client, packet);
    case ENGINE_IO_PING:
        return socketio_ping(client);
    case ENGINE_IO_CLOSE:
        return "engineio_close";
    case ENGINE_IO_PONG:
    case ENGINE_IO_NOOP:
        return NULL;
    case ENGINE_IO_UPGRADE:
        break;
    }
    return "engineio_packet";
}

/* In protocol 3 a binary message begins with its packet's type. */
const char *dialect_socketio(struct client *client, bool binary, struct span data)
{
    bool old = client->audience->transport->engine_io == ENGINE_IO_PROTOCOL_OLD;
    struct engine_io_packet packet = {.type = ENGINE_IO_MESSAGE, .binary = binary, .data = data};

    if (binary && old)
        packet.data = (struct span){data.ptr + (data.len > 0), data.len - (data.len > 0)};
    if (!binary && !engine_io_parse_text(data, &packet))
        return "engineio_packet";
    return dialect_socketio_packet(client, &packet);
}
