/*
 * tls_conn.h - a connection through TLS.
 *
 * Bytes of records move between the socket and the thread's scratch, and OpenSSL, which knows no
 * socket here, makes clear bytes of them and back. A connection holds no buffer: OpenSSL frees its
 * own when they are empty, and what the socket did not take is at most one record.
 *
 * Belongs to the connection's I/O thread.
 */
#ifndef STENTORD_TLS_CONN_H
#define STENTORD_TLS_CONN_H

#include "conn.h"
#include "tls_thread.h"

enum tls_conn_state {
    TLS_CONN_NEW,     /* nothing has been read yet */
    TLS_CONN_WAITING, /* the same, until it has its turn */
    TLS_CONN_SHAKING, /* the handshake goes on */
    TLS_CONN_PAUSED,  /* the same, when it has its turn */
    TLS_CONN_OPEN,
    TLS_CONN_ENDED,  /* the peer has said that nothing more comes */
    TLS_CONN_BROKEN, /* what comes is thrown away */
};

struct tls_conn {
    struct conn conn; /* first: conn.c allocates the whole */
    SSL *ssl;
    struct tls_context *context;
    BIO *kernel;   /* through which OpenSSL speaks when the kernel seals (tls_ktls.h); or NULL */
    uint8_t *rest; /* of a record, that the socket did not take; NULL: none */
    uint32_t rest_len;
    uint32_t rest_sent;
    uint8_t state;              /* enum tls_conn_state */
    bool listed;                /* waits to be told the peer's end */
    TAILQ_ENTRY(tls_conn) link; /* in the thread's list for that, or of those who wait */
};

static inline struct tls_conn *tls_conn_of(struct conn *conn)
{
    return CONTAINER_OF(conn, struct tls_conn, conn);
}

#endif
