#include "tls_conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"
#include "tls_error.h"
#include "tls_pace.h"
#include "tls_priv.h"
#include "tls_settle.h"

enum {
    TLS_CONN_SUBJECT = 512,
    TLS_CONN_MAX_REST = 65536, /* more than a record is what someone is told who does not listen */
};

static const struct transport tls_kernel_transport;

/* --- Between OpenSSL and the socket */

/* Points the thread's BIO to what came, for one or several calls of OpenSSL. */
static void tls_conn_enter(struct tls_conn *tc, const uint8_t *in, size_t len)
{
    struct tls_thread *tls = tc->conn.thread->tls;

    tls->conn = tc;
    tls->in = in;
    tls->in_len = len;
    strbuf_clear(&tls->out);
}

/* Keeps what the socket does not take, behind what it did not take before. */
static bool tls_conn_keep(struct tls_conn *tc, const void *data, size_t len)
{
    size_t old = tc->rest_len - tc->rest_sent;
    uint8_t *rest = malloc(old + len);

    if (rest == NULL || old + len > TLS_CONN_MAX_REST) {
        free(rest);
        return false;
    }
    if (old > 0)
        memcpy(rest, tc->rest + tc->rest_sent, old);
    memcpy(rest + old, data, len);
    free(tc->rest);
    tc->rest = rest;
    tc->rest_len = (uint32_t)(old + len);
    tc->rest_sent = 0;
    tc->conn.sealed = true;
    return true;
}

/* Sends what OpenSSL has written. False when the connection is dead. */
static bool tls_conn_push(struct tls_conn *tc)
{
    struct strbuf *out = &tc->conn.thread->tls->out;
    ssize_t n = 0;

    if (out->len > 0 && tc->rest == NULL)
        n = conn_write_result(&tc->conn, conn_send_fd(tc->conn.fd, out->data, out->len));
    if (n < 0)
        return false;
    if ((size_t)n < out->len && !tls_conn_keep(tc, out->data + n, out->len - (size_t)n)) {
        conn_close(&tc->conn, CLOSE_NO_MEMORY);
        return false;
    }
    strbuf_clear(out);
    return true;
}

static ssize_t tls_conn_flush(struct conn *conn)
{
    struct tls_conn *tc = tls_conn_of(conn);
    size_t left = tc->rest_len - tc->rest_sent;
    ssize_t n = conn_send_fd(conn->fd, tc->rest + tc->rest_sent, left);

    if (n <= 0)
        return n;
    tc->rest_sent += (uint32_t)n;
    if ((size_t)n == left) {
        free(tc->rest);
        tc->rest = NULL;
        tc->rest_len = tc->rest_sent = 0;
        conn->sealed = false;
    }
    return n;
}

/* --- Failures */

static void tls_conn_log_failure(const struct tls_conn *tc, const char *text)
{
    char peer[PEER_TEXT];

    if (log_enabled(LOG_LEVEL_DEBUG))
        log_debug("tls", "%s: %s", peer_text(&tc->conn.peer, peer), text);
}

/* OpenSSL cannot go on. It may have written an alert, which the peer should get. */
static void tls_conn_fail(struct tls_conn *tc)
{
    enum close_reason reason = tls_error_reason(ERR_peek_error());

    tls_conn_log_failure(tc, tls_error_text());
    tc->state = TLS_CONN_BROKEN;
    if (tls_conn_push(tc))
        conn_close(&tc->conn, reason);
}

/* The same for a handshake. Whoever wonders why he cannot connect has to get the alert: so the
 * connection is finished, and not just closed. */
