#include "ws_conn.h"

#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

enum { WS_STOP = -1 }; /* what on_message returns when the connection has ended */

struct ws_conn *ws_conn_new(struct conn *conn, const struct ws_app *app, bool deflate)
{
    struct ws_conn *ws = calloc(1, sizeof(*ws));

    if (ws == NULL)
        return NULL;
    OBJ_INIT(ws, WS_CONN_MAGIC);
    ws->conn = conn;
    ws->app = app;
    ws->deflate = deflate;
    return ws;
}

static struct ws_conn *ws_of(struct conn *conn)
{
    struct ws_conn *ws;

    OBJ_CAST(ws, conn->state, WS_CONN_MAGIC);
    return ws;
}

static const struct config *ws_config(const struct ws_conn *ws)
{
    return ws->conn->thread->config;
}

/* Sets the connection's deadline to whatever comes next. */
static void ws_arm(struct ws_conn *ws)
{
    uint64_t deadline = heartbeat_deadline_ms(&ws->heartbeat, ws->conn->thread);

    if (ws->limit_ms != 0 && ws->limit_ms < deadline)
        deadline = ws->limit_ms;
    if (deadline != UINT64_MAX)
        conn_set_deadline(ws->conn, deadline);
    else
        conn_clear_deadline(ws->conn);
}

void ws_conn_start(struct ws_conn *ws)
{
    heartbeat_start(&ws->heartbeat, ws->conn->thread, ws->app->ping == NULL);
    ws_arm(ws);
}

void ws_conn_set_limit(struct ws_conn *ws, uint64_t limit_ms)
{
    ws->limit_ms = limit_ms;
    ws_arm(ws);
}

static void ws_detach(struct ws_conn *ws)
{
    if (ws->detached)
        return;
    ws->detached = true;
    ws->app->on_close(ws);
}

void ws_conn_send(struct ws_conn *ws, enum ws_opcode opcode, const void *payload, size_t len)
{
    struct strbuf frame = STRBUF_INIT;

    if (!conn_is_open(ws->conn))
        return;
    ws_append_frame(&frame, opcode, false, payload, len);
    conn_send_text(ws->conn, &frame);
    strbuf_free(&frame);
}

void ws_conn_close(struct ws_conn *ws, int code, const char *text, enum close_reason reason)
{
    uint8_t payload[WS_MAX_CONTROL];
    size_t len = strlen(text);

    if (!conn_is_open(ws->conn))
        return;
    if (len > sizeof(payload) - 2)
        len = sizeof(payload) - 2;
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    memcpy(payload + 2, text, len);
    ws_conn_send(ws, WS_CLOSE, payload, code == WS_CODE_NONE ? 0 : len + 2);
    ws_detach(ws);
    conn_finish(ws->conn, reason);
}

static int ws_dispatch(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct ws_conn *ws = arg;
    const char *text;
    size_t text_len;
    int result = 0;

    switch (opcode) {
    case WS_PING:
        ws_conn_send(ws, WS_PONG, payload, len);
        break;
    case WS_PONG:
        break;
    case WS_CLOSE:
        ws_conn_close(ws, ws_close_parse(payload, len, &text, &text_len), "", CLOSE_PEER);
        break;
    case WS_TEXT:
    case WS_BINARY:
    case WS_CONTINUATION: /* the reader puts messages together */
        stats_add(&ws->conn->thread->stats.ws_messages, 1);
        result = ws->app->on_message(ws, opcode, payload, len);
        break;
    }
    return result == 0 && !conn_is_open(ws->conn) ? WS_STOP : result;
}

/* What a close code tells the client in words. */
static const char *ws_code_text(int code)
{
    switch (code) {
    case WS_CODE_TOO_BIG:
        return "message larger than max_message_size";
    case WS_CODE_INVALID_DATA:
        return "invalid data";
    case WS_CODE_UNSUPPORTED:
        return "this kind of message is not understood here";
    default:
        return "protocol error";
    }
}

static void ws_fail(struct ws_conn *ws, int code)
{
    stats_add(&ws->conn->thread->stats.ws_errors, 1);
    ws_conn_close(ws, code, ws_code_text(code),
                  code == WS_CODE_TOO_BIG ? CLOSE_TOO_BIG : CLOSE_PROTOCOL_ERROR);
}

