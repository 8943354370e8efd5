#include "publish_endpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broadcast.h"
#include "http_response.h"
#include "io_thread.h"
#include "permission.h"
#include "publish_priv.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"

static struct server *publish_server(const struct http_conn *http)
{
    return http->conn->thread->server;
}

void publish_endpoint_refuse(struct http_conn *http, int status, const char *headers,
                             const char *error, const char *message)
{
    char text[CONN_TEXT];

    stats_add(&http->conn->thread->stats.publish_refused, 1);
    if (log_access_enabled())
        log_access("%s %d %s", conn_text(http->conn, text), status, error);
    http_respond_error(http, status, headers, error, message);
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

void publish_endpoint_refuse_seq(struct http_conn *http, const struct publish_request *request)
{
    char text[96];

    snprintf(text, sizeof(text), "seq must be above %" PRIu64 ", that of the newest message",
             request->not_above);
    publish_endpoint_refuse(http, 409, NULL, "seq_not_above", text);
}

static void publish_respond(struct http_conn *http, struct publish_request *request)
{
    struct strbuf body = STRBUF_INIT;

    publish_endpoint_log(http, request);
    publish_endpoint_append_item(&body, request->items[0].seq,
                                 atomic_load(&request->items[0].clients));
    strbuf_append_char(&body, '\n');
    http_respond(http, 200, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
}

static void publish_done(struct publish_request *request, void *context)
{
    struct http_conn *http = context;

    if (request->not_above > 0)
        publish_endpoint_refuse_seq(http, request);
    else
        publish_respond(http, request);
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

struct envelope_context publish_endpoint_context(const struct http_conn *http)
{
    const struct config *config = http->conn->thread->config;

    return (struct envelope_context){
        .config = config,
        .io_threads = publish_server(http)->io_thread_count,
        .namespace = config_default_namespace(config),
    };
}

void publish_endpoint_message(struct http_conn *http, struct message *message)
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

bool publish_endpoint_is_msgpack(const struct http_conn *http)
{
    return http_content_is(http->msg, "application/msgpack") ||
           http_content_is(http->msg, "application/vnd.msgpack") ||
           http_content_is(http->msg, "application/x-msgpack");
}

void publish_endpoint_refuse_msgpack(struct http_conn *http, const char *error)
{
    char text[ENVELOPE_ERROR + 64]; /* the error, and what stands before it */

    snprintf(text, sizeof(text), "the body cannot be used as MessagePack: %s", error);
    publish_endpoint_refuse(http, 400, NULL, "bad_msgpack", text);
}

static void publish_on_request(struct http_conn *http)
{
    struct span path, query;

    http_split_target(http->msg, &path, &query);
    if (path.len > strlen(publish_endpoint.path))
        publish_target(http, path, query);
    else if (publish_endpoint_is_msgpack(http))
        publish_envelopes_packed(http);
    else
        publish_envelopes_json(http);
}

const struct endpoint publish_endpoint = {
    .path = "/publish",
    .subtree = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_head = publish_on_head,
    .on_request = publish_on_request,
};