static void tls_conn_refuse(struct tls_conn *tc)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                               "Connection: close\r\n\r\n"
                               "This port speaks TLS: the address begins with https:// or wss://\n";
    enum close_reason reason = tls_error_reason(ERR_peek_error());

    tls_conn_log_failure(tc, tls_error_text());
    stats_add(&tc->conn.thread->stats.tls_failures, 1);
    tc->state = TLS_CONN_BROKEN;
    if (reason == CLOSE_TLS_HTTP)
        strbuf_append(&tc->conn.thread->tls->out, http, sizeof(http) - 1);
    if (tls_conn_push(tc))
        conn_finish(&tc->conn, reason);
}

/* --- The handshake */

static void tls_conn_log_client(struct tls_conn *tc)
{
    char peer[PEER_TEXT], subject[TLS_CONN_SUBJECT];

    if (*tls_subject(&tc->conn, subject, sizeof(subject)) != '\0')
        log_info("tls", "%s is %s", peer_text(&tc->conn.peer, peer), subject);
}

static void tls_conn_opened(struct tls_conn *tc)
{
    struct stats *stats = &tc->conn.thread->stats;

    tc->state = TLS_CONN_OPEN;
    stats_add(&stats->tls_handshakes, 1);
    if (SSL_session_reused(tc->ssl))
        stats_add(&stats->tls_resumed, 1);
    if (tc->kernel != NULL) {
        tc->conn.transport = &tls_kernel_transport;
        stats_add(&stats->tls_kernel, 1);
    }
    tls_conn_log_client(tc);
    tls_settle(tc->ssl, &tc->conn.thread->tls->bare);
    tc->conn.protocol->on_secure(&tc->conn);
}

static bool tls_conn_take_step(struct tls_conn *tc)
{
    int result = SSL_do_handshake(tc->ssl);

    if (result != 1 && SSL_get_error(tc->ssl, result) != SSL_ERROR_WANT_READ) {
        tls_conn_refuse(tc);
        return false;
    }
    if (!tls_conn_push(tc) || result != 1)
        return false;
    tls_conn_opened(tc);
    return conn_is_open(&tc->conn);
}

/* Goes on with the handshake; true when it is over and the connection is open. */
static bool tls_conn_shake(struct tls_conn *tc)
{
    struct tls_thread *tls = tc->conn.thread->tls;
    uint64_t begun_ns = clock_ns();
    bool open = tls_conn_take_step(tc);

    tls_pace_spent(tls, clock_ns() - begun_ns);
    return open;
}

static bool tls_conn_open(struct conn *conn, struct tls_context *context)
{
    struct tls_conn *tc = tls_conn_of(conn);
    BIO *bio = conn->thread->tls->bio;

    stats_add(&conn->thread->stats.tls_connections, 1);
    tc->context = tls_context_ref(context);
    tc->ssl = SSL_new(tc->context->ctxs[0]);
    if (tc->ssl == NULL || BIO_up_ref(bio) != 1) {
        ERR_clear_error();
        return false;
    }
    SSL_set_bio(tc->ssl, bio, bio);
    SSL_set_accept_state(tc->ssl);
    return true;
}

/* --- Reading */

