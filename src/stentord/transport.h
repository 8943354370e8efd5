/*
 * transport.h - how the bytes of a connection travel: as they are, or through TLS.
 *
 * A table of functions for conn.c, which alone calls them; what is above it reads and writes the
 * same bytes with either. On the connection's I/O thread.
 */
#ifndef STENTORD_TRANSPORT_H
#define STENTORD_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn;
struct tls_context;

/* What returns ssize_t returns -1 as system calls do, with an errno; or when the connection has
 * been closed or finished, for a reason that the transport knows better. */
struct transport {
    const char *name;
    size_t conn_size; /* of the struct that begins with the struct conn */
    bool direct;      /* what is sent to the descriptor past it arrives as well */
    bool (*open)(struct conn *conn, struct tls_context *context);
    /* What is there, up to `size` bytes; 0 at the end. */
    ssize_t (*read)(struct conn *conn, uint8_t *data, size_t size);
    /* How much of it is on its way. If the socket did not take all of that, `conn->sealed` is set,
     * the rest is kept, and nothing may be written until `flush` has sent it. */
    ssize_t (*writev)(struct conn *conn, const struct iovec *iov, int count);
    ssize_t (*flush)(struct conn *conn);
    /* Shuts our side. 0, or -1: with EAGAIN it is to be called again after a flush. */
    int (*shutdown)(struct conn *conn);
    /* The connection leaves its thread; has come to another one; is dead; is freed. */
    void (*detach)(struct conn *conn);
    void (*attach)(struct conn *conn);
    void (*close)(struct conn *conn);
    void (*free)(struct conn *conn);
};

extern const struct transport transport_plain;

#endif
