#include "transport.h"

#include <sys/socket.h>

#include "conn.h"

static bool transport_open(struct conn *conn, struct tls_context *context)
{
    (void)conn;
    (void)context;
    return true;
}

static ssize_t transport_read(struct conn *conn, uint8_t *data, size_t size)
{
    return recv(conn->fd, data, size, MSG_DONTWAIT);
}

static ssize_t transport_writev(struct conn *conn, const struct iovec *iov, int count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

    return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* It keeps nothing. */
static ssize_t transport_flush(struct conn *conn)
{
    (void)conn;
    return 0;
}

static int transport_shutdown(struct conn *conn)
{
    return shutdown(conn->fd, SHUT_WR);
}

static void transport_do_nothing(struct conn *conn)
{
    (void)conn;
}

const struct transport transport_plain = {
    .name = "plain",
    .conn_size = sizeof(struct conn),
    .direct = true,
    .open = transport_open,
    .read = transport_read,
    .writev = transport_writev,
    .flush = transport_flush,
    .shutdown = transport_shutdown,
    .detach = transport_do_nothing,
    .attach = transport_do_nothing,
    .close = transport_do_nothing,
    .free = transport_do_nothing,
};
