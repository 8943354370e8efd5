#include "engine_websocket.h"

#include "delivery.h"
#include "engine_polling.h"
#include "engine_queue.h"
#include "io_thread.h"
#include "stentor/base/clock.h"
#include "ws_conn.h"
#include "ws_handshake.h"

/* The heartbeat of protocol 4 is a text message with a ping packet. */
static const uint8_t engine_websocket_ping[] = {0x80 | WS_TEXT, 1, ENGINE_IO_PING};

void engine_websocket_send(struct engine *engine, struct ws_conn *ws,
                           const struct engine_io_packet *packet)
{
    struct strbuf message = STRBUF_INIT;

    if (!packet->binary)
        strbuf_append_char(&message, (char)packet->type);
    else if (engine->protocol == ENGINE_IO_PROTOCOL_OLD)
        strbuf_append_char(&message, (char)(packet->type - '0'));
    strbuf_append(&message, packet->data.ptr, packet->data.len);
    if (message.failed)
        conn_close(ws->conn, CLOSE_NO_MEMORY);
    else
        ws_conn_send(ws, packet->binary ? WS_BINARY : WS_TEXT, message.data, message.len);
    strbuf_free(&message);
}

/* Sends the queue; what comes from now on goes out at once. */
static void engine_websocket_drain(struct engine *engine)
{
    struct engine_io_packet packet;
    size_t pos = 0;

    while (!engine->closed && engine_queue_next(&engine->queue, &pos, &packet))
        engine_websocket_send(engine, engine->ws, &packet);
    engine_drained(engine, engine->queue.len);
    strbuf_free(&engine->queue);
    if (!engine->closed)
        session_attach(engine->session, engine->ws->conn, 0);
}

/* --- The upgrade */

static bool engine_websocket_is_probe_text(const struct engine_io_packet *packet)
{
    return packet->data.len == 5 && http_span_equals(packet->data, "probe");
}

/* The client is ready to move: from now on the probe is the transport. */
static void engine_websocket_upgrade(struct engine *engine)
{
    struct ws_conn *ws = engine->probe;

    engine_polling_finish(engine, ENGINE_IO_NOOP);
    if (engine->closed)
        return; /* that poll's connection was dead */
    engine->probe = NULL;
    engine_stop_timer(engine);
    engine->transport = ENGINE_WEBSOCKET;
    engine->ws = ws;
    stats_add(&engine->thread->stats.upgrades, 1);
    engine_update_dialect(engine);
    ws_conn_set_limit(ws, engine->limit_ms);
    ws_conn_start(ws);
    engine_websocket_drain(engine);
}

/* A packet on a WebSocket that is not the transport yet. */
static int engine_websocket_receive_probe(struct engine *engine,
                                          const struct engine_io_packet *packet)
{
    struct engine_io_packet pong = *packet;

    if (packet->type == ENGINE_IO_PING && engine_websocket_is_probe_text(packet)) {
        pong.type = ENGINE_IO_PONG;
        engine_websocket_send(engine, engine->probe, &pong);
        engine_hurry_polls(engine);
        return 0;
    }
    if (packet->type != ENGINE_IO_UPGRADE)
        return WS_CODE_PROTOCOL_ERROR;
    engine_websocket_upgrade(engine);
    return 0;
}

/* --- What a WebSocket tells */

/* Reads one message as a packet. */
static bool engine_websocket_parse(const struct engine *engine, enum ws_opcode opcode,
                                   struct span message, struct engine_io_packet *packet)
{
    bool old = engine->protocol == ENGINE_IO_PROTOCOL_OLD;

    if (opcode == WS_TEXT)
        return engine_io_parse_text(message, packet);
    if (old && (message.len == 0 || message.ptr[0] != ENGINE_IO_MESSAGE - '0'))
        return false;
    *packet = (struct engine_io_packet){
        .type = ENGINE_IO_MESSAGE,
        .binary = true,
        .data = {message.ptr + (old ? 1 : 0), message.len - (old ? 1 : 0)},
    };
    return true;
}

