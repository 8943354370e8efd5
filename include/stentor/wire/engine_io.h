/*
 * engine_io.h - Engine.IO protocols 4 and 3: packets, payloads of polling, handshake, errors.
 *
 * Source: the engine.io-protocol documents, revisions 4 and 3.
 *
 * Over WebSocket a packet is one message. A text message begins with its type's digit. A binary
 * message is a `message` packet: in protocol 4 as it is, in protocol 3 behind a byte with the type.
 * Over polling, packets are put together into payloads:
 *   4          packets with 0x1e between them; binary data is "b" and base64
 *   3          "LENGTH:PACKET..."; LENGTH counts UTF-16 units; binary data is "b", type and base64
 *   3, binary  one byte 0 (text) or 1 (binary), the length's digits as bytes 0 to 9, 0xff, the
 *              packet; only for clients that said they take it, and only with binary data in it
 * Pure functions; any thread.
 */
#ifndef STENTOR_WIRE_ENGINE_IO_H
#define STENTOR_WIRE_ENGINE_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

enum { ENGINE_IO_PROTOCOL = 4, ENGINE_IO_PROTOCOL_OLD = 3, ENGINE_IO_SEPARATOR = 0x1e };

enum engine_io_type {
    ENGINE_IO_OPEN = '0',
    ENGINE_IO_CLOSE = '1',
    ENGINE_IO_PING = '2',
    ENGINE_IO_PONG = '3',
    ENGINE_IO_MESSAGE = '4',
    ENGINE_IO_UPGRADE = '5',
    ENGINE_IO_NOOP = '6',
};

/* The `code` of a refused request. */
enum engine_io_error {
    ENGINE_IO_UNKNOWN_TRANSPORT = 0,
    ENGINE_IO_UNKNOWN_SID = 1,
    ENGINE_IO_BAD_HANDSHAKE_METHOD = 2,
    ENGINE_IO_BAD_REQUEST = 3,
    ENGINE_IO_FORBIDDEN = 4,
    ENGINE_IO_UNSUPPORTED_PROTOCOL = 5,
};

/* How packets are put together to payloads. */
enum engine_io_payload {
    ENGINE_IO_PAYLOAD_4,
    ENGINE_IO_PAYLOAD_3,
    ENGINE_IO_PAYLOAD_3_BINARY,
};

struct engine_io_packet {
    enum engine_io_type type;
    bool binary;
    struct span data; /* without the type; binary data is decoded */
};

struct engine_io_handshake {
    const char *sid;
    bool upgrades;          /* from polling to WebSocket */
    unsigned ping_interval; /* milliseconds */
    unsigned ping_timeout;  /* milliseconds */
    size_t max_payload;     /* bytes */
};

/* Is it a packet type? */
bool engine_io_type_valid(char c);

/* Reads one packet from the text of a WebSocket message. False when it is none. */
bool engine_io_parse_text(struct span text, struct engine_io_packet *packet) MUST_CHECK;

/* Reads a payload packet by packet. */
struct engine_io_reader {
    enum engine_io_payload form;
    struct span rest;
    struct strbuf binary; /* decoded data of the current packet */
};

enum engine_io_result { ENGINE_IO_PACKET, ENGINE_IO_END, ENGINE_IO_FAILED };

/* `payload` must be UTF-8 unless its form is binary, and stay where it is. */
void engine_io_reader_init(struct engine_io_reader *reader, enum engine_io_payload form,
                           struct span payload);

/* The packet's data is valid until the next call. After a failure there is nothing more to read. In
 * an empty payload there is no packet; clients never send one. */
enum engine_io_result engine_io_reader_next(struct engine_io_reader *reader,
                                            struct engine_io_packet *packet) MUST_CHECK;
void engine_io_reader_free(struct engine_io_reader *reader);

/* Appends a packet to a payload. In protocol 4 each packet, also the first, is preceded by a
 * separator: whoever sends the payload leaves out its first byte (engine_io_payload_skip). */
void engine_io_append_packet(struct strbuf *out, enum engine_io_payload form,
                             const struct engine_io_packet *packet);

static inline size_t engine_io_payload_skip(enum engine_io_payload form)
{
    return form == ENGINE_IO_PAYLOAD_4 ? 1 : 0;
}

/* Appends the JSON of the open packet, without its type. */
void engine_io_append_open(struct strbuf *out, const struct engine_io_handshake *handshake);

/* Appends the JSON body of a refusal: {"code":1,"message":"Session ID unknown"}. */
void engine_io_append_error(struct strbuf *out, enum engine_io_error error);

#endif
