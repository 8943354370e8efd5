#include "opening.h"

#include "http_conn.h"
#include "io_thread.h"
#include "stentor/base/clock.h"
#include "tls_context.h"

static void opening_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    (void)conn; /* there is none before the connection is secure, and then HTTP takes it */
    (void)data;
    (void)len;
}

static void opening_on_eof(struct conn *conn)
{
    conn_close(conn, CLOSE_PEER);
}

static void opening_on_deadline(struct conn *conn)
{
    conn_close(conn, CLOSE_TLS_TIMEOUT);
}

static void opening_on_goodbye(struct conn *conn)
{
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void opening_on_nothing(struct conn *conn)
{
    (void)conn;
}

static const struct conn_protocol opening_protocol = {
    .name = "opening",
    .on_data = opening_on_data,
    .on_eof = opening_on_eof,
    .on_blocked = opening_on_nothing,
    .on_progress = opening_on_nothing,
    .on_drained = opening_on_nothing,
    .on_secure = http_conn_start,
    .on_deadline = opening_on_deadline,
    .on_goodbye = opening_on_goodbye,
    .on_close = opening_on_nothing,
    .on_free = opening_on_nothing,
};

void opening_accept(struct io_thread *thread, const struct accepted_conn *accepted)
{
    struct conn *conn = conn_new(thread, accepted, &opening_protocol);

    if (conn == NULL)
        return;
    if (accepted->tls == NULL)
        http_conn_start(conn);
    else
        conn_set_deadline(conn, clock_ms() + (uint64_t)tls_context_timeout(accepted->tls) * 1000);
    conn_read_now(conn); /* the kernel held the connection back until something came */
}
