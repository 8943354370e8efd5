#include "publish_endpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broadcast.h"
#include "envelope.h"
#include "io_thread.h"
#include "permission.h"
#include "publish_priv.h"
#include "room_query.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "stentor/wire/packarray.h"
#include "stentor/wire/packjson.h"

/* What a binary body stands for in the arguments: its attachment. */
#define PUBLISH_PLACEHOLDER "{\"_placeholder\":true,\"num\":0}"

static struct server *publish_server(const struct http_conn *http)
{
    return http->conn->thread->server;
}

static struct span publish_span(const struct strbuf *text)
{
    return (struct span){text->data, text->len};
}

void publish_endpoint_refuse(struct http_conn *http, int status, const char *headers,
                             const char *error, const char *message)
{
    char text[CONN_TEXT];

    stats_add(&http->conn->thread->stats.publish_refused, 1);
    if (log_access_enabled())
        log_access("%s %d %s", conn_text(http->conn, text), status, error);
    http_conn_error(http, status, headers, error, message);
}

/* Does the request carry one of the keys? */
static bool publish_has_key(const struct http_conn *http)
{
    struct span key;

    return http_conn_bearer(http, &key) &&
           permission_is_publish_key(http->conn->thread->config, key);
}

static bool publish_on_head(struct http_conn *http)
{
    struct span origin;

    http->msg->limits.body = (size_t)http->conn->thread->config->max_publish_size;
    if (publish_has_key(http))
        return true;
    if (!http->conn->admin) {
        publish_endpoint_refuse(
            http, 401, "WWW-Authenticate: Bearer\r\n", "unauthorized",
            "send one of the configured publish_keys as Authorization: Bearer KEY, or "
            "use an admin listener");
        return false;
    }
    /* Any web page that is open on this machine can make its browser post to loopback. */
    if (http_header(http->msg, "origin", &origin)) {
        publish_endpoint_refuse(http, 403, NULL, "forbidden",
                                "web pages need one of the configured publish_keys here, too");
        return false;
    }
    return true;
}

void publish_endpoint_append_item(struct strbuf *out, uint64_t seq, unsigned clients)
{
    strbuf_printf(out, "{\"seq\":%" PRIu64 ",\"clients\":%u}", seq, clients);
}

void publish_endpoint_log(const struct http_conn *http, const struct publish_request *request)
{
    char text[CONN_TEXT];

    if (log_access_enabled())
        log_access("%s 200 %zu messages, %zu bytes, seq %" PRIu64 ", %u clients: %s",
                   conn_text(http->conn, text), request->count, request->bytes,
                   request->items[0].seq,
                   atomic_load_explicit((atomic_uint *)(uintptr_t)&request->items[0].clients,
                                        memory_order_relaxed),
                   request->what);
}

