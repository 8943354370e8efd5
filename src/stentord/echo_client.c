#include "echo_client.h"

#include "http_response.h"
#include "io_thread.h"
#include "ws_handshake.h"

static const uint8_t echo_ping[] = {0x80 | WS_PING, 0};

static int echo_on_message(struct ws_conn *ws, enum ws_opcode opcode, const uint8_t *payload,
                           size_t len)
{
    ws_conn_send(ws, opcode, payload, len);
    return 0;
}

static void echo_on_nothing(struct ws_conn *ws)
{
    (void)ws;
}

static void echo_on_close(struct ws_conn *ws)
{
    stats_sub(&ws->conn->thread->stats.clients_echo, 1);
}

static const struct ws_app echo_app = {
    .name = "echo",
    .ping = echo_ping,
    .ping_len = sizeof(echo_ping),
    .on_message = echo_on_message,
    .on_blocked = echo_on_nothing,
    .on_drained = echo_on_nothing,
    .on_close = echo_on_close,
    .on_free = echo_on_nothing,
};

static bool echo_on_head(struct http_conn *http)
{
    struct io_thread *thread = http->conn->thread;
    struct strbuf answer = STRBUF_INIT;
    struct ws_conn *ws;

    if (!thread->config->echo) {
        http_respond_error(http, 404, NULL, "not_found", "the echo endpoint is off (option echo)");
        return false;
    }
    if (!ws_handshake_check(http))
        return false;
    ws = ws_handshake_accept(http, &echo_app, NULL, &answer);
    if (ws != NULL) {
        stats_add(&thread->stats.clients_echo, 1);
        conn_send(ws->conn, answer.data, answer.len);
        ws_conn_start(ws);
    }
    strbuf_free(&answer);
    return false;
}

const struct endpoint echo_endpoint = {
    .path = "/echo",
    .methods = 1u << HTTP_GET,
    .allow = "GET",
    .on_head = echo_on_head,
};