/* Keeps a reader only while a frame or message is half read. */
static void ws_keep_reader(struct ws_conn *ws, struct ws_reader *used)
{
    bool keep = conn_is_open(ws->conn) && !ws_reader_idle(used);

    if (used == ws->reader) {
        if (keep)
            return;
        ws->reader = NULL;
        ws_reader_free(used);
        free(used);
        return;
    }
    if (keep)
        ws->reader = malloc(sizeof(*used));
    if (ws->reader != NULL)
        *ws->reader = *used;
    else
        ws_reader_free(used);
    if (keep && ws->reader == NULL)
        conn_close(ws->conn, CLOSE_NO_MEMORY);
}

/* A sign of life: the ping that is out counts as answered. */
static void ws_heard(struct ws_conn *ws)
{
    if (heartbeat_heard(&ws->heartbeat, ws->conn->thread))
        ws_arm(ws);
}

static void ws_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    struct ws_conn *ws = ws_of(conn);
    struct ws_reader fresh, *reader = ws->reader;
    const struct ws_reader_config config = {
        .max_message = (size_t)ws_config(ws)->max_message_size,
        .from_client = true,
        .inflater = ws->deflate ? conn->thread->inflater : NULL,
    };

    ws_heard(ws);
    if (reader == NULL) {
        reader = &fresh;
        ws_reader_init(reader);
    }
    int result = ws_reader_feed(reader, &config, data, len, ws_dispatch, ws);
    if (result > 0)
        ws_fail(ws, result);
    ws_keep_reader(ws, reader);
}

static void ws_on_eof(struct conn *conn)
{
    ws_detach(ws_of(conn));
    conn_finish(conn, CLOSE_PEER);
}

static void ws_on_blocked(struct conn *conn)
{
    struct ws_conn *ws = ws_of(conn);

    if (!ws->detached)
        ws->app->on_blocked(ws);
}

/* The pong may be held up behind what the client has yet to read (conn_stop_reading). */
static void ws_on_progress(struct conn *conn)
{
    ws_heard(ws_of(conn));
}

static void ws_on_drained(struct conn *conn)
{
    struct ws_conn *ws = ws_of(conn);

    if (!ws->detached)
        ws->app->on_drained(ws);
}

static void ws_ping(struct ws_conn *ws)
{
    heartbeat_sent(&ws->heartbeat, ws->conn->thread);
    ws_arm(ws);
    conn_send(ws->conn, ws->app->ping, ws->app->ping_len);
}

static void ws_on_deadline(struct conn *conn)
{
    struct ws_conn *ws = ws_of(conn);

    if (ws->limit_ms != 0 && clock_ms() >= ws->limit_ms)
        ws_conn_close(ws, WS_CODE_POLICY, "nothing was begun in time", CLOSE_CONNECT_TIMEOUT);
    else if (ws->heartbeat.awaiting || ws->heartbeat.theirs)
        conn_close(conn, CLOSE_PING_TIMEOUT);
    else
        ws_ping(ws);
}

static void ws_on_goodbye(struct conn *conn)
{
    ws_conn_close(ws_of(conn), WS_CODE_GOING_AWAY, "server shutting down", CLOSE_SHUTDOWN);
}

static void ws_on_close(struct conn *conn)
{
    ws_detach(ws_of(conn));
}

static void ws_on_free(struct conn *conn)
{
    struct ws_conn *ws = ws_of(conn);

    ws->app->on_free(ws);
    if (ws->reader != NULL)
        ws_reader_free(ws->reader);
    free(ws->reader);
    OBJ_CLEAR(ws);
    free(ws);
}

const struct conn_protocol ws_conn_protocol = {
    .name = "websocket",
    .on_data = ws_on_data,
    .on_eof = ws_on_eof,
    .on_blocked = ws_on_blocked,
    .on_progress = ws_on_progress,
    .on_drained = ws_on_drained,
    .on_deadline = ws_on_deadline,
    .on_goodbye = ws_on_goodbye,
    .on_close = ws_on_close,
    .on_free = ws_on_free,
};
