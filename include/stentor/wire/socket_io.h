/*
 * socket_io.h - Socket.IO protocol 5 with the default parser: packets to and from text.
 *
 * Source: the socket.io-protocol document, revision 5. A packet is the content of an Engine.IO
 * `message` packet; the binary attachments follow it as binary messages of their own.
 * Pure functions; any thread. Spans point into the text that was given.
 */
#ifndef STENTOR_WIRE_SOCKET_IO_H
#define STENTOR_WIRE_SOCKET_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

enum socket_io_type {
    SOCKET_IO_CONNECT,
    SOCKET_IO_DISCONNECT,
    SOCKET_IO_EVENT,
    SOCKET_IO_ACK,
    SOCKET_IO_CONNECT_ERROR,
    SOCKET_IO_BINARY_EVENT,
    SOCKET_IO_BINARY_ACK,
};

enum { SOCKET_IO_MAX_ATTACHMENTS = 10 };

struct socket_io_packet {
    enum socket_io_type type;
    unsigned attachments;
    struct span namespace; /* "/" where the packet names none */
    bool has_ack;
    uint64_t ack;
    struct span data; /* valid JSON of the kind that the type asks for; empty: none */
};

/* False when it is not a packet; `*error` says why. */
bool socket_io_parse(const char *text, size_t len, struct socket_io_packet *packet,
                     const char **error) MUST_CHECK;

/* Appends type, attachment count, namespace and ack id: everything before the data. */
void socket_io_append_head(struct strbuf *out, const struct socket_io_packet *packet);

/* Names that clients refuse in events, because their libraries emit them themselves. */
bool socket_io_event_reserved(const char *name, size_t len);

#endif
