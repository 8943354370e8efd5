#include "dialect.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/json.h"
#include "stentor/wire/engine_io.h"
#include "stentor/wire/native.h"
#include "stentor/wire/socket_io.h"

#include "crowd.h"
#include "payload.h"

void dialect_append_encoded(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~*", c) != NULL)
            strbuf_append_char(out, *text);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}

void dialect_append_target(struct strbuf *out, const struct options *options)
{
    const char *path = options->path;
    bool socketio = options->protocol == PROTOCOL_SOCKETIO;

    if (path == NULL && options->target.path[0] != '\0')
        path = options->target.path;
    if (path == NULL)
        path = socketio ? "/socket.io/" : "/ws";
    strbuf_append_str(out, path);
    if (socketio) {
        strbuf_printf(out, "%cEIO=%d&transport=websocket", strchr(path, '?') != NULL ? '&' : '?',
                      ENGINE_IO_PROTOCOL);
    } else if (options->protocol == PROTOCOL_NATIVE && options->room != NULL) {
        strbuf_append_str(out, strchr(path, '?') != NULL ? "&room=" : "?room=");
        dialect_append_encoded(out, options->room);
    }
}

const char *dialect_subprotocol(enum protocol protocol)
{
    return protocol == PROTOCOL_NATIVE ? NATIVE_SUBPROTOCOL : NULL;
}

void dialect_opened(struct client *client)
{
    if (client->crowd->options->protocol == PROTOCOL_WEBSOCKET)
        crowd_on_joined(client->crowd, client);
}

static bool dialect_starts(const char *text, size_t len, const char *prefix)
{
    size_t prefix_len = strlen(prefix);

    return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

/* The member `name` of text that is a JSON object; what a server sends may be anything. */
static bool dialect_member(const char *text, size_t len, const char *name, struct span *value)
{
    char error[JSON_MAX_ERROR];

    return dialect_starts(text, len, "{") && json_text_valid(text, len, error) &&
           json_object_find((struct span){text, len}, name, value);
}

/* Takes the numbers out of a published message. */
static void dialect_deliver(struct client *client, const char *text, size_t len)
{
    struct crowd *crowd = client->crowd;
    uint64_t n, t;

    if (client->state == CLIENT_JOINED && payload_scan(text, len, &n, &t))
        measure_arrival(crowd->measure, &client->track, n, t, crowd->now_ns);
}

static const char *dialect_native(struct client *client, const char *text, size_t len)
{
    struct span type;

    if (client->state == CLIENT_JOINED) {
        if (dialect_starts(text, len, "{\"type\":\"gap\""))
            client->crowd->gaps++;
        else
            dialect_deliver(client, text, len);
    } else if (client->state == CLIENT_JOINING) {
        if (!dialect_member(text, len, "type", &type) ||
            !dialect_starts(type.ptr, type.len, "\"hello\""))
            return "no_hello";
        crowd_on_joined(client->crowd, client);
    }
    return NULL;
}

/* The server's open packet announces the interval of its pings; then the namespace is joined. */
static const char *dialect_engine_open(struct client *client, const char *text, size_t len)
{
    struct crowd *crowd = client->crowd;
    struct socket_io_packet connect = {.type = SOCKET_IO_CONNECT, .namespace = {"/", 1}};
    struct span interval;

    if (client->state != CLIENT_JOINING)
        return NULL;
    if (!dialect_member(text, len, "pingInterval", &interval))
        return "engineio_handshake";
    crowd->ping_interval_ns = strtoull(interval.ptr, NULL, 10) * 1000000u;
    strbuf_clear(&crowd->scratch);
    strbuf_append_char(&crowd->scratch, ENGINE_IO_MESSAGE);
    socket_io_append_head(&crowd->scratch, &connect);
    if (crowd->options->room != NULL) {
        strbuf_append_str(&crowd->scratch, "{\"rooms\":[");
        json_append_string(&crowd->scratch, crowd->options->room, strlen(crowd->options->room));
        strbuf_append_str(&crowd->scratch, "]}");
    }
    client_send(client, WS_TEXT, crowd->scratch.data, crowd->scratch.len);
    return NULL;
}

static const char *dialect_socketio_packet(struct client *client, const char *text, size_t len)
{
    switch (len > 0 ? text[0] - '0' : -1) {
    case SOCKET_IO_CONNECT:
        if (client->state == CLIENT_JOINING)
            crowd_on_joined(client->crowd, client);
        return NULL;
    case SOCKET_IO_CONNECT_ERROR:
        return "connect_error";
    case SOCKET_IO_DISCONNECT:
        return "socketio_disconnect";
    case SOCKET_IO_EVENT:
    case SOCKET_IO_BINARY_EVENT:
        if (dialect_starts(text, len, "2[\"gap\","))
            client->crowd->gaps++;
        else
            dialect_deliver(client, text, len);
        return NULL;
    default:
        return NULL;
    }
}

static const char *dialect_socketio(struct client *client, const char *text, size_t len)
{
    static const char pong = ENGINE_IO_PONG;

    switch (len > 0 ? text[0] : '\0') {
    case ENGINE_IO_OPEN:
        return dialect_engine_open(client, text + 1, len - 1);
    case ENGINE_IO_MESSAGE:
        return dialect_socketio_packet(client, text + 1, len - 1);
    case ENGINE_IO_PING:
        crowd_on_ping(client->crowd, client);
        client_send(client, WS_TEXT, &pong, 1);
        return NULL;
    case ENGINE_IO_CLOSE:
        return "engineio_close";
    case ENGINE_IO_NOOP:
        return NULL;
    default:
        return "engineio_packet";
    }
}

const char *dialect_message(struct client *client, const char *text, size_t len)
{
    switch (client->crowd->options->protocol) {
    case PROTOCOL_NATIVE:
        return dialect_native(client, text, len);
    case PROTOCOL_SOCKETIO:
        /* A binary message is an attachment, never a packet. */
        return client->opcode == WS_TEXT ? dialect_socketio(client, text, len) : NULL;
    case PROTOCOL_WEBSOCKET:
        dialect_deliver(client, text, len);
        return NULL;
    }
    return NULL;
}
