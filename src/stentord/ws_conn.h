/*
 * ws_conn.h - a WebSocket on a connection: frames, heartbeats, closing.
 *
 * Owned by the connection's I/O thread. What the messages mean is up to the application protocol
 * on top, a table of functions: native, Socket.IO or echo.
 */
#ifndef STENTORD_WS_CONN_H
#define STENTORD_WS_CONN_H

#include "conn.h"
#include "heartbeat.h"
#include "stentor/wire/websocket.h"

struct ws_conn;

struct ws_app {
    const char *name;
    /* The heartbeat: a whole frame, the same bytes for everybody. NULL: the client has to be heard
     * of, within ping_interval and ping_timeout. */
    const uint8_t *ping;
    size_t ping_len;
    /* A text or binary message. 0, or a close code when it broke the protocol. */
    int (*on_message)(struct ws_conn *ws, enum ws_opcode opcode, const uint8_t *payload,
                      size_t len);
    /* The socket is full; later: everything that waited has been sent. */
    void (*on_blocked)(struct ws_conn *ws);
    void (*on_drained)(struct ws_conn *ws);
    /* Nothing goes to the client any more: let go, free nothing. Called once. */
    void (*on_close)(struct ws_conn *ws);
    /* Free ws->client. */
    void (*on_free)(struct ws_conn *ws);
};

struct ws_conn {
    unsigned magic;
    bool deflate;  /* permessage-deflate was negotiated */
    bool detached; /* on_close has been called */
    struct conn *conn;
    const struct ws_app *app;
    void *client;             /* of the app */
    struct ws_reader *reader; /* NULL: no frame is half read */
    struct heartbeat heartbeat;
    uint64_t limit_ms; /* a deadline of the app's own; 0: none */
};

#define WS_CONN_MAGIC 0x7773636fu

/* A WebSocket whose handshake has been answered; NULL when memory is out. */
struct ws_conn *ws_conn_new(struct conn *conn, const struct ws_app *app, bool deflate) MUST_CHECK;

/* For http_conn_upgrade. */
extern const struct conn_protocol ws_conn_protocol;

/* Begins the heartbeats. */
void ws_conn_start(struct ws_conn *ws);

/* Sends one message to this client alone. */
void ws_conn_send(struct ws_conn *ws, enum ws_opcode opcode, const void *payload, size_t len);

/* Ends it with a close frame (RFC 6455 section 7). */
void ws_conn_close(struct ws_conn *ws, int code, const char *text, enum close_reason reason);

/* Unless the limit is set to 0 before, the client is closed at that time (connect_timeout). */
void ws_conn_set_limit(struct ws_conn *ws, uint64_t limit_ms);

#endif
