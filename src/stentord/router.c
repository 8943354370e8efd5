#include "router.h"

#include <stdio.h>
#include <string.h>

#include "admin_endpoint.h"
#include "echo_client.h"
#include "engine_endpoint.h"
#include "http_response.h"
#include "io_thread.h"
#include "native_client.h"
#include "publish_endpoint.h"
#include "sse_client.h"
#include "static_endpoint.h"

/* In the order in which they are tried. */
static const struct endpoint *const router_table[] = {
    &engine_socketio_endpoint,
    &native_endpoint,
    &sse_endpoint,
    &publish_endpoint,
    &admin_healthz_endpoint,
    &admin_metrics_endpoint,
    &admin_status_endpoint,
    &admin_status_json_endpoint,
    &admin_rooms_endpoint,
    &admin_clients_endpoint,
    &admin_kick_endpoint,
    &admin_log_level_endpoint,
    &admin_check_endpoint,
    &admin_reload_endpoint,
    &admin_drain_endpoint,
    &admin_adopt_endpoint,
    &echo_endpoint,
    &engine_conformance_endpoint,
    &static_endpoint, /* every path */
};

static bool router_matches(const struct endpoint *endpoint, const struct http_conn *http,
                           struct span path)
{
    size_t len = strlen(endpoint->path);

    if (endpoint->admin && !http->conn->admin)
        return false;
    if (endpoint->conformance && !http->conn->thread->config->conformance)
        return false;
    if (path.len < len || memcmp(path.ptr, endpoint->path, len) != 0)
        return false;
    return path.len == len ||
           (endpoint->subtree && (endpoint->path[len - 1] == '/' || path.ptr[len] == '/'));
}

bool router_find(struct http_conn *http)
{
    struct span path, query;
    char allow[64];

    http_split_target(http->msg, &path, &query);
    for (size_t i = 0; i < ARRAY_LEN(router_table); i++) {
        const struct endpoint *endpoint = router_table[i];

        if (!router_matches(endpoint, http, path))
            continue;
        http->endpoint = endpoint;
        if (endpoint->methods == ENDPOINT_ALL_METHODS ||
            endpoint->methods & 1u << http->msg->parser.method)
            return true;
        snprintf(allow, sizeof(allow), "Allow: %s\r\n", endpoint->allow);
        http_respond_error(http, 405, allow, "method_not_allowed",
                           "this path answers the methods in the Allow header");
        return false;
    }
    http_respond_error(http, 404, NULL, "not_found",
                       "there is nothing at this path; see stentor-protocol(7)");
    return false;
}