/* The transport is gone. */
static void engine_websocket_lose(struct engine *engine)
{
    engine->ws->client = NULL;
    engine->ws = NULL;
    session_detach(engine->session);
}

static int engine_websocket_on_message(struct ws_conn *ws, enum ws_opcode opcode,
                                       const uint8_t *payload, size_t len)
{
    struct engine *engine = ws->client;
    struct engine_io_packet packet;
    int code = WS_CODE_PROTOCOL_ERROR;

    if (engine == NULL)
        return 0; /* it is closed, and the WebSocket about to be */
    if (engine_websocket_parse(engine, opcode, (struct span){(const char *)payload, len}, &packet))
        code = ws == engine->probe ? engine_websocket_receive_probe(engine, &packet)
                                   : engine_receive(engine, &packet);
    if (code != 0 && ws == engine->ws) {
        engine_websocket_lose(engine); /* which is closed with that code */
        engine_close(engine, CLOSE_PROTOCOL_ERROR);
    }
    return code;
}

static void engine_websocket_on_blocked(struct ws_conn *ws)
{
    struct engine *engine = ws->client;

    if (engine != NULL && engine->ws == ws && engine->session->conn != NULL)
        delivery_blocked(engine->session->delivery, engine->session);
}

static void engine_websocket_on_drained(struct ws_conn *ws)
{
    struct engine *engine = ws->client;

    if (engine != NULL && engine->ws == ws)
        delivery_drained(engine->session->delivery, engine->session);
}

/* A probe that fails leaves the client where it was: it goes on polling. */
static void engine_websocket_on_close(struct ws_conn *ws)
{
    struct engine *engine = ws->client;

    if (engine == NULL)
        return;
    if (engine->probe == ws) {
        ws->client = NULL;
        engine->probe = NULL;
        return;
    }
    engine_websocket_lose(engine);
    engine_close(engine, CLOSE_PEER);
}

static void engine_websocket_on_free(struct ws_conn *ws)
{
    (void)ws; /* the engine has a life of its own */
}

static const struct ws_app engine_websocket_app = {
    .name = "engine_io",
    .ping = engine_websocket_ping,
    .ping_len = sizeof(engine_websocket_ping),
    .on_message = engine_websocket_on_message,
    .on_blocked = engine_websocket_on_blocked,
    .on_drained = engine_websocket_on_drained,
    .on_close = engine_websocket_on_close,
    .on_free = engine_websocket_on_free,
};

/* Protocol 3, in which the client pings. */
static const struct ws_app engine_websocket_old_app = {
    .name = "engine_io3",
    .on_message = engine_websocket_on_message,
    .on_blocked = engine_websocket_on_blocked,
    .on_drained = engine_websocket_on_drained,
    .on_close = engine_websocket_on_close,
    .on_free = engine_websocket_on_free,
};

static const struct ws_app *engine_websocket_app_of(unsigned protocol)
{
    return protocol == ENGINE_IO_PROTOCOL_OLD ? &engine_websocket_old_app : &engine_websocket_app;
}

/* --- Handshakes */

/* Sends the open packet behind what `out` holds, in the same call. */
static void engine_websocket_begin(struct engine *engine, struct strbuf *out)
{
    struct strbuf open = STRBUF_INIT;

    engine->opening = false;
    strbuf_append_char(&open, ENGINE_IO_OPEN);
    engine_append_open(engine, &open);
    ws_append_frame(out, WS_TEXT, false, open.data, open.len);
    out->failed |= open.failed;
    conn_send_text(engine->ws->conn, out);
    strbuf_free(&open);
    engine_websocket_drain(engine);
}

void engine_websocket_begin_late(struct engine *engine)
{
    struct strbuf out = STRBUF_INIT;

    engine_websocket_begin(engine, &out);
    strbuf_free(&out);
}

