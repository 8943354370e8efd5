#include "engine_endpoint.h"

#include <string.h>

#include "conformance.h"
#include "cors.h"
#include "engine.h"
#include "engine_polling.h"
#include "engine_websocket.h"
#include "io_thread.h"
#include "server.h"
#include "socketio_client.h"
#include "stentor/base/crypto.h"

/* What the query asks for. */
struct engine_query {
    bool polling, websocket;
    unsigned protocol; /* 0: none that is known */
    bool base64;
    bool has_sid;
    struct span sid;
};

static struct engine_query engine_endpoint_query(const struct http_conn *http)
{
    struct engine_query wanted = {0};
    struct span path, query, name, value;

    http_split_target(http->msg, &path, &query);
    while (http_query_next(&query, &name, &value)) {
        if (http_span_equals(name, "sid")) {
            wanted.has_sid = value.len > 0;
            wanted.sid = value;
        } else if (http_span_equals(name, "transport")) {
            wanted.polling = http_span_equals(value, "polling");
            wanted.websocket = http_span_equals(value, "websocket");
        } else if (http_span_equals(name, "EIO")) {
            wanted.protocol = http_span_equals(value, "4")   ? ENGINE_IO_PROTOCOL
                              : http_span_equals(value, "3") ? ENGINE_IO_PROTOCOL_OLD
                                                             : 0;
        } else if (http_span_equals(name, "b64")) {
            wanted.base64 = value.len > 0 && !http_span_equals(value, "0");
        }
    }
    return wanted;
}

/* The id that a sid stands for; false when it cannot be one of ours. */
static bool engine_endpoint_id(const struct server *server, struct span sid,
                               uint8_t id[SESSION_ID_BYTES])
{
    return crypto_base64url_decode(id, SESSION_ID_BYTES, sid.ptr, sid.len) &&
           id[0] < server->io_thread_count;
}

/* The thread of the session. */
static struct io_thread *engine_endpoint_home(const struct http_conn *http)
{
    struct server *server = http->conn->thread->server;
    struct engine_query wanted = engine_endpoint_query(http);
    uint8_t id[SESSION_ID_BYTES];

    return wanted.has_sid && engine_endpoint_id(server, wanted.sid, id) ? &server->io_threads[id[0]]
                                                                        : NULL;
}

static struct engine *engine_endpoint_find(const struct http_conn *http,
                                           const struct engine_query *wanted)
{
    struct io_thread *thread = http->conn->thread;
    uint8_t id[SESSION_ID_BYTES];

    return engine_endpoint_id(thread->server, wanted->sid, id) ? engine_find(thread, id) : NULL;
}

static const struct engine_app *engine_endpoint_app(const struct http_conn *http)
{
    return http->endpoint == &engine_conformance_endpoint ? &conformance_engine_app
                                                          : &socketio_client_app;
}

/* Is the request one of a client that we can serve at all? */
static bool engine_endpoint_check(struct http_conn *http, const struct engine_query *wanted)
{
    const struct config *config = http->conn->thread->config;

    if (!wanted->polling && !wanted->websocket) {
        engine_polling_refuse(http, ENGINE_IO_UNKNOWN_TRANSPORT);
        return false;
    }
    if (wanted->protocol == 0 || (wanted->protocol == ENGINE_IO_PROTOCOL_OLD && !config->eio3)) {
        engine_polling_refuse(http, ENGINE_IO_UNSUPPORTED_PROTOCOL);
        return false;
    }
    return true;
}

/* A WebSocket: a client that begins with it, or one that moves to it. */
static void engine_endpoint_upgrade(struct http_conn *http, const struct engine_query *wanted)
{
    struct engine *engine = wanted->has_sid ? engine_endpoint_find(http, wanted) : NULL;

    if (!wanted->websocket)
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
    else if (!wanted->has_sid)
        engine_websocket_open(http, engine_endpoint_app(http), wanted->protocol);
    else if (engine != NULL)
        engine_websocket_probe(http, engine);
    else
        engine_polling_refuse(http, ENGINE_IO_UNKNOWN_SID);
}

static bool engine_endpoint_on_head(struct http_conn *http)
{
    struct engine_query wanted;

    http->msg->limits.body = (size_t)http->conn->thread->config->max_message_size;
    if (!http->msg->upgrade || http_method_is(http->msg, HTTP_OPTIONS))
        return true;
    wanted = engine_endpoint_query(http);
    if (engine_endpoint_check(http, &wanted))
        engine_endpoint_upgrade(http, &wanted);
    return false;
}

/* The first request of a client that polls. */
static void engine_endpoint_open(struct http_conn *http, const struct engine_query *wanted)
{
    struct engine *engine;

    if (!http_method_is(http->msg, HTTP_GET)) {
        engine_polling_refuse(http, ENGINE_IO_BAD_HANDSHAKE_METHOD);
        return;
    }
    if (wanted->websocket || http->conn->thread->stopping) {
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
        return;
    }
    engine =
        engine_new(http->conn->thread, engine_endpoint_app(http), wanted->protocol, wanted->base64);
    if (engine != NULL)
        engine_polling_open(engine, http);
    else
        http_conn_error(http, 503, NULL, "no_memory", "the server has no memory; try again later");
}

static void engine_endpoint_on_request(struct http_conn *http)
{
    struct engine_query wanted = engine_endpoint_query(http);
    struct engine *engine;

    if (http_method_is(http->msg, HTTP_OPTIONS)) {
        cors_on_preflight(http);
        return;
    }
    if (!engine_endpoint_check(http, &wanted))
        return;
    if (!wanted.has_sid) {
        engine_endpoint_open(http, &wanted);
        return;
    }
    engine = engine_endpoint_find(http, &wanted);
    if (engine == NULL)
        engine_polling_refuse(http, ENGINE_IO_UNKNOWN_SID);
    else if (engine->transport != ENGINE_POLLING || !wanted.polling)
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
    else if (http_method_is(http->msg, HTTP_GET))
        engine_polling_get(engine, http);
    else if (http_method_is(http->msg, HTTP_POST))
        engine_polling_post(engine, http);
    else
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
}

const struct endpoint engine_socketio_endpoint = {
    .path = "/socket.io/",
    .methods = ENDPOINT_ALL_METHODS,
    .allow = "GET, POST, OPTIONS",
    .home = engine_endpoint_home,
    .on_head = engine_endpoint_on_head,
    .on_request = engine_endpoint_on_request,
};

const struct endpoint engine_conformance_endpoint = {
    .path = "/engine.io/",
    .conformance = true,
    .methods = ENDPOINT_ALL_METHODS,
    .allow = "GET, POST, OPTIONS",
    .home = engine_endpoint_home,
    .on_head = engine_endpoint_on_head,
    .on_request = engine_endpoint_on_request,
};