/* Opens what came, all of it: nothing of it may be left in the scratch. */
static ssize_t tls_conn_decrypt(struct tls_conn *tc, uint8_t *data, size_t size)
{
    struct tls_thread *tls = tc->conn.thread->tls;
    size_t total = 0, n;

    while (SSL_read_ex(tc->ssl, data + total, size - total, &n) == 1) {
        total += n;
        ENSURE(total < size); /* TLS_RECEIVE is small enough */
        if (tls->in_len == 0 && SSL_pending(tc->ssl) == 0)
            return (ssize_t)total; /* asking again would only tell that there is no more */
    }
    switch (SSL_get_error(tc->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        tc->state = TLS_CONN_ENDED;
        if (total > 0)
            tls_pace_tell_end(tc);
        break;
    default:
        tls_conn_fail(tc);
        return -1;
    }
    return (ssize_t)total;
}

/* The client wants us to change our keys, and it is the kernel that uses them: it would go on with
 * the old ones. */
static bool tls_conn_is_overasked(const struct tls_conn *tc)
{
    return tc->kernel != NULL && SSL_get_key_update_type(tc->ssl) != SSL_KEY_UPDATE_NONE;
}

/* It may be that OpenSSL answered to something: to a change of keys, or to the peer's end. */
static ssize_t tls_conn_take(struct tls_conn *tc, uint8_t *data, size_t size)
{
    ssize_t n = tls_conn_decrypt(tc, data, size);

    if (n >= 0 && tls_conn_is_overasked(tc)) {
        tls_conn_fail(tc);
        return -1;
    }
    if (n >= 0 && !tls_conn_push(tc))
        return -1;
    if (n == 0 && tc->state != TLS_CONN_ENDED) {
        errno = EAGAIN;
        return -1;
    }
    return n;
}

static bool tls_conn_has_turn(struct tls_conn *tc)
{
    return tc->state != TLS_CONN_WAITING && tc->state != TLS_CONN_PAUSED && tls_pace_step(tc);
}

static ssize_t tls_conn_read(struct conn *conn, uint8_t *data, size_t size)
{
    struct tls_conn *tc = tls_conn_of(conn);
    uint8_t *received = conn->thread->tls->received;
    ssize_t n;

    if (tc->state == TLS_CONN_ENDED)
        return 0;
    errno = EAGAIN;
    if (tc->state < TLS_CONN_OPEN && !tls_conn_has_turn(tc))
        return -1;
    n = recv(conn->fd, received, TLS_RECEIVE, MSG_DONTWAIT);
    if (n <= 0)
        return n;
    errno = EAGAIN;
    if (tc->state == TLS_CONN_BROKEN)
        return -1;
    tls_conn_enter(tc, received, (size_t)n);
    if (tc->state == TLS_CONN_SHAKING && !tls_conn_shake(tc)) {
        errno = EAGAIN;
        return -1;
    }
    return tls_conn_take(tc, data, size);
}

/* --- Writing */

/* Where in the pieces writing goes on. */
struct tls_position {
    const struct iovec *iov;
    int count;
    size_t offset; /* into the first piece */
};

/* The bytes of the next record: those of several pieces are put together in the scratch. */
static size_t tls_conn_gather(struct tls_position *at, uint8_t *record, const uint8_t **bytes)
{
    size_t len = 0;

    while (at->count > 0 && len < TLS_RECORD) {
        const uint8_t *piece = (const uint8_t *)at->iov->iov_base + at->offset;
        size_t left = at->iov->iov_len - at->offset;
        size_t take = left < TLS_RECORD - len ? left : TLS_RECORD - len;

        if (len == 0 && (take == TLS_RECORD || at->count == 1)) {
            *bytes = piece;
        } else {
            memcpy(record + len, piece, take);
            *bytes = record;
        }
        len += take;
        at->offset += take;
        if (at->offset == at->iov->iov_len) {
            at->iov++;
            at->count--;
            at->offset = 0;
        }
        if (*bytes == piece)
            break;
    }
    return len;
}

/* Seals and sends record by record, until the socket takes no more. */
static ssize_t tls_conn_writev(struct conn *conn, const struct iovec *iov, int count)
{
    struct tls_position at = {.iov = iov, .count = count};
    struct tls_conn *tc = tls_conn_of(conn);
    struct tls_thread *tls = conn->thread->tls;
    ssize_t total = 0;

    tls_conn_enter(tc, NULL, 0);
    while (at.count > 0 && tc->rest == NULL) {
        const uint8_t *bytes = NULL;
        size_t len = tls_conn_gather(&at, tls->record, &bytes), n;

        if (len == 0)
            continue;
        if (SSL_write_ex(tc->ssl, bytes, len, &n) != 1) {
            tls_conn_fail(tc);
            return -1;
        }
        ENSURE(n == len); /* its BIO takes everything */
        if (!tls_conn_push(tc))
            return -1;
        total += (ssize_t)len;
    }
    return total;
}

static ssize_t tls_conn_writev_clear(struct conn *conn, const struct iovec *iov, int count)
{
    return transport_plain.writev(conn, iov, count);
}

static int tls_conn_shutdown(struct conn *conn)
{
    struct tls_conn *tc = tls_conn_of(conn);
    bool can_say = tc->state == TLS_CONN_OPEN || tc->state == TLS_CONN_ENDED;

    if (can_say && (SSL_get_shutdown(tc->ssl) & SSL_SENT_SHUTDOWN) == 0) {
        tls_conn_enter(tc, NULL, 0);
        if (SSL_shutdown(tc->ssl) < 0)
            ERR_clear_error();
        if (!tls_conn_push(tc))
            return -1;
    }
    if (tc->rest != NULL) {
        errno = EAGAIN;
        return -1;
    }
    if (tc->kernel != NULL) /* which may have records that TCP has not taken: they would be lost */
        return 0;
    return shutdown(conn->fd, SHUT_WR);
}

/* --- Life */

static void tls_conn_detach(struct conn *conn)
{
    stats_sub(&conn->thread->stats.tls_connections, 1);
    if (conn->transport == &tls_kernel_transport)
        stats_sub(&conn->thread->stats.tls_kernel, 1);
    tls_pace_forget(tls_conn_of(conn));
}

static void tls_conn_attach(struct conn *conn)
{
    struct tls_conn *tc = tls_conn_of(conn);
    BIO *bio = conn->thread->tls->bio;

    stats_add(&conn->thread->stats.tls_connections, 1);
    if (conn->transport == &tls_kernel_transport)
        stats_add(&conn->thread->stats.tls_kernel, 1);
    BIO_up_ref(bio);
    SSL_set_bio(tc->ssl, bio, bio);
    if (tc->state == TLS_CONN_ENDED)
        tls_pace_tell_end(tc);
}

static void tls_conn_free(struct conn *conn)
{
    struct tls_conn *tc = tls_conn_of(conn);

    SSL_free(tc->ssl);
    BIO_free(tc->kernel);
    tls_context_unref(&tc->context);
    free(tc->rest);
}

const struct transport tls_transport = {
    .name = "tls",
    .conn_size = sizeof(struct tls_conn),
    .direct = false,
    .open = tls_conn_open,
    .read = tls_conn_read,
    .writev = tls_conn_writev,
    .flush = tls_conn_flush,
    .shutdown = tls_conn_shutdown,
    .detach = tls_conn_detach,
    .attach = tls_conn_attach,
    .close = tls_conn_detach,
    .free = tls_conn_free,
};

/* As soon as the kernel seals what is sent: it goes there as without TLS. */
static const struct transport tls_kernel_transport = {
    .name = "tls, sealed by the kernel",
    .conn_size = sizeof(struct tls_conn),
    .direct = true,
    .open = tls_conn_open,
    .read = tls_conn_read,
    .writev = tls_conn_writev_clear,
    .flush = tls_conn_flush,
    .shutdown = tls_conn_shutdown,
    .detach = tls_conn_detach,
    .attach = tls_conn_attach,
    .close = tls_conn_detach,
    .free = tls_conn_free,
};

bool tls_is_used(const struct conn *conn)
{
    return conn->transport != &transport_plain;
}

const char *tls_version(struct conn *conn)
{
    return tls_is_used(conn) ? SSL_get_version(tls_conn_of(conn)->ssl) : NULL;
}

const char *tls_subject(struct conn *conn, char *text, size_t size)
{
    X509 *certificate = NULL;
    BIO *bio = NULL;
    int len = 0;

    if (tls_is_used(conn))
        certificate = SSL_get0_peer_certificate(tls_conn_of(conn)->ssl);
    if (certificate != NULL)
        bio = BIO_new(BIO_s_mem());
    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_read(bio, text, (int)size - 1);
    text[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
    return text;
}
