#include "encoder.h"

#include "encoder_priv.h"
#include "poll_response.h"
#include "stentor/wire/websocket.h"

/* zlib's own default: a message is compressed once, however many clients there are. */
enum { ENCODER_DEFLATE_LEVEL = 6 };

void encoder_init(struct encoder *encoder, const struct config *config, struct stats *stats)
{
    encoder->config = config;
    encoder->stats = stats;
    encoder->deflater = NULL;
}

void encoder_destroy(struct encoder *encoder)
{
    deflater_free(&encoder->deflater);
}

/* Appends one frame; deflated when that is asked for and makes it smaller. */
static void encoder_append_frame(struct encoder *encoder, struct strbuf *out, enum ws_opcode opcode,
                                 bool deflate, const void *payload, size_t len)
{
    struct strbuf packed = STRBUF_INIT;

    if (deflate && len >= (size_t)encoder->config->compression_min) {
        if (encoder->deflater == NULL)
            encoder->deflater = deflater_new(ENCODER_DEFLATE_LEVEL);
        if (encoder->deflater == NULL ||
            !deflater_message(encoder->deflater, payload, len, &packed))
            packed.len = 0;
    }
    if (packed.len > 0 && packed.len < len)
        ws_append_frame(out, opcode, true, packed.data, packed.len);
    else
        ws_append_frame(out, opcode, false, payload, len);
    strbuf_free(&packed);
}

static const char *encoder_namespace(const struct encoder *encoder, const struct message *message)
{
    return encoder->config->namespaces[message->namespace];
}

/* Engine.IO 3 clients know no recovery. */
static bool encoder_wants_offset(const struct encoder *encoder)
{
    return encoder->config->recovery_time > 0;
}

static void encoder_native(struct encoder *encoder, const struct message *message, bool msgpack,
                           bool deflate, struct strbuf *out)
{
    struct strbuf content = STRBUF_INIT;

    if (msgpack)
        encoder_native_msgpack(message, &content);
    else
        encoder_native_json(message, &content);
    encoder_append_frame(encoder, out, msgpack ? WS_BINARY : WS_TEXT, deflate, content.data,
                         content.len);
    out->failed |= content.failed;
    strbuf_free(&content);
}

/* A text frame with the packet, and a binary frame for each attachment; in Engine.IO 3 that begins
 * with the packet's type as a number. */
static void encoder_socketio(struct encoder *encoder, const struct message *message, bool eio3,
                             bool deflate, struct strbuf *out)
{
    struct strbuf content = STRBUF_INIT;

    strbuf_append_char(&content, ENGINE_IO_MESSAGE);
    encoder_socketio_text(message, encoder_namespace(encoder, message),
                          !eio3 && encoder_wants_offset(encoder), &content);
    encoder_append_frame(encoder, out, WS_TEXT, deflate, content.data, content.len);
    for (size_t i = 0; i < message->attachment_count; i++) {
        const struct refbuf *attachment = message->attachments[i];

        strbuf_clear(&content);
        if (eio3)
            strbuf_append_char(&content, ENGINE_IO_MESSAGE - '0');
        strbuf_append(&content, attachment->data, attachment->len);
        encoder_append_frame(encoder, out, WS_BINARY, deflate, content.data, content.len);
        out->failed |= content.failed;
    }
    out->failed |= content.failed;
    strbuf_free(&content);
}

static void encoder_socketio_packed(struct encoder *encoder, const struct message *message,
                                    bool deflate, struct strbuf *out)
{
    struct strbuf content = STRBUF_INIT;

    encoder_socketio_msgpack(message, encoder_namespace(encoder, message),
                             encoder_wants_offset(encoder), &content);
    encoder_append_frame(encoder, out, WS_BINARY, deflate, content.data, content.len);
    out->failed |= content.failed;
    strbuf_free(&content);
}

enum engine_io_payload encoder_payload(enum dialect dialect)
{
    switch (dialect) {
    case DIALECT_POLLING3:
        return ENGINE_IO_PAYLOAD_3;
    case DIALECT_POLLING3_BINARY:
        return ENGINE_IO_PAYLOAD_3_BINARY;
    default:
        return ENGINE_IO_PAYLOAD_4;
    }
}

/* Texts begin with the digits of their length there; what is not text, with a byte 0 or 1. */
bool encoder_payload_is_binary(enum dialect dialect, const void *payload, size_t len)
{
    return dialect == DIALECT_POLLING3_BINARY && len > 0 && *(const unsigned char *)payload <= 1;
}

static void encoder_polling(struct encoder *encoder, const struct message *message,
                            enum dialect dialect, struct strbuf *out)
{
    enum engine_io_payload form = encoder_payload(dialect);
    bool offset = form == ENGINE_IO_PAYLOAD_4 && encoder_wants_offset(encoder);
    struct strbuf content = STRBUF_INIT;

