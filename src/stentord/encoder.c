#include "encoder.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/crypto.h"
#include "stentor/wire/engine_io.h"
#include "stentor/wire/native.h"
#include "stentor/wire/socket_io.h"
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

/* The `room` member of a native message: null, a string, or an array of them. */
static void encoder_append_rooms(struct strbuf *out, const struct message *message)
{
    if (message->room_count == 0) {
        strbuf_append_str(out, "null");
        return;
    }
    if (message->room_count > 1)
        strbuf_append_char(out, '[');
    for (size_t i = 0; i < message->room_count; i++) {
        if (i > 0)
            strbuf_append_char(out, ',');
        json_append_string(out, message->rooms[i].ptr, message->rooms[i].len);
    }
    if (message->room_count > 1)
        strbuf_append_char(out, ']');
}

/* Is it Socket.IO's stand-in for an attachment? Returns the attachment, or NULL. */
static const struct refbuf *encoder_attachment(const struct message *message, const json_t *value)
{
    double num = json_number_value(json_object_get(value, "num"));

    if (!json_is_true(json_object_get(value, "_placeholder")) || num < 0 ||
        num >= (double)message->attachment_count)
        return NULL;
    return message->attachments[(size_t)num];
}

static json_t *encoder_base64(const struct refbuf *attachment)
{
    struct strbuf text = STRBUF_INIT;
    json_t *object;

    crypto_base64(&text, attachment->data, attachment->len);
    object = json_pack("{s:s%}", "base64", text.data != NULL ? text.data : "", text.len);
    strbuf_free(&text);
    return object;
}

/* The value with all placeholders replaced by {"base64": "..."}; takes the reference. */
static json_t *encoder_inline(const struct message *message, json_t *value)
{
    const struct refbuf *attachment = encoder_attachment(message, value);
    const char *key;
    json_t *child;
    size_t i;

    if (attachment != NULL) {
        json_decref(value);
        return encoder_base64(attachment);
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
            json_array_set_new(value, i, encoder_inline(message, json_incref(child)));
    } else if (json_is_object(value)) {
        json_object_foreach(value, key, child)
            json_object_set_new(value, key, encoder_inline(message, json_incref(child)));
    }
    return value;
}

/* The arguments for readers without attachments; free() the result. NULL when memory is out. */
static char *encoder_inline_args(const struct message *message)
{
    struct strbuf text = STRBUF_INIT;
    char *dump = NULL;

    strbuf_append_char(&text, '[');
    strbuf_append(&text, message->args.ptr, message->args.len);
    strbuf_append_char(&text, ']');
    json_t *args = text.failed ? NULL : json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    if (args == NULL && !text.failed) /* an integer of more than 64 bits */
        args = json_loadb(text.data, text.len, json_load_flags(), NULL);
    strbuf_free(&text);
    if (args == NULL)
        return NULL;
    args = encoder_inline(message, args);
    dump = json_dumps(args, JSON_COMPACT);
    json_decref(args);
    return dump;
}

static void encoder_native(struct encoder *encoder, const struct message *message, bool deflate,
                           struct strbuf *out)
{
    struct strbuf room = STRBUF_INIT, text = STRBUF_INIT;
    struct span args = message->args;
    char *inlined = NULL;

    if (message->attachment_count > 0) {
        inlined = encoder_inline_args(message);
        if (inlined == NULL) {
            out->failed = true;
            return;
        }
        args = (struct span){inlined + 1, strlen(inlined) - 2}; /* without the brackets */
    }
    encoder_append_rooms(&room, message);
    native_append_message(&text, message->seq, (struct span){room.data, room.len},
                          message->event.ptr, message->event.len, args, message->arg_count);
    encoder_append_frame(encoder, out, WS_TEXT, deflate, text.data, text.len);
    out->failed |= text.failed || room.failed;
    strbuf_free(&room);
    strbuf_free(&text);
    free(inlined);
}

static void encoder_socketio(struct encoder *encoder, const struct message *message, bool deflate,
                             struct strbuf *out)
{
    const char *namespace = encoder->config->namespaces[message->namespace];
    struct strbuf text = STRBUF_INIT;
    struct socket_io_packet packet = {
        .type = message->attachment_count > 0 ? SOCKET_IO_BINARY_EVENT : SOCKET_IO_EVENT,
        .attachments = (unsigned)message->attachment_count,
        .namespace = {namespace, strlen(namespace)},
    };

    strbuf_append_char(&text, ENGINE_IO_MESSAGE);
    socket_io_append_head(&text, &packet);
    strbuf_append_char(&text, '[');
    json_append_string(&text, message->event.ptr, message->event.len);
    if (message->arg_count > 0)
        strbuf_append_char(&text, ',');
    strbuf_append(&text, message->args.ptr, message->args.len);
    strbuf_append_char(&text, ']');
    encoder_append_frame(encoder, out, WS_TEXT, deflate, text.data, text.len);
    for (size_t i = 0; i < message->attachment_count; i++)
        encoder_append_frame(encoder, out, WS_BINARY, deflate, message->attachments[i]->data,
                             message->attachments[i]->len);
    out->failed |= text.failed;
    strbuf_free(&text);
}

struct refbuf *encoder_build(struct encoder *encoder, const struct message *message,
                             enum dialect dialect)
{
    struct strbuf out = STRBUF_INIT;
    struct refbuf *encoding = NULL;

    switch (dialect) {
    case DIALECT_NATIVE:
    case DIALECT_NATIVE_DEFLATE:
        encoder_native(encoder, message, dialect == DIALECT_NATIVE_DEFLATE, &out);
        break;
    case DIALECT_SOCKETIO:
    case DIALECT_SOCKETIO_DEFLATE:
        encoder_socketio(encoder, message, dialect == DIALECT_SOCKETIO_DEFLATE, &out);
        break;
    case DIALECT_COUNT:
        break;
    }
    if (!out.failed)
        encoding = refbuf_copy(out.data, out.len);
    strbuf_free(&out);
    if (encoding != NULL)
        stats_add(&encoder->stats->encodings[dialect], 1);
    return encoding;
}
