/*
 * conn.h - one TCP (or unix) connection: its socket, its timer, what waits to be sent.
 *
 * Owned by one I/O thread at a time: it may be handed over to another. What the bytes mean is up to
 * the connection's protocol, a table of functions: HTTP at first, WebSocket after an upgrade.
 *
 * Lifetime of a connection:
 *   open       from conn_new; the protocol's functions are called
 *   finishing  conn_finish: what waits is still sent, then our side is shut; what arrives is thrown
 *              away until the peer shuts its own side
 *   dead       conn_close, from anywhere: descriptor closed, protocol's on_close called; on the
 *              thread's dead list
 *   freed      conn_reap, at the end of the tick: no callback sees freed memory
 */
#ifndef STENTORD_CONN_H
#define STENTORD_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "conn_protocol.h"
#include "outq.h"
#include "peer.h"
#include "stats.h"
#include "stentor/base/wheel.h"
#include "transport.h"

struct accepted_conn;
struct conn;
struct io_thread;
struct tls_context;

enum conn_phase { CONN_OPEN, CONN_FINISHING, CONN_DEAD };

struct conn {
    unsigned magic;
    int fd;
    struct outq *out; /* NULL: nothing waits */
    const struct transport *transport;
    const struct conn_protocol *protocol;
    void *state; /* of the protocol */
    struct io_thread *thread;
    uint8_t phase; /* enum conn_phase */
    uint8_t finish_reason;
    bool admin;           /* came in by an admin listener */
    bool reading_stopped; /* by the protocol */
    bool eof;
    bool sealed;             /* the transport keeps what it has taken and the socket has not */
    short events;            /* EV_READ, EV_WRITE: what the socket is watched for */
    uint16_t redirect;       /* the port of https that requests are sent to; 0: none */
    uint32_t number;         /* by which logs and operators name it */
    uint32_t address_record; /* address_table.h; 0: none */
    struct peer peer;
    uint64_t deadline_ms;     /* UINT64_MAX: none */
    struct wheel_timer timer; /* is set for the deadline, or before it */
    TAILQ_ENTRY(conn) link;   /* in the thread's list of connections, or of the dead */
};

#define CONN_MAGIC 0x636f6e6eu

TAILQ_HEAD(conn_list, conn);

/* A buffer that conn_text fits in. */
enum { CONN_TEXT = PEER_TEXT + 16 };

/* Writes who it is, "#17 192.0.2.1:49152", to a CONN_TEXT buffer, which is returned. */
const char *conn_text(const struct conn *conn, char *text);

/* Takes over the descriptor; closes it when there is no memory, and returns NULL. */
struct conn *conn_new(struct io_thread *thread, const struct accepted_conn *accepted,
                      const struct conn_protocol *protocol) MUST_CHECK;

/* From now on its bytes go through TLS; nothing has been read or written that belongs to it. */
void conn_secure(struct conn *conn, struct tls_context *context);

/* Takes an open connection with nothing pending off its thread, for another to take it over. */
void conn_detach(struct conn *conn);
void conn_attach(struct conn *conn, struct io_thread *thread);

/* Reads what is there already. */
void conn_read_now(struct conn *conn);

/* Ends the connection now. Does nothing to a dead one. */
void conn_close(struct conn *conn, enum close_reason reason);

/* Ends it in good order: what waits is sent, our side shut, the peer's side awaited. */
void conn_finish(struct conn *conn, enum close_reason reason);

/* Frees the dead. At the end of a tick. */
void conn_reap(struct conn_list *dead);

static inline bool conn_is_open(const struct conn *conn)
{
    return conn->phase == CONN_OPEN;
}

/* Does something wait to be sent? */
static inline bool conn_pending(const struct conn *conn)
{
    return conn->out != NULL || conn->sealed;
}

/* Writes at once, without queueing; only while nothing is pending. Returns what was taken, which
 * may be 0, and even if all was, something may be pending then; or -1, and the connection is dead.
 */
ssize_t conn_write(struct conn *conn, const void *data, size_t len) MUST_CHECK;
ssize_t conn_writev(struct conn *conn, const struct iovec *iov, int count) MUST_CHECK;

/* The same in two halves, if the transport is direct: while conn_send_fd returns `len`, its caller
 * needs no connection; any other result goes through conn_write_result. */
static inline ssize_t conn_send_fd(int fd, const void *data, size_t len)
{
    return send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t conn_write_result(struct conn *conn, ssize_t n) MUST_CHECK;

/* Queues what lies behind `offset` in `buf`. */
void conn_hold(struct conn *conn, struct refbuf *buf, size_t offset);

/* Sends bytes for this client alone; copies what the socket does not take. */
void conn_send(struct conn *conn, const void *data, size_t len);

/* The same; closes the connection if the text lacks something for want of memory. */
void conn_send_text(struct conn *conn, const struct strbuf *text);

/* The same with shared bytes, of which a reference is kept instead of a copy. */
void conn_send_buf(struct conn *conn, struct refbuf *buf);

/* Ends the connection when what was sent has not been acknowledged for that long. */
void conn_set_timeout(struct conn *conn, int timeout_ms);

/* Stops or resumes reading; a peer that sends more is held back by TCP. */
void conn_stop_reading(struct conn *conn, bool stop);

/* The one deadline, in milliseconds of the monotonic clock. To move it away costs nothing. */
void conn_set_deadline(struct conn *conn, uint64_t deadline_ms);
void conn_clear_deadline(struct conn *conn);

/* Serves a socket that is ready: the poller's callback. */
void conn_on_ready(void *object, short events);

/* Hands a deadline that has come to its connection: the wheel's callback. */
void conn_on_timer(struct wheel_timer *timer, void *thread);

#endif
