#include "publish_priv.h"

#include <stdio.h>
#include <string.h>

#include "io_thread.h"
#include "numbering.h"
#include "publish_endpoint.h"
#include "room_query.h"
#include "stentor/base/seq.h"
#include "stentor/wire/packjson.h"

/* What a binary body stands for in the arguments: its attachment. */
#define PUBLISH_PLACEHOLDER "{\"_placeholder\":true,\"num\":0}"

/* The parts of /publish/ROOM/EVENT?namespace=&key=&seq=, decoded. */
struct publish_target {
    struct strbuf room, event, key;
    int namespace;
    uint64_t seq; /* 0: none was given */
};

static void publish_target_free(struct publish_target *target)
{
    strbuf_free(&target->room);
    strbuf_free(&target->event);
    strbuf_free(&target->key);
}

static const char *publish_read_query(const struct http_conn *http, struct span query,
                                      struct publish_target *target)
{
    const struct config *config = http->conn->thread->config;
    struct span name, value;
    const char *wrong = NULL;

    while (wrong == NULL && http_query_next(&query, &name, &value)) {
        if (http_span_equals(name, "key")) {
            if (!http_decode(value, true, &target->key) || target->key.len > MESSAGE_MAX_NAME)
                return "key must be percent-encoded UTF-8 of at most 256 bytes";
        } else if (http_span_equals(name, "namespace")) {
            wrong = room_query_namespace(config, value, &target->namespace);
        } else if (http_span_equals(name, "seq")) {
            wrong = numbering_refusal(seq_parse(value, &target->seq) ? target->seq : 0);
        }
    }
    return wrong;
}

/* NULL, or a sentence about what is wrong with the target. */
static const char *publish_read_target(const struct http_conn *http, struct span path,
                                       struct span query, struct publish_target *target)
{
    size_t prefix = strlen(publish_endpoint.path) + 1;
    struct span rest = {path.ptr + prefix, path.len - prefix};
    const char *slash = memchr(rest.ptr, '/', rest.len);

    if (slash == NULL || memchr(slash + 1, '/', rest.len - (size_t)(slash + 1 - rest.ptr)) != NULL)
        return "the path must be /publish/ROOM/EVENT; write a slash in a name as %2F";
    struct span room = {rest.ptr, (size_t)(slash - rest.ptr)};
    struct span event = {slash + 1, rest.len - room.len - 1};
    if (!http_decode(room, false, &target->room) || !http_decode(event, false, &target->event))
        return "room and event must be percent-encoded UTF-8";
    return publish_read_query(http, query, target);
}

/* The data of /publish/ROOM/EVENT: JSON, and what its placeholders stand for. */
struct publish_data {
    struct span json;
    struct packjson unpacked; /* holds what came as MessagePack or as bytes */
};

/* Makes the message of /publish/ROOM/EVENT; NULL when the request has been answered. */
static struct message *publish_make(struct http_conn *http, const struct publish_target *target,
                                    struct publish_data *data)
{
    struct span room = publish_span(&target->room), event = publish_span(&target->event);
    bool everyone = room.len == 1 && room.ptr[0] == '*';
    const char *wrong = everyone ? NULL : envelope_check_room(room);
    struct publication publication = {
        .namespace = target->namespace,
        .rooms = &room,
        .room_count = everyone ? 0 : 1,
        .event = event,
        .args = data->json,
        .arg_count = 1,
        .key = publish_span(&target->key),
        .attachments = data->unpacked.attachments,
        .attachment_count = data->unpacked.attachment_count,
        .seq = target->seq,
    };

    if (wrong == NULL)
        wrong = envelope_check_event(event);
    if (wrong != NULL) {
        publish_endpoint_refuse(http, 400, NULL, "bad_target", wrong);
        return NULL;
    }
    struct message *message = message_new(&publication, publish_endpoint_context(http).io_threads);
    if (message == NULL)
        publish_endpoint_refuse(http, 503, NULL, "no_memory",
                                "the server has no memory; try again later");
    return message;
}

static bool publish_bytes(struct http_conn *http, struct publish_data *data)
{
    const struct strbuf *body = &http->msg->body;

    data->json = (struct span){PUBLISH_PLACEHOLDER, strlen(PUBLISH_PLACEHOLDER)};
    data->unpacked.attachments[0] = refbuf_copy(body->data, body->len);
    if (data->unpacked.attachments[0] == NULL) {
        publish_endpoint_refuse(http, 503, NULL, "no_memory",
                                "the server has no memory; try again later");
        return false;
    }
    data->unpacked.attachment_count = 1;
    return true;
}

static bool publish_json(struct http_conn *http, struct publish_data *data)
{
    char error[JSON_MAX_ERROR], text[JSON_MAX_ERROR + 80];

    data->json = json_trim(publish_span(&http->msg->body));
    if (data->json.len == 0) {
        data->json = (struct span){"null", 4};
        return true;
    }
    if (json_text_valid(data->json.ptr, data->json.len, error))
        return true;
    snprintf(text, sizeof(text), "the body is not JSON (a text needs double quotes): %s", error);
    publish_endpoint_refuse(http, 400, NULL, "bad_json", text);
    return false;
}

static bool publish_unpack_data(struct http_conn *http, struct publish_data *data)
{
    const struct strbuf *body = &http->msg->body;
    const char *error;

    if (!packjson_decode(&data->unpacked, body->data, body->len, &error)) {
        publish_endpoint_refuse_msgpack(http, error);
        return false;
    }
    data->json = publish_span(&data->unpacked.json);
    error = envelope_check_attachments(data->json, data->unpacked.attachment_count);
    if (error != NULL)
        publish_endpoint_refuse_msgpack(http, error);
    return error == NULL;
}

/* Reads the body as its Content-Type says. False when the request has been answered. */
static bool publish_read_data(struct http_conn *http, struct publish_data *data)
{
    if (http_content_is(http->msg, "application/octet-stream"))
        return publish_bytes(http, data);
    return publish_endpoint_is_msgpack(http) ? publish_unpack_data(http, data)
                                             : publish_json(http, data);
}

void publish_target(struct http_conn *http, struct span path, struct span query)
{
    struct publish_target target = {
        .room = STRBUF_INIT,
        .event = STRBUF_INIT,
        .key = STRBUF_INIT,
        .namespace = publish_endpoint_context(http).namespace,
    };
    const char *wrong = publish_read_target(http, path, query, &target);
    struct publish_data data = {.json = {"", 0}};
    struct message *message = NULL;

    if (wrong != NULL)
        publish_endpoint_refuse(http, 400, NULL, "bad_target", wrong);
    else if (publish_read_data(http, &data))
        message = publish_make(http, &target, &data);
    packjson_free(&data.unpacked);
    publish_target_free(&target);
    if (message != NULL)
        publish_endpoint_message(http, message);
}
