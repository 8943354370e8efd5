/*
 * encoder.h - turns a message into the bytes of a dialect: whole WebSocket frames, events of a
 * stream, packets of a payload.
 *
 * An encoder belongs to one thread; it holds what compression needs, made when first needed.
 * What a message says in each protocol stands in encoder_native.c and encoder_socketio.c; how that
 * is framed, in encoder.c.
 */
#ifndef STENTORD_ENCODER_H
#define STENTORD_ENCODER_H

#include "config.h"
#include "message.h"
#include "stats.h"
#include "stentor/wire/deflate.h"
#include "stentor/wire/engine_io.h"

struct encoder {
    const struct config *config;
    struct stats *stats;
    struct deflater *deflater;
};

void encoder_init(struct encoder *encoder, const struct config *config, struct stats *stats);
void encoder_destroy(struct encoder *encoder);

/* A new buffer with one reference, or NULL when memory is out; it is the caller's to store. Of a
 * polling dialect: the packets, as engine_io_append_packet writes them. */
struct refbuf *encoder_build(struct encoder *encoder, const struct message *message,
                             enum dialect dialect) MUST_CHECK;

/* The same for the response that has `payload`, built for that polling dialect, as its body. */
struct refbuf *encoder_build_response(struct encoder *encoder, enum dialect dialect, uint8_t answer,
                                      const struct refbuf *payload) MUST_CHECK;

/* What a directed message says, before it is framed; `from` is an id as text (NULL: of nobody).
 * Socket.IO's data, with {"from": ...} behind the arguments; the native protocol's object; an event
 * of text/event-stream. With `inlined`, for readers without attachments. Pure functions. */
void encoder_socketio_directed(const struct message *message, const char *from, struct strbuf *out);
void encoder_native_directed(const struct message *message, const char *from, bool inlined,
                             struct strbuf *out);
void encoder_native_directed_sse(const struct message *message, struct strbuf *out);

/* How packets of a polling dialect are put together. */
enum engine_io_payload encoder_payload(enum dialect dialect);

/* Is that payload of Engine.IO 3 one that is not text? */
bool encoder_payload_is_binary(enum dialect dialect, const void *payload, size_t len);

#endif