static void engine_websocket_start(struct ws_conn *ws, const struct engine_app *app,
                                   unsigned protocol, struct strbuf *answer)
{
    struct engine *engine = engine_new(ws->conn->thread, app, protocol, false);

    if (engine == NULL) {
        conn_close(ws->conn, CLOSE_NO_MEMORY);
        return;
    }
    ws->client = engine;
    engine->ws = ws;
    engine->transport = ENGINE_WEBSOCKET;
    engine_update_dialect(engine);
    ws_conn_set_limit(ws, engine->limit_ms);
    ws_conn_start(ws);
    if (protocol != ENGINE_IO_PROTOCOL_OLD) {
        engine_websocket_begin(engine, answer);
        return;
    }
    /* Old clients may look for messages only after they have seen the handshake's answer: the open
     * packet follows with the next tick. */
    engine->opening = true;
    wheel_set(&engine->thread->engine_wheel, &engine->timer, clock_ms());
    conn_send(ws->conn, answer->data, answer->len);
}

void engine_websocket_open(struct http_conn *http, const struct engine_app *app, unsigned protocol)
{
    struct strbuf answer = STRBUF_INIT;
    struct ws_conn *ws;

    if (!ws_handshake_check(http))
        return;
    ws = ws_handshake_accept(http, engine_websocket_app_of(protocol), NULL, &answer);
    if (ws != NULL)
        engine_websocket_start(ws, app, protocol, &answer);
    strbuf_free(&answer);
}

/* Begins to probe; there is one WebSocket for a session, and a further one is closed at once. */
static void engine_websocket_start_probe(struct ws_conn *ws, struct engine *engine)
{
    uint64_t timeout_ms = (uint64_t)engine->thread->config->upgrade_timeout * 1000;

    if (engine->transport == ENGINE_WEBSOCKET || engine->probe != NULL) {
        ws_conn_close(ws, WS_CODE_POLICY, "the session has a WebSocket already",
                      CLOSE_PROTOCOL_ERROR);
        return;
    }
    ws->client = engine;
    engine->probe = ws;
    ws_conn_set_limit(ws, clock_ms() + timeout_ms);
}

void engine_websocket_probe(struct http_conn *http, struct engine *engine)
{
    struct strbuf answer = STRBUF_INIT;
    struct ws_conn *ws;

    if (!ws_handshake_check(http))
        return;
    ws = ws_handshake_accept(http, engine_websocket_app_of(engine->protocol), NULL, &answer);
    if (ws != NULL) {
        conn_send(ws->conn, answer.data, answer.len);
        if (conn_is_open(ws->conn)) /* or its peer has gone already */
            engine_websocket_start_probe(ws, engine);
    }
    strbuf_free(&answer);
}

static int engine_websocket_code(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_PEER:
        return WS_CODE_NORMAL;
    case CLOSE_SHUTDOWN:
        return WS_CODE_GOING_AWAY;
    case CLOSE_PROTOCOL_ERROR:
        return WS_CODE_PROTOCOL_ERROR;
    default:
        return WS_CODE_POLICY;
    }
}

static void engine_websocket_let_go(struct ws_conn *ws, enum close_reason reason)
{
    if (ws == NULL)
        return;
    ws->client = NULL;
    ws_conn_close(ws, engine_websocket_code(reason),
                  reason != CLOSE_PEER ? close_reason_text(reason) : "", reason);
    if (reason == CLOSE_REPLACED) /* its peer is most likely not there any more */
        conn_close(ws->conn, reason);
}

void engine_websocket_close(struct engine *engine, enum close_reason reason)
{
    struct ws_conn *ws = engine->ws, *probe = engine->probe;

    engine->ws = NULL;
    engine->probe = NULL;
    if (ws != NULL)
        session_detach(engine->session);
    engine_websocket_let_go(ws, reason);
    engine_websocket_let_go(probe, CLOSE_PEER);
}
