#include "engine_endpoint.h"

#include <assert.h>
#include <string.h>

#include "conformance.h"
#include "cors.h"
#include "engine.h"
#include "engine_polling.h"
#include "engine_websocket.h"
#include "http_response.h"
#include "io_thread.h"
#include "limits.h"
#include "server.h"
#include "socketio_client.h"

/* What the query asks for: the connection's note while the request is served. */
struct engine_query {
    uint8_t transport; /* enum engine_transport, or ENGINE_NO_TRANSPORT */
    uint8_t protocol;  /* 0: none that is known */
    bool base64;
    bool has_sid;
    bool has_id; /* the sid can be one of ours */
    uint8_t id[SESSION_ID_BYTES];
};

enum { ENGINE_NO_TRANSPORT = 0xff };

static_assert(sizeof(struct engine_query) <= HTTP_CONN_NOTE, "the note has no room for it");

static struct engine_query *engine_endpoint_note(const struct http_conn *http)
{
    return (struct engine_query *)(uintptr_t)http->note;
}

static void engine_endpoint_read(struct engine_query *wanted, struct span name, struct span value,
                                 const struct server *server)
{
    if (http_span_equals(name, "sid")) {
        wanted->has_sid = value.len > 0;
        wanted->has_id =
            session_id_parse(wanted->id, value.ptr, value.len, server->io_thread_count);
    } else if (http_span_equals(name, "transport")) {
        wanted->transport = http_span_equals(value, "polling")     ? ENGINE_POLLING
                            : http_span_equals(value, "websocket") ? ENGINE_WEBSOCKET
                                                                   : ENGINE_NO_TRANSPORT;
    } else if (http_span_equals(name, "EIO")) {
        wanted->protocol = http_span_equals(value, "4")   ? ENGINE_IO_PROTOCOL
                           : http_span_equals(value, "3") ? ENGINE_IO_PROTOCOL_OLD
                                                          : 0;
    } else if (http_span_equals(name, "b64")) {
        wanted->base64 = value.len > 0 && !http_span_equals(value, "0");
    }
}

/* Understands the query; the session's thread, if it names a session. */
static struct io_thread *engine_endpoint_home(struct http_conn *http)
{
    struct server *server = http->conn->thread->server;
    struct engine_query *wanted = engine_endpoint_note(http);
    struct span path, query, name, value;

    *wanted = (struct engine_query){.transport = ENGINE_NO_TRANSPORT};
    http_split_target(http->msg, &path, &query);
    while (http_query_next(&query, &name, &value))
        engine_endpoint_read(wanted, name, value, server);
    return wanted->has_id ? &server->io_threads[wanted->id[0]] : NULL;
}

static struct engine *engine_endpoint_find(const struct http_conn *http,
                                           const struct engine_query *wanted)
{
    return wanted->has_id ? engine_find(http->conn->thread, wanted->id) : NULL;
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

    if (wanted->transport == ENGINE_NO_TRANSPORT) {
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

    if (wanted->transport != ENGINE_WEBSOCKET)
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
    else if (!wanted->has_sid && limits_admit(http))
        engine_websocket_open(http, engine_endpoint_app(http), wanted->protocol);
    else if (!wanted->has_sid)
        return;
    else if (engine != NULL)
        engine_websocket_probe(http, engine);
    else
        engine_polling_refuse(http, ENGINE_IO_UNKNOWN_SID);
}

static bool engine_endpoint_on_head(struct http_conn *http)
{
    const struct engine_query *wanted = engine_endpoint_note(http);

    http->msg->limits.body = (size_t)http->conn->thread->config->max_message_size;
    if (!http->msg->upgrade || http_method_is(http->msg, HTTP_OPTIONS))
        return true;
    if (engine_endpoint_check(http, wanted))
        engine_endpoint_upgrade(http, wanted);
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
    if (wanted->transport == ENGINE_WEBSOCKET) {
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
        return;
    }
    if (!limits_admit(http))
        return;
    engine =
        engine_new(http->conn->thread, engine_endpoint_app(http), wanted->protocol, wanted->base64);
    if (engine != NULL)
        engine_polling_open(engine, http);
    else
        http_respond_error(http, 503, NULL, "no_memory",
                           "the server has no memory; try again later");
}

static void engine_endpoint_on_request(struct http_conn *http)
{
    const struct engine_query *wanted = engine_endpoint_note(http);
    struct engine *engine;

    if (http_method_is(http->msg, HTTP_OPTIONS)) {
        cors_on_preflight(http);
        return;
    }
    if (!engine_endpoint_check(http, wanted))
        return;
    if (!wanted->has_sid) {
        engine_endpoint_open(http, wanted);
        return;
    }
    engine = engine_endpoint_find(http, wanted);
    if (engine == NULL)
        engine_polling_refuse(http, ENGINE_IO_UNKNOWN_SID);
    else if (engine->transport != ENGINE_POLLING || wanted->transport != ENGINE_POLLING)
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
    .cors = true,
    .methods = ENDPOINT_ALL_METHODS,
    .allow = "GET, POST, OPTIONS",
    .home = engine_endpoint_home,
    .on_head = engine_endpoint_on_head,
    .on_request = engine_endpoint_on_request,
};

const struct endpoint engine_conformance_endpoint = {
    .path = "/engine.io/",
    .cors = true,
    .conformance = true,
    .methods = ENDPOINT_ALL_METHODS,
    .allow = "GET, POST, OPTIONS",
    .home = engine_endpoint_home,
    .on_head = engine_endpoint_on_head,
    .on_request = engine_endpoint_on_request,
};
