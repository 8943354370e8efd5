/*
 * socket_io.h - Socket.IO protocols 5 and 4: packets to and from text and MessagePack.
 *
 * Source: the socket.io-protocol documents, revisions 5 and 4, and socket.io-msgpack-parser. A
 * packet is the content of an Engine.IO `message` packet. With the default parser it is text, and
 * its binary attachments follow as binary messages of their own; with the MessagePack parser it is
 * one binary message. Revision 4 differs in a client's first packets alone: a CONNECT may have a
 * query behind its namespace, and no data.
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
#include "stentor/wire/packjson.h"

enum socket_io_type {
    SOCKET_IO_CONNECT,
    SOCKET_IO_DISCONNECT,
    SOCKET_IO_EVENT,
    SOCKET_IO_ACK,
    SOCKET_IO_CONNECT_ERROR,
    SOCKET_IO_BINARY_EVENT,
    SOCKET_IO_BINARY_ACK,
};

enum { SOCKET_IO_MAX_ATTACHMENTS = PACKJSON_MAX_ATTACHMENTS };

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

/* The same with the MessagePack parser. The packet's attachments are those of `decoded`, which its
 * spans point into; packjson_free is due in either case. */
bool socket_io_parse_msgpack(const void *data, size_t len, struct packjson *decoded,
                             struct socket_io_packet *packet, const char **error) MUST_CHECK;

/* Appends a whole packet for the MessagePack parser; `packet->data` is text that jansson accepted,
 * and `attachments` what its placeholders stand for. */
void socket_io_append_msgpack(struct strbuf *out, const struct socket_io_packet *packet,
                              struct refbuf *const *attachments, size_t attachment_count);

/* Names that clients refuse in events, because their libraries emit them themselves. */
bool socket_io_event_reserved(const char *name, size_t len);

#endif
