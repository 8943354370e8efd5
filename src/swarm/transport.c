#include "transport.h"

#include <string.h>

#include "stentor/wire/native.h"
#include "stentor/wire/sse.h"

#include "dialect.h"
#include "options.h"
#include "url.h"

#define TRANSPORT_WEBSOCKET_HEADERS                                                                \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define TRANSPORT_NATIVE_HEADERS(subprotocol)                                                      \
    TRANSPORT_WEBSOCKET_HEADERS "Sec-WebSocket-Protocol: " subprotocol "\r\n"

static const struct transport transport_list[] = {
    {
        .name = "websocket",
        .path = "/ws",
        .headers = TRANSPORT_NATIVE_HEADERS(NATIVE_SUBPROTOCOL),
        .ops = &transport_websocket,
        .message = dialect_native,
        .room_in_query = true,
    },
    {
        .name = "msgpack",
        .path = "/ws",
        .headers = TRANSPORT_NATIVE_HEADERS(NATIVE_SUBPROTOCOL_MSGPACK),
        .ops = &transport_websocket,
        .message = dialect_native,
        .msgpack = true,
        .room_in_query = true,
    },
    {
        .name = "sse",
        .path = "/events",
        .headers = "Accept: " SSE_CONTENT_TYPE "\r\nCache-Control: no-cache\r\n",
        .ops = &transport_sse,
        .room_in_query = true,
        .joined_by_handshake = true,
    },
    {
        .name = "socketio",
        .path = "/socket.io/",
        .query = "EIO=4&transport=websocket",
        .headers = TRANSPORT_WEBSOCKET_HEADERS,
        .ops = &transport_websocket,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL,
    },
    {
        .name = "socketio-msgpack",
        .path = "/socket.io/",
        .query = "EIO=4&transport=websocket",
        .headers = TRANSPORT_WEBSOCKET_HEADERS,
        .ops = &transport_websocket,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL,
        .msgpack = true,
    },
    {
        .name = "socketio3",
        .path = "/socket.io/",
        .query = "EIO=3&transport=websocket",
        .headers = TRANSPORT_WEBSOCKET_HEADERS,
        .ops = &transport_websocket,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL_OLD,
    },
    {
        .name = "polling",
        .path = "/socket.io/",
        .query = "EIO=4&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_polling,
        .engine_io = ENGINE_IO_PROTOCOL,
    },
    {
        .name = "polling-msgpack",
        .path = "/socket.io/",
        .query = "EIO=4&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_polling,
        .engine_io = ENGINE_IO_PROTOCOL,
        .msgpack = true,
    },
    {
        .name = "polling3",
        .path = "/socket.io/",
        .query = "EIO=3&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_polling,
        .engine_io = ENGINE_IO_PROTOCOL_OLD,
    },
    {
        .name = "upgrade",
        .path = "/socket.io/",
        .query = "EIO=4&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_upgrade,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL,
    },
    {
        .name = "upgrade-msgpack",
        .path = "/socket.io/",
        .query = "EIO=4&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_upgrade,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL,
        .msgpack = true,
    },
    {
        .name = "upgrade3",
        .path = "/socket.io/",
        .query = "EIO=3&transport=polling",
        .headers = "Accept: */*\r\n",
        .ops = &transport_upgrade,
        .message = dialect_socketio,
        .engine_io = ENGINE_IO_PROTOCOL_OLD,
    },
    {
        .name = "plain",
        .path = "/ws",
        .headers = TRANSPORT_WEBSOCKET_HEADERS,
        .ops = &transport_websocket,
        .message = dialect_plain,
        .joined_by_handshake = true,
    },
};

const struct transport *transport_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(transport_list); i++)
        if (strcmp(name, transport_list[i].name) == 0)
            return &transport_list[i];
    return NULL;
}

bool transport_can_send(const struct transport *transport)
{
    return transport->engine_io != 0 || transport->message == dialect_native;
}

bool transport_can_emit(const struct transport *transport)
{
    return transport->ops != &transport_sse;
}

void transport_append_names(struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(transport_list); i++) {
        if (i > 0)
            strbuf_append_str(out, ", ");
        strbuf_append_str(out, transport_list[i].name);
    }
}

void transport_append_target(const struct transport *transport, struct strbuf *out,
                             const struct options *options)
{
    const char *path = options->path != NULL ? options->path : transport->path;
    char mark = strchr(path, '?') != NULL ? '&' : '?';

    strbuf_append_str(out, path);
    if (transport->query != NULL) {
        strbuf_printf(out, "%c%s", mark, transport->query);
        mark = '&';
    }
    if (transport->room_in_query && options->room != NULL) {
        strbuf_printf(out, "%croom=", mark);
        url_append_encoded(out, options->room);
    }
}

void transport_append_headers(const struct transport *transport, struct strbuf *out,
                              const struct options *options)
{
    strbuf_printf(out, "Host: %s\r\nUser-Agent: stentor-swarm/" STENTOR_VERSION "\r\n%s",
                  options->target.authority, transport->headers);
}