    if (form == ENGINE_IO_PAYLOAD_3_BINARY && message->attachment_count == 0)
        form = ENGINE_IO_PAYLOAD_3; /* without binary data in it a payload is text */
    encoder_socketio_text(message, encoder_namespace(encoder, message), offset, &content);
    engine_io_append_packet(out, form,
                            &(struct engine_io_packet){
                                .type = ENGINE_IO_MESSAGE,
                                .data = {content.data, content.len},
                            });
    for (size_t i = 0; i < message->attachment_count; i++) {
        const struct refbuf *attachment = message->attachments[i];

        engine_io_append_packet(out, form,
                                &(struct engine_io_packet){
                                    .type = ENGINE_IO_MESSAGE,
                                    .binary = true,
                                    .data = {(const char *)attachment->data, attachment->len},
                                });
    }
    out->failed |= content.failed;
    strbuf_free(&content);
}

static void encoder_polling_packed(struct encoder *encoder, const struct message *message,
                                   struct strbuf *out)
{
    struct strbuf content = STRBUF_INIT;

    encoder_socketio_msgpack(message, encoder_namespace(encoder, message),
                             encoder_wants_offset(encoder), &content);
    engine_io_append_packet(out, ENGINE_IO_PAYLOAD_4,
                            &(struct engine_io_packet){
                                .type = ENGINE_IO_MESSAGE,
                                .binary = true,
                                .data = {content.data, content.len},
                            });
    out->failed |= content.failed;
    strbuf_free(&content);
}

static void encoder_render(struct encoder *encoder, const struct message *message,
                           enum dialect dialect, struct strbuf *out)
{
    switch (dialect) {
    case DIALECT_NATIVE:
    case DIALECT_NATIVE_DEFLATE:
        encoder_native(encoder, message, false, dialect == DIALECT_NATIVE_DEFLATE, out);
        break;
    case DIALECT_NATIVE_MSGPACK:
    case DIALECT_NATIVE_MSGPACK_DEFLATE:
        encoder_native(encoder, message, true, dialect == DIALECT_NATIVE_MSGPACK_DEFLATE, out);
        break;
    case DIALECT_SOCKETIO:
    case DIALECT_SOCKETIO_DEFLATE:
        encoder_socketio(encoder, message, false, dialect == DIALECT_SOCKETIO_DEFLATE, out);
        break;
    case DIALECT_SOCKETIO3:
    case DIALECT_SOCKETIO3_DEFLATE:
        encoder_socketio(encoder, message, true, dialect == DIALECT_SOCKETIO3_DEFLATE, out);
        break;
    case DIALECT_SOCKETIO_MSGPACK:
    case DIALECT_SOCKETIO_MSGPACK_DEFLATE:
        encoder_socketio_packed(encoder, message, dialect == DIALECT_SOCKETIO_MSGPACK_DEFLATE, out);
        break;
    case DIALECT_POLLING:
    case DIALECT_POLLING3:
    case DIALECT_POLLING3_BINARY:
        encoder_polling(encoder, message, dialect, out);
        break;
    case DIALECT_POLLING_MSGPACK:
        encoder_polling_packed(encoder, message, out);
        break;
    case DIALECT_SSE:
        encoder_native_sse(message, out);
        break;
    case DIALECT_COUNT:
        break;
    }
}

/* What was put together, as bytes to be shared; NULL without memory. */
static struct refbuf *encoder_finish(struct strbuf *out)
{
    struct refbuf *bytes = out->failed ? NULL : refbuf_copy(out->data, out->len);

    strbuf_free(out);
    return bytes;
}

struct refbuf *encoder_build(struct encoder *encoder, const struct message *message,
                             enum dialect dialect)
{
    struct strbuf out = STRBUF_INIT;

    encoder_render(encoder, message, dialect, &out);
    if (!out.failed)
        stats_add(&encoder->stats->encodings[dialect], 1);
    return encoder_finish(&out);
}

struct refbuf *encoder_build_response(struct encoder *encoder, enum dialect dialect, uint8_t answer,
                                      const struct refbuf *payload)
{
    size_t skip = engine_io_payload_skip(encoder_payload(dialect));
    struct strbuf out = STRBUF_INIT;

    poll_response_append_head(&out, encoder->config, answer,
                              encoder_payload_is_binary(dialect, payload->data, payload->len),
                              payload->len - skip);
    strbuf_append(&out, payload->data + skip, payload->len - skip);
    stats_add(&encoder->stats->responses, 1);
    return encoder_finish(&out);
}
