#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io_thread.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"
#include "tls.h"

enum {
    CONN_LINGER_MS = 2000,    /* how long a finishing connection waits for the peer */
    CONN_PAUSE_BYTES = 65536, /* a peer that does not read its answers is not read from */
    CONN_FLUSH_IOV = 64,
};

/* What should be waited for now? */
static short conn_wanted_events(const struct conn *conn)
{
    short events = 0;
    bool paused = conn->reading_stopped && conn->phase == CONN_OPEN;
    bool flooded = conn->out != NULL && conn->out->bytes > CONN_PAUSE_BYTES;

    if (!conn->eof && !paused && !flooded)
        events |= EV_READ;
    if (conn_pending(conn))
        events |= EV_WRITE;
    return events;
}

static void conn_update_events(struct conn *conn)
{
    short events = conn_wanted_events(conn);

    if (conn->phase == CONN_DEAD || events == conn->events)
        return;
    if (poller_watch(&conn->thread->poller, conn->fd, conn, conn->events, events))
        conn->events = events;
    else
        conn_close(conn, CLOSE_NO_MEMORY);
}

static void conn_stop_watching(struct conn *conn)
{
    if (conn->events != 0)
        poller_forget(&conn->thread->poller, conn->fd, conn);
    conn->events = 0;
}

struct conn *conn_new(struct io_thread *thread, const struct accepted_conn *accepted,
                      const struct conn_protocol *protocol)
{
    bool secure = accepted->tls != NULL;
    struct conn *conn = calloc(1, (secure ? &tls_transport : &transport_plain)->conn_size);

    OWNER_ASSERT(&thread->stage.owner);
    io_thread_count_conn(thread, 1);
    stats_add(&thread->stats.connections_begun, 1);
    if (conn == NULL) {
        close(accepted->fd);
        address_table_leave(&thread->server->limits.addresses, accepted->address_record);
        io_thread_count_conn(thread, -1);
        return NULL;
    }
    OBJ_INIT(conn, CONN_MAGIC);
    conn->fd = accepted->fd;
    conn->thread = thread;
    conn->peer = accepted->peer;
    conn->admin = accepted->admin;
    conn->redirect = accepted->redirect;
    conn->transport = &transport_plain;
    conn->address_record = accepted->address_record;
    conn->number = thread->conn_numbers++ * thread->server->io_thread_count + thread->index + 1;
    conn->protocol = protocol;
    conn->deadline_ms = UINT64_MAX;
    TAILQ_INSERT_TAIL(&thread->conns, conn, link);
    if (secure && !accepted->proxied)
        conn_secure(conn, accepted->tls);
    conn_update_events(conn);
    return conn_is_open(conn) ? conn : NULL;
}

void conn_secure(struct conn *conn, struct tls_context *context)
{
    conn->transport = &tls_transport;
    if (!conn->transport->open(conn, context))
        conn_close(conn, CLOSE_NO_MEMORY);
}

void conn_detach(struct conn *conn)
{
    struct io_thread *thread = conn->thread;

    OWNER_ASSERT(&thread->stage.owner);
    ENSURE(conn->phase == CONN_OPEN && !conn_pending(conn));
    conn->transport->detach(conn);
    conn_stop_watching(conn);
    wheel_cancel(&thread->wheel, &conn->timer);
    TAILQ_REMOVE(&thread->conns, conn, link);
    stats_sub(&thread->stats.connections, 1);
}

void conn_attach(struct conn *conn, struct io_thread *thread)
{
    OWNER_ASSERT(&thread->stage.owner);
    conn->thread = thread;
    TAILQ_INSERT_TAIL(&thread->conns, conn, link);
    stats_add(&thread->stats.connections, 1);
    stats_add(&thread->stats.conns_moved, 1);
    if (conn->deadline_ms != UINT64_MAX)
        wheel_set(&thread->wheel, &conn->timer, conn->deadline_ms);
    conn->transport->attach(conn);
    conn_update_events(conn);
}

const char *conn_text(const struct conn *conn, char *text)
{
    char peer[PEER_TEXT];

    snprintf(text, CONN_TEXT, "#%u %s", conn->number, peer_text(&conn->peer, peer));
    return text;
}

static void conn_log_close(const struct conn *conn, enum close_reason reason)
{
    char text[CONN_TEXT];

    if (close_reason_is_error(reason))
        log_info("conn", "%s closed: %s", conn_text(conn, text), close_reason_text(reason));
    else if (log_enabled(LOG_LEVEL_DEBUG))
        log_debug("conn", "%s closed: %s", conn_text(conn, text), close_reason_text(reason));
}

