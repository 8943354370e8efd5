/* /status: how the server is, as a page for people or as JSON for programs. */
#define _GNU_SOURCE /* memmem */

#include "admin_endpoint.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "http_response.h"
#include "io_thread.h"
#include "memory.h"
#include "server.h"
#include "tls_context.h"

/* status_page.html, which asks for /status.json. */
static const unsigned char admin_page[] = {
#include "status_page.inc"
};

static void admin_append_threads(struct strbuf *out, const struct server *server)
{
    strbuf_append_str(out, ",\"threads\":[");
    for (unsigned i = 0; i < server_stage_count(server); i++) {
        const struct stage *stage = server_stage(server, i);
        const struct stats *stats = server_stage_stats(server, i);

        strbuf_printf(out,
                      "%s{\"name\":\"%s\",\"cpu_us\":%" PRIu64 ",\"mailbox\":%u"
                      ",\"loop_gap_us\":%" PRIu64 ",\"loop_gap_max_us\":%" PRIu64
                      ",\"connections\":%" PRIu64 ",\"deliveries\":%" PRIu64 "}",
                      i > 0 ? "," : "", stage->name, stage_cpu_ns(stage) / 1000,
                      mailbox_depth((struct mailbox *)(uintptr_t)&stage->mailbox),
                      stats_get(&stats->loop_gap_us), stats_get(&stats->loop_gap_max_us),
                      stats_get(&stats->connections), stats_get(&stats->deliveries));
    }
    strbuf_append_char(out, ']');
}

static void admin_append_sessions(struct strbuf *out, struct server *server)
{
    strbuf_append_str(out, ",\"sessions\":{");
    for (unsigned i = 0; i < DIALECT_COUNT; i++)
        strbuf_printf(out, "%s\"%s\":%u", i > 0 ? "," : "", dialect_name((enum dialect)i),
                      server_dialect_users(server, (enum dialect)i));
    strbuf_append_char(out, '}');
}

/* Where listeners differ, it is what the first one that speaks TLS does. */
static void admin_append_ktls(struct strbuf *out, const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].tls_context == NULL)
            continue;
        strbuf_printf(out, ",\"ktls\":\"%s\"", tls_context_ktls(config->listeners[i].tls_context));
        return;
    }
}

static void admin_append_status(struct strbuf *out, const struct io_thread *thread)
{
    const struct config *config = thread->config;
    struct server *server = thread->server;
    struct stats sum;

    server_sum_stats(server, &sum);
    strbuf_printf(out,
                  "{\"version\":\"%s\",\"pid\":%ld,\"uptime_seconds\":%" PRIu64 ",\"seq\":%" PRIu64
                  ",\"io_threads\":%u,\"clients\":%" PRIu64 ",\"draining\":%s"
                  ",\"memory\":%" PRIu64
                  ",\"config_generation\":%u,\"journal\":{\"messages\":%" PRIu64
                  ",\"bytes\":%" PRIu64 ",\"max_messages\":%d,\"max_bytes\":%d}",
                  STENTOR_VERSION, (long)getpid(), server_uptime(server),
                  journal_head(&thread->delivery.journal), server->io_thread_count,
                  stats_clients(&sum), thread->farewell.draining ? "true" : "false",
                  memory_use().resident, config->generation, stats_get(&sum.journal_messages),
                  stats_get(&sum.journal_bytes), config->journal_messages, config->journal_bytes);
    admin_append_threads(out, server);
    admin_append_sessions(out, server);
    admin_append_ktls(out, config);
    strbuf_append_str(out, ",\"counters\":{");
    stats_append_json(out, &sum);
    strbuf_append_str(out, "}}\n");
}

static void admin_on_status_json(struct http_conn *http)
{
    struct strbuf body = STRBUF_INIT;

    admin_append_status(&body, http->conn->thread);
    http_respond(http, 200, "Cache-Control: no-store\r\nVary: Accept\r\n", "application/json",
                 body.data, body.len);
    strbuf_free(&body);
}

/* Browsers name text/html in so many words; programs that take anything get JSON. */
static bool admin_wants_page(const struct http_conn *http)
{
    struct span accept;

    return http_header(http->msg, "accept", &accept) &&
           memmem(accept.ptr, accept.len, "text/html", 9) != NULL;
}

static void admin_on_status(struct http_conn *http)
{
    if (admin_wants_page(http))
        http_respond(http, 200,
                     "Cache-Control: no-cache\r\nVary: Accept\r\n"
                     "Content-Security-Policy: default-src 'none'; connect-src 'self'; "
                     "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\r\n",
                     "text/html; charset=utf-8", admin_page, sizeof(admin_page));
    else
        admin_on_status_json(http);
}

const struct endpoint admin_status_endpoint = {
    .path = "/status",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_status,
};

const struct endpoint admin_status_json_endpoint = {
    .path = "/status.json",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_status_json,
};
