/* /reload, /drain and /log-level: what stentorctl tells the server to do. */
#include "admin_endpoint.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin_command.h"
#include "http_response.h"
#include "io_thread.h"
#include "server.h"
#include "stentor/base/log.h"

enum { ADMIN_MAX_SECONDS = 86400 };

static void admin_on_reload(struct http_conn *http)
{
    if (admin_command_allowed(http))
        admin_command_send(http, reload_ask, 0);
}

/* The main thread. */
static void admin_run_drain(struct server *server, struct admin_command *command)
{
    unsigned seconds =
        command->argument >= 0 ? (unsigned)command->argument : (unsigned)server->config->drain_time;
    struct stats sum;

    server_sum_stats(server, &sum);
    strbuf_printf(&command->body, "{\"draining\":true,\"clients\":%llu,\"seconds\":%u}\n",
                  (unsigned long long)stats_clients(&sum), seconds);
    admin_command_done(command);
    drain_begin(server, seconds);
}

/* The number of seconds in the query; -1 without one, -2 when it is none. */
static long admin_seconds(const struct http_conn *http)
{
    struct span path, query, name, value;
    long seconds = -1;
    char text[8], *end;

    http_split_target(http->msg, &path, &query);
    while (http_query_next(&query, &name, &value)) {
        if (!http_span_equals(name, "seconds"))
            continue;
        if (value.len == 0 || value.len >= sizeof(text) || value.ptr[0] < '0' || value.ptr[0] > '9')
            return -2;
        snprintf(text, sizeof(text), "%.*s", (int)value.len, value.ptr);
        seconds = strtol(text, &end, 10);
        if (*end != '\0' || seconds > ADMIN_MAX_SECONDS)
            return -2;
    }
    return seconds;
}

static void admin_on_drain(struct http_conn *http)
{
    long seconds = admin_seconds(http);

    if (!admin_command_allowed(http))
        return;
    if (seconds == -2)
        http_respond_error(http, 400, NULL, "bad_query",
                           "seconds must be a number from 0 to 86400");
    else
        admin_command_send(http, admin_run_drain, seconds);
}

/* /log-level?level=debug, until the configuration is read again. */
static void admin_on_log_level(struct http_conn *http)
{
    struct span path, query, name, value;
    struct strbuf body = STRBUF_INIT;
    char text[16];
    int level = -1;

    if (!admin_command_allowed(http))
        return;
    http_split_target(http->msg, &path, &query);
    while (http_query_next(&query, &name, &value)) {
        if (!http_span_equals(name, "level"))
            continue;
        snprintf(text, sizeof(text), "%.*s", (int)(value.len < 15 ? value.len : 15), value.ptr);
        level = log_level_from_name(text);
    }
    if (level < 0) {
        http_respond_error(http, 400, NULL, "bad_query",
                           "level must be one of error, warning, info and debug");
        return;
    }
    log_set_level((enum log_level)level);
    strbuf_printf(&body, "{\"level\":\"%s\"}\n", log_level_name((enum log_level)level));
    http_respond(http, 200, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
}

const struct endpoint admin_log_level_endpoint = {
    .path = "/log-level",
    .admin = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_request = admin_on_log_level,
};

const struct endpoint admin_reload_endpoint = {
    .path = "/reload",
    .admin = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_request = admin_on_reload,
};

const struct endpoint admin_drain_endpoint = {
    .path = "/drain",
    .admin = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_request = admin_on_drain,
};
