#include "opening.h"

#include <errno.h>
#include <stdlib.h>

#include "http_conn.h"
#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/wire/proxy.h"
#include "tls_context.h"

static void opening_on_nothing(struct conn *conn)
{
    (void)conn;
}

static void opening_on_eof(struct conn *conn)
{
    conn_close(conn, CLOSE_PEER);
}

static void opening_on_goodbye(struct conn *conn)
{
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void opening_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    (void)conn; /* there is none before the connection is secure, and then HTTP takes it */
    (void)data;
    (void)len;
}

/* --- TLS */

static void opening_on_slow_handshake(struct conn *conn)
{
    conn_close(conn, CLOSE_TLS_TIMEOUT);
}

static const struct conn_protocol opening_tls_protocol = {
    .name = "handshake",
    .on_data = opening_on_data,
    .on_eof = opening_on_eof,
    .on_blocked = opening_on_nothing,
    .on_progress = opening_on_nothing,
    .on_drained = opening_on_nothing,
    .on_secure = http_conn_start,
    .on_deadline = opening_on_slow_handshake,
    .on_goodbye = opening_on_goodbye,
    .on_close = opening_on_nothing,
    .on_free = opening_on_nothing,
};

static void opening_expect_handshake(struct conn *conn, const struct tls_context *tls)
{
    conn->protocol = &opening_tls_protocol;
    conn_set_deadline(conn, clock_ms() + (uint64_t)tls_context_timeout(tls) * 1000);
}

/* --- The PROXY protocol */

/* A header that has not come whole. */
struct opening {
    struct tls_context *tls; /* that follows; NULL: none */
    size_t len;
    uint8_t head[PROXY_MAX_HEADER];
};

/* The header is read to its last byte, and no further: what is behind it is for TLS or HTTP. */
static ssize_t opening_take(struct conn *conn, struct opening *opening, size_t len)
{
    ssize_t n = recv(conn->fd, opening->head + opening->len, len, MSG_DONTWAIT);

    if (n > 0)
        opening->len += (size_t)n;
    return n;
}

static void opening_on_head(struct conn *conn, struct opening *opening,
                            const struct proxy_header *header)
{
    struct tls_context *tls = opening->tls;

    if (header->family != AF_UNSPEC)
        peer_set(&conn->peer, header->family, header->source, header->port);
    conn->state = NULL;
    free(opening);
    if (tls == NULL) {
        http_conn_start(conn);
    } else {
        conn_secure(conn, tls);
        opening_expect_handshake(conn, tls);
        tls_context_unref(&tls);
    }
    conn_read_now(conn);
}

static void opening_on_readable(struct conn *conn)
{
    struct opening *opening = conn->state;
    uint8_t *rest = opening->head + opening->len;
    ssize_t n = recv(conn->fd, rest, sizeof(opening->head) - opening->len, MSG_DONTWAIT | MSG_PEEK);
    struct proxy_header header;
    size_t used;

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            conn_close(conn, n == 0 ? CLOSE_PEER : CLOSE_RESET);
        return;
    }
    switch (proxy_parse(opening->head, opening->len + (size_t)n, &header, &used)) {
    case PROXY_MORE:
        if (opening_take(conn, opening, (size_t)n) < 0)
            conn_close(conn, CLOSE_RESET);
        break;
    case PROXY_DONE:
        if (opening_take(conn, opening, used - opening->len) < 0)
            conn_close(conn, CLOSE_RESET);
        else
            opening_on_head(conn, opening, &header);
        break;
    case PROXY_FAILED:
        conn_close(conn, CLOSE_PROXY_ERROR);
        break;
    }
}

static void opening_on_slow_head(struct conn *conn)
{
    conn_close(conn, CLOSE_HEADER_TIMEOUT);
}

static void opening_on_free(struct conn *conn)
{
    struct opening *opening = conn->state;

    if (opening == NULL)
        return;
    tls_context_unref(&opening->tls);
    free(opening);
}

static const struct conn_protocol opening_proxy_protocol = {
    .name = "proxy",
    .on_data = opening_on_data,
    .on_readable = opening_on_readable,
    .on_eof = opening_on_eof,
    .on_blocked = opening_on_nothing,
    .on_progress = opening_on_nothing,
    .on_drained = opening_on_nothing,
    .on_deadline = opening_on_slow_head,
    .on_goodbye = opening_on_goodbye,
    .on_close = opening_on_nothing,
    .on_free = opening_on_free,
};

static void opening_expect_head(struct conn *conn, const struct accepted_conn *accepted)
{
    struct opening *opening = calloc(1, sizeof(*opening));

    if (opening == NULL) {
        conn_close(conn, CLOSE_NO_MEMORY);
        return;
    }
    if (accepted->tls != NULL)
        opening->tls = tls_context_ref(accepted->tls);
    conn->state = opening;
    conn_set_deadline(conn, clock_ms() + (uint64_t)conn->thread->config->header_timeout * 1000);
}

/* --- Either, or none */

void opening_accept(struct io_thread *thread, const struct accepted_conn *accepted)
{
    struct conn *conn = conn_new(
        thread, accepted, accepted->proxied ? &opening_proxy_protocol : &opening_tls_protocol);

    if (conn == NULL)
        return;
    if (accepted->proxied)
        opening_expect_head(conn, accepted);
    else if (accepted->tls != NULL)
        opening_expect_handshake(conn, accepted->tls);
    else
        http_conn_start(conn);
    conn_read_now(conn); /* the kernel held the connection back until something came */
}