static void publish_done(struct publish_request *request, void *context)
{
    struct http_conn *http = context;
    struct strbuf body = STRBUF_INIT;

    publish_endpoint_log(http, request);
    publish_endpoint_append_item(&body, request->items[0].seq,
                                 atomic_load(&request->items[0].clients));
    strbuf_append_char(&body, '\n');
    http_conn_respond(http, 200, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
    http_conn_resume(http);
}

/* The publisher has gone; his messages go their way. */
static void publish_on_abort(struct http_conn *http, void *context)
{
    struct publish_request *request = context;

    (void)http;
    request->context = NULL;
}

static const struct http_waiter publish_waiter = {.on_abort = publish_on_abort};

bool publish_endpoint_within_rate(struct http_conn *http, size_t count)
{
    struct server *server = publish_server(http);
    uint64_t wait_ns = ratelimit_take(&server->publish_limit, (unsigned)count, clock_ns());
    char header[64];

    bool overloaded = wait_ns == 0 && (server_overloaded(server, http->conn->thread->config) ||
                                       directed_overloaded(http->conn->thread));

    if (wait_ns == 0 && !overloaded)
        return true;
    snprintf(header, sizeof(header), "Retry-After: %" PRIu64 "\r\n", wait_ns / 1000000000 + 1);
    publish_endpoint_refuse(http, 429, header, "too_many_messages",
                            overloaded
                                ? "messages come faster than clients can be given them; try again "
                                  "after the seconds in Retry-After"
                                : "publish_rate is used up; try again after the seconds in "
                                  "Retry-After");
    return false;
}

static struct envelope_context publish_context(const struct http_conn *http)
{
    const struct config *config = http->conn->thread->config;

    return (struct envelope_context){
        .config = config,
        .io_threads = publish_server(http)->io_thread_count,
        .namespace = config_default_namespace(config),
    };
}

/* Publishes one message; takes over the reference. */
static void publish_message(struct http_conn *http, struct message *message)
{
    struct publish_request *request = NULL;

    if (publish_endpoint_within_rate(http, 1)) {
        request = publish_request_new(&http->conn->thread->stage, 1);
        if (request == NULL)
            publish_endpoint_refuse(http, 503, NULL, "no_memory",
                                    "the server has no memory; try again later");
    }
    if (request == NULL) {
        message_unref(&message);
        return;
    }
    publish_request_add(request, message);
    request->done = publish_done;
    request->context = http;
    if (log_access_enabled())
        publish_request_describe(request, http->conn->thread->config);
    http_conn_suspend(http, &publish_waiter, request);
    broadcast_submit(&publish_server(http)->broadcast, request);
}

/* Sends the message where its envelope says. */
static void publish_single(struct http_conn *http, struct message *message,
                           const struct envelope_to *to)
{
    if (to->given)
        publish_directed(http, message, to);
    else
        publish_message(http, message);
}

static void publish_one(struct http_conn *http, struct span text)
{
    struct envelope_context context = publish_context(http);
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
    struct envelope_context context = publish_context(http);
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

/* POST /publish: an envelope or an array of them. */
static void publish_envelopes(struct http_conn *http)
{
    struct span body = json_trim((struct span){http->msg->body.data, http->msg->body.len});
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

static bool publish_is_msgpack(const struct http_conn *http)
{
    return http_content_is(http->msg, "application/msgpack") ||
           http_content_is(http->msg, "application/vnd.msgpack") ||
           http_content_is(http->msg, "application/x-msgpack");
}

static void publish_refuse_msgpack(struct http_conn *http, const char *error)
{
    char text[ENVELOPE_ERROR + 64]; /* the error, and what stands before it */

    snprintf(text, sizeof(text), "the body cannot be used as MessagePack: %s", error);
    publish_endpoint_refuse(http, 400, NULL, "bad_msgpack", text);
}

/* Makes the message of one envelope; NULL with a sentence in `error`. `*malformed`: it was not even
 * MessagePack. */
static struct message *publish_unpack(const struct http_conn *http, struct span packed,
                                      struct envelope_to *to, bool *malformed,
                                      char error[ENVELOPE_ERROR])
{
    struct envelope_context context = publish_context(http);
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
    publish_refuse_msgpack(http, "the array is cut off, or there are bytes behind it");
}

/* POST /publish with MessagePack: a map, or an array of them. */
static void publish_packed(struct http_conn *http)
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
        publish_refuse_msgpack(http, error);
    else
        publish_endpoint_refuse(http, 400, NULL, "bad_envelope", error);
}

/* The parts of /publish/ROOM/EVENT?namespace=&key=, decoded. */
struct publish_target {
    struct strbuf room, event, key;
    int namespace;
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

    while (http_query_next(&query, &name, &value)) {
        if (http_span_equals(name, "key")) {
            if (!http_decode(value, true, &target->key) || target->key.len > MESSAGE_MAX_NAME)
                return "key must be percent-encoded UTF-8 of at most 256 bytes";
        } else if (http_span_equals(name, "namespace")) {
            const char *wrong = room_query_namespace(config, value, &target->namespace);
            if (wrong != NULL)
                return wrong;
        }
    }
    return NULL;
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
    };

    if (wrong == NULL)
        wrong = envelope_check_event(event);
    if (wrong != NULL) {
        publish_endpoint_refuse(http, 400, NULL, "bad_target", wrong);
        return NULL;
    }
    struct message *message = message_new(&publication, publish_server(http)->io_thread_count);
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
        publish_refuse_msgpack(http, error);
        return false;
    }
    data->json = publish_span(&data->unpacked.json);
    error = envelope_check_attachments(data->json, data->unpacked.attachment_count);
    if (error != NULL)
        publish_refuse_msgpack(http, error);
    return error == NULL;
}

/* Reads the body as its Content-Type says. False when the request has been answered. */
static bool publish_read_data(struct http_conn *http, struct publish_data *data)
{
    if (http_content_is(http->msg, "application/octet-stream"))
        return publish_bytes(http, data);
    return publish_is_msgpack(http) ? publish_unpack_data(http, data) : publish_json(http, data);
}

/* POST /publish/ROOM/EVENT: the body is the data. */
static void publish_to_target(struct http_conn *http, struct span path, struct span query)
{
    struct publish_target target = {
        .room = STRBUF_INIT,
        .event = STRBUF_INIT,
        .key = STRBUF_INIT,
        .namespace = publish_context(http).namespace,
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
        publish_message(http, message);
}

static void publish_on_request(struct http_conn *http)
{
    struct span path, query;

    http_split_target(http->msg, &path, &query);
    if (path.len > strlen(publish_endpoint.path))
        publish_to_target(http, path, query);
    else if (publish_is_msgpack(http))
        publish_packed(http);
    else
        publish_envelopes(http);
}

const struct endpoint publish_endpoint = {
    .path = "/publish",
    .subtree = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_head = publish_on_head,
    .on_request = publish_on_request,
};
