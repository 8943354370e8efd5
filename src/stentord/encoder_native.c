#include "encoder_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/crypto.h"
#include "stentor/wire/native.h"
#include "stentor/wire/packjson.h"
#include "stentor/wire/sse.h"

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

/* The arguments as JSON that needs no attachments. `*inlined` is to be freed. */
static struct span encoder_plain_args(const struct message *message, char **inlined,
                                      struct strbuf *out)
{
    *inlined = NULL;
    if (message->attachment_count == 0)
        return message->args;
    *inlined = encoder_inline_args(message);
    if (*inlined == NULL) {
        out->failed = true;
        return (struct span){"", 0};
    }
    return (struct span){*inlined + 1, strlen(*inlined) - 2}; /* without the brackets */
}

static void encoder_native_object(const struct message *message, struct span args,
                                  struct strbuf *out)
{
    struct strbuf room = STRBUF_INIT;

    encoder_append_rooms(&room, message);
    native_append_message(out, message->seq, (struct span){room.data, room.len}, message->event.ptr,
                          message->event.len, args, message->arg_count);
    out->failed |= room.failed;
    strbuf_free(&room);
}

void encoder_native_json(const struct message *message, struct strbuf *out)
{
    char *inlined;
    struct span args = encoder_plain_args(message, &inlined, out);

    encoder_native_object(message, args, out);
    free(inlined);
}

void encoder_native_msgpack(const struct message *message, struct strbuf *out)
{
    struct strbuf text = STRBUF_INIT;

    encoder_native_object(message, message->args, &text);
    if (text.failed)
        out->failed = true;
    else
        packjson_encode(out, (struct span){text.data, text.len}, message->attachments,
                        message->attachment_count);
    strbuf_free(&text);
}

void encoder_native_directed(const struct message *message, const char *from, bool inlined,
                             struct strbuf *out)
{
    char *text = NULL;
    struct span args = inlined ? encoder_plain_args(message, &text, out) : message->args;

    native_append_directed(out, from, message->event, args, message->arg_count);
    free(text);
}

/* One argument is the data by itself; any other number of them is an array. */
static void encoder_append_sse(const struct message *message, uint64_t id, struct strbuf *out)
{
    struct strbuf array = STRBUF_INIT;
    char *inlined;
    struct span data = encoder_plain_args(message, &inlined, out);

    if (message->arg_count != 1) {
        strbuf_append_char(&array, '[');
        strbuf_append(&array, data.ptr, data.len);
        strbuf_append_char(&array, ']');
        out->failed |= array.failed;
        data = (struct span){array.data, array.len};
    }
    sse_append_event(out, id, message->event, data);
    strbuf_free(&array);
    free(inlined);
}

void encoder_native_sse(const struct message *message, struct strbuf *out)
{
    encoder_append_sse(message, message->seq, out);
}

void encoder_native_directed_sse(const struct message *message, struct strbuf *out)
{
    encoder_append_sse(message, 0, out);
}
