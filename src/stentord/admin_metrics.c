/* /metrics: the counters for Prometheus. */
#include "admin_endpoint.h"

#include <inttypes.h>

#include "http_response.h"
#include "io_thread.h"
#include "memory.h"
#include "server.h"
#include "tls_context.h"

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

static void admin_append_family(struct strbuf *out, const char *name, const char *type,
                                const char *help)
{
    strbuf_printf(out, "# HELP stentor_%s %s\n# TYPE stentor_%s %s\n", name, help, name, type);
}

static void admin_append_gauge(struct strbuf *out, const char *name, const char *help, double value)
{
    admin_append_family(out, name, "gauge", help);
    strbuf_printf(out, "stentor_%s %.15g\n", name, value);
}

static double admin_stage_busy(const struct server *server, unsigned i)
{
    return (double)stage_cpu_ns(server_stage(server, i)) / 1e9;
}

static double admin_stage_depth(const struct server *server, unsigned i)
{
    return mailbox_depth((struct mailbox *)(uintptr_t)&server_stage(server, i)->mailbox);
}

static double admin_stage_gap(const struct server *server, unsigned i)
{
    return (double)stats_get(&server_stage_stats(server, i)->loop_gap_us) / 1e6;
}

static double admin_stage_gap_max(const struct server *server, unsigned i)
{
    return (double)stats_get(&server_stage_stats(server, i)->loop_gap_max_us) / 1e6;
}

static double admin_stage_conns(const struct server *server, unsigned i)
{
    return (double)stats_get(&server_stage_stats(server, i)->connections);
}

/* One value for each thread; `io_alone`: for I/O threads. */
static void admin_append_threads(struct strbuf *out, const struct server *server, bool io_alone,
                                 const char *name, const char *type, const char *help,
                                 double (*value)(const struct server *server, unsigned i))
{
    unsigned first = io_alone ? 1 : 0, end = server_stage_count(server) - (io_alone ? 1 : 0);

    admin_append_family(out, name, type, help);
    for (unsigned i = first; i < end; i++)
        strbuf_printf(out, "stentor_%s{thread=\"%s\"} %.15g\n", name, server_stage(server, i)->name,
                      value(server, i));
}

static void admin_append_all_threads(struct strbuf *out, const struct server *server)
{
    admin_append_threads(out, server, false, "thread_cpu_seconds_total", "counter",
                         "Time that the thread has had a CPU; its rate is the busy share.",
                         admin_stage_busy);
    admin_append_threads(out, server, false, "mailbox_depth", "gauge",
                         "Mails that wait for the thread.", admin_stage_depth);
    admin_append_threads(out, server, true, "loop_gap_seconds", "gauge",
                         "The longest that events of the thread had to wait, in the last ten "
                         "seconds or more.",
                         admin_stage_gap);
    admin_append_threads(out, server, true, "loop_gap_max_seconds", "gauge",
                         "The same since the start.", admin_stage_gap_max);
    admin_append_threads(out, server, true, "thread_connections", "gauge",
                         "Open connections of the thread.", admin_stage_conns);
}

static void admin_append_sessions(struct strbuf *out, struct server *server)
{
    admin_append_family(out, "sessions", "gauge",
                        "Connected sessions, by the form in which they get messages.");
    for (unsigned i = 0; i < DIALECT_COUNT; i++)
        strbuf_printf(out, "stentor_sessions{dialect=\"%s\"} %u\n", dialect_name((enum dialect)i),
                      server_dialect_users(server, (enum dialect)i));
}

static void admin_append_whole(struct strbuf *out, const struct io_thread *thread,
                               const struct stats *sum)
{
    const struct config *config = thread->config;
    uint64_t clients = stats_clients(sum), published = stats_get(&sum->published), encodings = 0;
    uint64_t resident = memory_use().resident;

    for (unsigned i = 0; i < DIALECT_COUNT; i++)
        encodings += stats_get(&sum->encodings[i]);
    admin_append_gauge(out, "encodings_per_publish",
                       "Encodings built for each message, on the average since the start.",
                       published > 0 ? (double)encodings / (double)published : 0);
    admin_append_gauge(out, "memory_bytes", "Memory of the process.", (double)resident);
    admin_append_gauge(out, "memory_per_client_bytes",
                       "Memory of the process, divided by its clients.",
                       clients > 0 ? (double)resident / (double)clients : 0);
    admin_append_gauge(out, "journal_max_messages", "What the journal may hold, in messages.",
                       config->journal_messages);
    admin_append_gauge(out, "journal_max_bytes", "What the journal may hold, in bytes.",
                       config->journal_bytes);
    admin_append_gauge(out, "draining", "1 while the server drains.",
                       thread->farewell.draining ? 1 : 0);
    admin_append_family(out, "uptime_seconds", "counter", "Seconds since the start.");
    strbuf_printf(out, "stentor_uptime_seconds %" PRIu64 "\n", server_uptime(thread->server));
    admin_append_family(out, "info", "gauge", "The version that runs.");
    strbuf_printf(out, "stentor_info{version=\"%s\"} 1\n", STENTOR_VERSION);
}

static void admin_on_metrics(struct http_conn *http)
{
    struct server *server = http->conn->thread->server;
    struct strbuf body = STRBUF_INIT;
    struct stats sum;

    server_sum_stats(server, &sum);
    stats_append_prometheus(&body, &sum);
    admin_append_sessions(&body, server);
    admin_append_all_threads(&body, server);
    admin_append_whole(&body, http->conn->thread, &sum);
    admin_append_certificates(&body, http->conn->thread->config);
    http_respond(http, 200, NULL, "text/plain; version=0.0.4; charset=utf-8", body.data, body.len);
    strbuf_free(&body);
}

const struct endpoint admin_metrics_endpoint = {
    .path = "/metrics",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_metrics,
};
