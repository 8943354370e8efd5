/*
 * websocket.h - WebSocket framing (RFC 6455), both directions, for servers and for clients.
 *
 * Pure: bytes in, messages out. A `ws_reader` remembers what lies between two reads; when
 * ws_reader_idle says that nothing does, its caller may throw it away and start the next read with
 * a fresh one, which is how an idle connection costs no memory here. A message that arrives whole
 * is unmasked and handed out in place; only one that arrives in pieces is copied together.
 */
#ifndef STENTOR_WIRE_WEBSOCKET_H
#define STENTOR_WIRE_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"
#include "stentor/base/utf8.h"
#include "stentor/wire/deflate.h"

/* RFC 6455 section 5.2 */
enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa,
};

/* RFC 6455 section 7.4.1 */
enum ws_close_code {
    WS_CODE_NORMAL = 1000,
    WS_CODE_GOING_AWAY = 1001,
    WS_CODE_PROTOCOL_ERROR = 1002,
    WS_CODE_UNSUPPORTED = 1003,
    WS_CODE_NONE = 1005, /* never on the wire: a close frame without a code */
    WS_CODE_INVALID_DATA = 1007,
    WS_CODE_POLICY = 1008,
    WS_CODE_TOO_BIG = 1009,
    WS_CODE_INTERNAL = 1011,
    WS_CODE_TRY_AGAIN_LATER = 1013,
};

enum {
    WS_MAX_HEADER = 14,
    WS_MAX_CONTROL = 125,
    WS_KEY_LEN = 24,
    WS_ACCEPT_LEN = 28,
};

/* What a connection agreed upon and allows; constant while it lives. */
struct ws_reader_config {
    size_t max_message;        /* bytes, after inflation; more is close code 1009 */
    bool from_client;          /* frames must be masked; otherwise they must not be */
    struct inflater *inflater; /* permessage-deflate was negotiated; NULL: RSV1 is an error */
};

struct ws_reader {
    uint8_t header[WS_MAX_HEADER];
    uint8_t header_len; /* bytes of `header` that have arrived */
    bool in_payload;
    bool fin;
    uint8_t opcode;         /* of the frame that is being read */
    uint8_t message_opcode; /* of the message that is being put together; 0: none */
    bool compressed;
    uint8_t mask[4];
    uint64_t payload_len;
    uint64_t payload_done;
    struct utf8_state utf8;
    struct strbuf message; /* payload so far of a message in pieces */
    struct strbuf inflated;
    uint8_t control_len;
    uint8_t control[WS_MAX_CONTROL];
};

/* Receives one message or control frame; `payload` is valid during the call alone. Control frames
 * may come between the pieces of a message. A close frame's payload has been checked. Returns 0 to
 * go on, or anything else to stop: ws_reader_feed returns that. */
typedef int (*ws_on_message)(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len);

void ws_reader_init(struct ws_reader *reader);
void ws_reader_free(struct ws_reader *reader);

/* Nothing is half read: the reader can be thrown away. */
bool ws_reader_idle(const struct ws_reader *reader);

/* Reads `len` bytes, which are unmasked in place. 0 when all was well; a close code (RFC 6455
 * section 7.4.1) when the peer broke the protocol; what the callback returned when it stopped. */
int ws_reader_feed(struct ws_reader *reader, const struct ws_reader_config *config, uint8_t *data,
                   size_t len, ws_on_message on_message, void *arg) MUST_CHECK;

/* Writes the header of an unmasked, final frame; returns its length. `rsv1`: deflated. */
size_t ws_frame_header(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, bool rsv1, uint64_t len);

/* The same of a client's masked frame. */
size_t ws_frame_header_masked(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, bool rsv1,
                              uint64_t len, const uint8_t mask[4]);

/* Appends a whole unmasked frame. */
void ws_append_frame(struct strbuf *out, enum ws_opcode opcode, bool rsv1, const void *payload,
                     size_t len);

/* Appends a whole frame masked with `mask`, as a client must send it. */
void ws_append_masked_frame(struct strbuf *out, enum ws_opcode opcode, const void *payload,
                            size_t len, const uint8_t mask[4]);

/* XORs `data` with the mask; `offset` is the position of data[0] in the payload. */
void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset);

/* The code and reason of a close frame's payload; WS_CODE_NONE when it is empty. */
int ws_close_parse(const uint8_t *payload, size_t len, const char **reason, size_t *reason_len);

/* Is it a Sec-WebSocket-Key: 16 bytes in base64? */
bool ws_key_valid(const char *key, size_t len) MUST_CHECK;

/* The Sec-WebSocket-Accept that answers a valid key, with a NUL (RFC 6455 section 4.2.2). */
void ws_accept_key(const char *key, size_t len, char accept[WS_ACCEPT_LEN + 1]);

#endif