void conn_close(struct conn *conn, enum close_reason reason)
{
    struct io_thread *thread = conn->thread;

    OBJ_CHECK(conn, CONN_MAGIC);
    OWNER_ASSERT(&thread->stage.owner);
    if (conn->phase == CONN_DEAD)
        return;
    conn->phase = CONN_DEAD;
    conn_stop_watching(conn);
    wheel_cancel(&thread->wheel, &conn->timer);
    conn->transport->close(conn);
    close(conn->fd);
    outq_free(&conn->out);
    stats_add(&thread->stats.closes[reason], 1);
    conn_log_close(conn, reason);
    address_table_leave(&thread->server->limits.addresses, conn->address_record);
    io_thread_count_conn(thread, -1);
    TAILQ_REMOVE(&thread->conns, conn, link);
    io_thread_bury(thread, conn);
    conn->protocol->on_close(conn);
}

void conn_reap(struct conn_list *dead)
{
    struct conn *conn;

    while ((conn = TAILQ_FIRST(dead)) != NULL) {
        OBJ_CHECK(conn, CONN_MAGIC);
        TAILQ_REMOVE(dead, conn, link);
        conn->protocol->on_free(conn);
        conn->transport->free(conn);
        OBJ_CLEAR(conn);
        free(conn);
    }
}

/* Nothing is left to be sent: says so to the peer, and waits for its answer to that. */
static void conn_shut_down(struct conn *conn)
{
    conn_set_deadline(conn, clock_ms() + CONN_LINGER_MS);
    if (conn->transport->shutdown(conn) == 0 ? conn->eof : errno != EAGAIN)
        conn_close(conn, conn->finish_reason);
}

void conn_finish(struct conn *conn, enum close_reason reason)
{
    OBJ_CHECK(conn, CONN_MAGIC);
    if (conn->phase != CONN_OPEN)
        return;
    conn->phase = CONN_FINISHING;
    conn->finish_reason = (uint8_t)reason;
    if (!conn_pending(conn))
        conn_shut_down(conn);
    else
        conn_set_deadline(conn, clock_ms() + CONN_LINGER_MS);
    conn_update_events(conn);
}

ssize_t conn_write_result(struct conn *conn, ssize_t n)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    conn_close(conn, errno == ECONNRESET || errno == EPIPE ? CLOSE_RESET : CLOSE_WRITE_ERROR);
    return -1;
}

static void conn_on_blocked(struct conn *conn)
{
    if (conn->phase == CONN_OPEN)
        conn->protocol->on_blocked(conn);
    conn_update_events(conn);
}

ssize_t conn_writev(struct conn *conn, const struct iovec *iov, int count)
{
    ssize_t n = conn_write_result(conn, conn->transport->writev(conn, iov, count));

    if (n > 0 && conn->sealed)
        conn_on_blocked(conn);
    return n;
}

ssize_t conn_write(struct conn *conn, const void *data, size_t len)
{
    const struct iovec iov = {(void *)(uintptr_t)data, len};

    if (conn->transport->direct)
        return conn_write_result(conn, conn_send_fd(conn->fd, data, len));
    return conn_writev(conn, &iov, 1);
}

void conn_hold(struct conn *conn, struct refbuf *buf, size_t offset)
{
    bool blocked = !conn_pending(conn);

    if (!outq_append(&conn->out, buf, offset))
        conn_close(conn, CLOSE_NO_MEMORY);
    else if (blocked)
        conn_on_blocked(conn);
    else
        conn_update_events(conn);
}

void conn_send(struct conn *conn, const void *data, size_t len)
{
    const uint8_t *rest = data;
    struct refbuf *buf;
    ssize_t n = 0;

    OBJ_CHECK(conn, CONN_MAGIC);
    OWNER_ASSERT(&conn->thread->stage.owner);
    if (conn->phase == CONN_DEAD || len == 0)
        return;
    if (!conn_pending(conn))
        n = conn_write(conn, data, len);
    if (n < 0 || (size_t)n == len)
        return;
    buf = refbuf_copy(rest + n, len - (size_t)n);
    if (buf == NULL) {
        conn_close(conn, CLOSE_NO_MEMORY);
        return;
    }
    conn_hold(conn, buf, 0);
    refbuf_unref(&buf);
}

void conn_send_text(struct conn *conn, const struct strbuf *text)
{
    if (text->failed)
        conn_close(conn, CLOSE_NO_MEMORY);
    else
        conn_send(conn, text->data, text->len);
}

void conn_send_buf(struct conn *conn, struct refbuf *buf)
{
    ssize_t n = 0;

    if (conn->phase == CONN_DEAD || buf->len == 0)
        return;
    if (!conn_pending(conn))
        n = conn_write(conn, buf->data, buf->len);
    if (n >= 0 && (size_t)n < buf->len)
        conn_hold(conn, buf, (size_t)n);
}

