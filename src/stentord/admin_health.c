/* /healthz: whether to send clients here. */
#include "admin_endpoint.h"

#include "http_response.h"
#include "io_thread.h"

static void admin_on_healthz(struct http_conn *http)
{
    if (http->conn->thread->farewell.draining)
        http_respond(http, 503, NULL, "text/plain; charset=utf-8", "draining\n", 9);
    else
        http_respond(http, 200, NULL, "text/plain; charset=utf-8", "ok\n", 3);
}

const struct endpoint admin_healthz_endpoint = {
    .path = "/healthz",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_healthz,
};
