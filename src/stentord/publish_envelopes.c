#include "publish_priv.h"

#include <stdio.h>

#include "stentor/wire/packarray.h"
#include "stentor/wire/packjson.h"

/* Sends the message where its envelope says. */
static void publish_single(struct http_conn *http, struct message *message,
                           const struct envelope_to *to)
{
    if (to->given)
        publish_directed(http, message, to);
    else
        publish_endpoint_message(http, message);
}

static void publish_one(struct http_conn *http, struct span text)
{
    struct envelope_context context = publish_endpoint_context(http);
    struct envelope_to to = {.given = false};
    char error[ENVELOPE_ERROR];

    context.to = &to;
    struct message *message = envelope_parse(&context, text, error);
    if (message != NULL)
        publish_single(http, message, &to);
    else
        publish_endpoint_refuse(http, 400, NULL, "bad_envelope", error);
}

static size_t publish_count(struct span array)
{
    struct span element;
    size_t pos = 0, count = 0;

    while (json_array_next(array, &pos, &element))
        count++;
    return count;
}

/* All messages of the array, or none of them. */
static void publish_array(struct http_conn *http, struct span array)
{
    struct publish_batch *batch = publish_batch_new(http, publish_count(array));
    struct envelope_context context = publish_endpoint_context(http);
    char error[ENVELOPE_ERROR];
    struct span element;
    size_t pos = 0;

    while (batch != NULL && json_array_next(array, &pos, &element)) {
        struct envelope_to to = {.given = false};

        context.to = &to;
        publish_batch_add(&batch, envelope_parse(&context, element, error), &to, error);
    }
    if (batch != NULL)
        publish_batch_submit(batch);
}

void publish_envelopes_json(struct http_conn *http)
{
    struct span body = json_trim(publish_span(&http->msg->body));
    char error[JSON_MAX_ERROR], text[JSON_MAX_ERROR + 40];

    if (body.len == 0 || !json_text_valid(body.ptr, body.len, error)) {
        snprintf(text, sizeof(text), "the body is not JSON: %s", body.len ? error : "it is empty");
        publish_endpoint_refuse(http, 400, NULL, "bad_json", text);
    } else if (body.ptr[0] == '[') {
        publish_array(http, body);
    } else {
        publish_one(http, body);
    }
}

/* Makes the message of one envelope; NULL with a sentence in `error`. `*malformed`: it was not even
 * MessagePack. */
static struct message *publish_unpack(const struct http_conn *http, struct span packed,
                                      struct envelope_to *to, bool *malformed,
                                      char error[ENVELOPE_ERROR])
{
    struct envelope_context context = publish_endpoint_context(http);
    struct message *message = NULL;
    struct packjson decoded;
    const char *wrong;

    *malformed = !packjson_decode(&decoded, packed.ptr, packed.len, &wrong);
    if (!*malformed) {
        context.attachments = decoded.attachments;
        context.attachment_count = decoded.attachment_count;
        context.to = to;
        message = envelope_parse(&context, publish_span(&decoded.json), error);
    } else {
        snprintf(error, ENVELOPE_ERROR, "%s", wrong);
    }
    packjson_free(&decoded);
    return message;
}

/* All messages of the array, or none of them. */
static void publish_packed_array(struct http_conn *http, struct packarray *array)
{
    struct publish_batch *batch = publish_batch_new(http, array->left);
    char error[ENVELOPE_ERROR] = "";
    struct span element;
    bool malformed;

    while (batch != NULL && packarray_next(array, &element)) {
        struct envelope_to to = {.given = false};
        struct message *message = publish_unpack(http, element, &to, &malformed, error);

        publish_batch_add(&batch, message, &to, error);
    }
    if (batch == NULL)
        return;
    if (packarray_complete(array)) {
        publish_batch_submit(batch);
        return;
    }
    publish_batch_free(&batch);
    publish_endpoint_refuse_msgpack(http, "the array is cut off, or there are bytes behind it");
}

void publish_envelopes_packed(struct http_conn *http)
{
    struct span body = publish_span(&http->msg->body);
    struct envelope_to to = {.given = false};
    char error[ENVELOPE_ERROR];
    struct packarray array;
    bool malformed;

    if (packarray_begin(&array, body)) {
        publish_packed_array(http, &array);
        return;
    }
    struct message *message = publish_unpack(http, body, &to, &malformed, error);
    if (message != NULL)
        publish_single(http, message, &to);
    else if (malformed)
        publish_endpoint_refuse_msgpack(http, error);
    else
        publish_endpoint_refuse(http, 400, NULL, "bad_envelope", error);
}
