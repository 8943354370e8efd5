/*
 * engine_io.h - Engine.IO protocol 4: packet types, the handshake, the HTTP errors.
 *
 * Source: the engine.io-protocol document, revision 4. Over WebSocket a packet is one message: a
 * text message begins with its type's digit; a binary message is a `message` packet by itself.
 * Pure functions; any thread.
 */
#ifndef STENTOR_WIRE_ENGINE_IO_H
#define STENTOR_WIRE_ENGINE_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

enum { ENGINE_IO_PROTOCOL = 4 };

enum engine_io_type {
    ENGINE_IO_OPEN = '0',
    ENGINE_IO_CLOSE = '1',
    ENGINE_IO_PING = '2',
    ENGINE_IO_PONG = '3',
    ENGINE_IO_MESSAGE = '4',
    ENGINE_IO_UPGRADE = '5',
    ENGINE_IO_NOOP = '6',
};

/* The `code` of a refused handshake. */
enum engine_io_error {
    ENGINE_IO_UNKNOWN_TRANSPORT = 0,
    ENGINE_IO_UNKNOWN_SID = 1,
    ENGINE_IO_BAD_HANDSHAKE_METHOD = 2,
    ENGINE_IO_BAD_REQUEST = 3,
    ENGINE_IO_FORBIDDEN = 4,
    ENGINE_IO_UNSUPPORTED_PROTOCOL = 5,
};

struct engine_io_handshake {
    const char *sid;
    unsigned ping_interval; /* milliseconds */
    unsigned ping_timeout;  /* milliseconds */
    size_t max_payload;     /* bytes */
};

/* Is it a packet type? */
bool engine_io_type_valid(char c);

/* Appends the open packet with its JSON. */
void engine_io_append_open(struct strbuf *out, const struct engine_io_handshake *handshake);

/* Appends the JSON body of a refusal: {"code":1,"message":"Session ID unknown"}. */
void engine_io_append_error(struct strbuf *out, enum engine_io_error error);

#endif
