#include "admin_endpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "io_thread.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "tls_context.h"

static void admin_on_healthz(struct http_conn *http)
{
    http_conn_respond(http, 200, NULL, "text/plain; charset=utf-8", "ok\n", 3);
}

static uint64_t admin_uptime(const struct server *server)
{
    return (clock_ms() - server->started_ms) / 1000;
}

/* When the certificates of all listeners expire: what an operator wants to be woken up for. */
static void admin_append_certificates(struct strbuf *out, const struct config *config)
{
    char where[128];

    strbuf_append_str(out, "# HELP stentor_tls_certificate_expiry_seconds When a certificate "
                           "expires, in seconds since 1970.\n"
                           "# TYPE stentor_tls_certificate_expiry_seconds gauge\n");
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];

        if (listener->tls_context == NULL)
            continue;
        snprintf(where, sizeof(where), "%s:%d", listener->address, listener->port);
        tls_context_append_expiry(listener->tls_context, where, out);
    }
}

static void admin_on_metrics(struct http_conn *http)
{
    struct server *server = http->conn->thread->server;
    struct strbuf body = STRBUF_INIT;
    struct stats sum;

    server_sum_stats(server, &sum);
    stats_append_prometheus(&body, &sum);
    strbuf_printf(&body,
                  "# HELP stentor_uptime_seconds Seconds since the start.\n"
                  "# TYPE stentor_uptime_seconds counter\n"
                  "stentor_uptime_seconds %" PRIu64 "\n"
                  "# HELP stentor_info The version that runs.\n"
                  "# TYPE stentor_info gauge\n"
                  "stentor_info{version=\"%s\"} 1\n",
                  admin_uptime(server), STENTOR_VERSION);
    admin_append_certificates(&body, http->conn->thread->config);
    http_conn_respond(http, 200, NULL, "text/plain; version=0.0.4; charset=utf-8", body.data,
                      body.len);
    strbuf_free(&body);
}

static void admin_on_status(struct http_conn *http)
{
    struct server *server = http->conn->thread->server;
    struct strbuf body = STRBUF_INIT;
    struct stats sum;

    server_sum_stats(server, &sum);
    strbuf_printf(&body,
                  "{\"version\":\"%s\",\"uptime_seconds\":%" PRIu64 ",\"seq\":%" PRIu64
                  ",\"io_threads\":%u,\"clients\":%" PRIu64 ",\"journal\":{\"messages\":%" PRIu64
                  ",\"bytes\":%" PRIu64 "},\"counters\":{",
                  STENTOR_VERSION, admin_uptime(server),
                  journal_head(&http->conn->thread->delivery.journal), server->io_thread_count,
                  stats_get(&sum.clients_native) + stats_get(&sum.clients_socketio) +
                      stats_get(&sum.clients_sse),
                  stats_get(&sum.journal_messages), stats_get(&sum.journal_bytes));
    stats_append_json(&body, &sum);
    strbuf_append_str(&body, "}}\n");
    http_conn_respond(http, 200, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
}

const struct endpoint admin_healthz_endpoint = {
    .path = "/healthz",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_healthz,
};

const struct endpoint admin_metrics_endpoint = {
    .path = "/metrics",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_metrics,
};

const struct endpoint admin_status_endpoint = {
    .path = "/status",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_status,
};