void conn_set_timeout(struct conn *conn, int timeout_ms)
{
    if (conn->peer.family != AF_UNIX)
        setsockopt(conn->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

void conn_stop_reading(struct conn *conn, bool stop)
{
    conn->reading_stopped = stop;
    conn_update_events(conn);
}

/* Whoever takes what is sent is alive, and may go on doing so. */
static void conn_on_progress(struct conn *conn)
{
    if (conn->phase == CONN_FINISHING)
        conn_set_deadline(conn, clock_ms() + CONN_LINGER_MS);
    else
        conn->protocol->on_progress(conn);
}

/* Sends some of what waits; returns what conn_writev does. */
static ssize_t conn_flush_some(struct conn *conn)
{
    struct iovec iov[CONN_FLUSH_IOV];
    ssize_t n;

    if (conn->sealed)
        return conn_write_result(conn, conn->transport->flush(conn));
    n = conn_write_result(
        conn, conn->transport->writev(conn, iov, outq_peek(conn->out, iov, CONN_FLUSH_IOV)));
    if (n > 0)
        outq_consume(&conn->out, (size_t)n);
    return n;
}

/* False when all is sent and the protocol was told so: it may have given the connection away to
 * another thread, and nothing may touch it any more. */
static bool conn_flush(struct conn *conn)
{
    while (conn_pending(conn)) {
        ssize_t n = conn_flush_some(conn);

        if (n < 0)
            return true;
        if (n == 0)
            break;
        conn_on_progress(conn);
    }
    if (!conn_pending(conn) && conn->phase == CONN_FINISHING)
        conn_shut_down(conn);
    conn_update_events(conn);
    if (conn_pending(conn) || conn->phase != CONN_OPEN)
        return true;
    conn->protocol->on_drained(conn);
    return false;
}

static void conn_on_eof(struct conn *conn)
{
    conn->eof = true;
    if (conn->phase == CONN_OPEN)
        conn->protocol->on_eof(conn);
    else if (!conn_pending(conn))
        conn_close(conn, conn->finish_reason);
    conn_update_events(conn);
}

/* Reads into the thread's scratch. The transport may have answered to something by itself, and the
 * socket be full of that. */
static ssize_t conn_receive(struct conn *conn)
{
    bool sealed = conn->sealed;
    ssize_t n = conn->transport->read(conn, conn->thread->scratch, IO_THREAD_SCRATCH);
    int error = errno;

    if (conn->sealed && !sealed && conn->phase != CONN_DEAD)
        conn_on_blocked(conn);
    errno = error;
    return n;
}

void conn_read_now(struct conn *conn)
{
    struct io_thread *thread = conn->thread;

    if (conn->phase == CONN_DEAD)
        return;
    if (conn->phase == CONN_OPEN && conn->protocol->on_readable != NULL) {
        conn->protocol->on_readable(conn);
        return;
    }
    ssize_t n = conn_receive(conn);

    if (n > 0) {
        stats_add(&thread->stats.received_bytes, (uint64_t)n);
        if (conn->phase == CONN_OPEN)
            conn->protocol->on_data(conn, thread->scratch, (size_t)n);
    } else if (n == 0) {
        conn_on_eof(conn);
    } else if (errno != EAGAIN && errno != EINTR) {
        conn_close(conn, CLOSE_RESET);
    }
}

void conn_on_ready(void *object, short events)
{
    struct conn *conn;

    OBJ_CAST(conn, object, CONN_MAGIC);
    OWNER_ASSERT(&conn->thread->stage.owner);
    events &= conn->events;
    if (events & EV_WRITE && !conn_flush(conn))
        return; /* what can be read will be told again */
    if (events & EV_READ)
        conn_read_now(conn);
}

void conn_set_deadline(struct conn *conn, uint64_t deadline_ms)
{
    if (conn->phase == CONN_DEAD)
        return;
    conn->deadline_ms = deadline_ms;
    if (!wheel_is_set(&conn->timer) ||
        conn->timer.tick * WHEEL_TICK_MS >= deadline_ms + WHEEL_TICK_MS)
        wheel_set(&conn->thread->wheel, &conn->timer, deadline_ms);
}

void conn_clear_deadline(struct conn *conn)
{
    conn->deadline_ms = UINT64_MAX;
}

static void conn_expire(struct conn *conn)
{
    conn->deadline_ms = UINT64_MAX;
    if (conn->phase == CONN_OPEN)
        conn->protocol->on_deadline(conn);
    else if (close_reason_is_error(conn->finish_reason))
        conn_close(conn, conn->finish_reason); /* why it began to end says more */
    else
        conn_close(conn, CLOSE_LINGER_TIMEOUT);
}

void conn_on_timer(struct wheel_timer *timer, void *thread)
{
    struct conn *conn = CONTAINER_OF(timer, struct conn, timer);

    (void)thread;
    OBJ_CHECK(conn, CONN_MAGIC);
    if (conn->deadline_ms == UINT64_MAX)
        return;
    if (conn->deadline_ms > clock_ms())
        wheel_set(&conn->thread->wheel, &conn->timer, conn->deadline_ms);
    else
        conn_expire(conn);
}
