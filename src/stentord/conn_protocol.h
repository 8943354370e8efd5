/*
 * conn_protocol.h - what the bytes of a connection mean: HTTP at first, WebSocket after an upgrade.
 *
 * A table of functions that conn.c calls, on the connection's I/O thread. How the bytes travel is
 * up to another table (transport.h).
 */
#ifndef STENTORD_CONN_PROTOCOL_H
#define STENTORD_CONN_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

struct conn;

struct conn_protocol {
    const char *name;
    /* Bytes came; `data` may be changed in place, and is valid during the call. This, on_drained
     * and on_deadline may give the connection away to another thread. */
    void (*on_data)(struct conn *conn, uint8_t *data, size_t len);
    /* NULL; or the protocol reads from the descriptor by itself, and this is when. */
    void (*on_readable)(struct conn *conn);
    /* The peer shut its side. */
    void (*on_eof)(struct conn *conn);
    /* The socket is full: something waits to be sent. */
    void (*on_blocked)(struct conn *conn);
    /* It has taken some of that; it has taken all. */
    void (*on_progress)(struct conn *conn);
    void (*on_drained)(struct conn *conn);
    /* A transport that makes sure of its peer has done so; NULL where that is over already. */
    void (*on_secure)(struct conn *conn);
    /* The deadline that was set with conn_set_deadline has come. */
    void (*on_deadline)(struct conn *conn);
    /* The server stops: say so, and finish. */
    void (*on_goodbye)(struct conn *conn);
    /* The connection is dead: let go of it, free nothing. */
    void (*on_close)(struct conn *conn);
    /* Free the protocol's state, conn->state. */
    void (*on_free)(struct conn *conn);
};

#endif
