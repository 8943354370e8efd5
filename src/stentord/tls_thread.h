/*
 * tls_thread.h - what TLS needs once per I/O thread, and not once per connection.
 *
 * OpenSSL reads and writes through one BIO per thread, which is memory: bytes from the socket wait
 * in `in` while one call of OpenSSL goes on, and what it writes is collected in `out`, so that it
 * costs one system call, and no buffer stays behind. Owned by the I/O thread.
 */
#ifndef STENTORD_TLS_THREAD_H
#define STENTORD_TLS_THREAD_H

#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "stentor/base/strbuf.h"
#include "tls.h"
#include "tls_ticket.h"

struct tls_conn;

enum {
    TLS_RECEIVE = 32768, /* bytes of one read; what they hold in clear fits into the scratch */
    TLS_RECORD = 16384,  /* bytes of one record, at most */
};

TAILQ_HEAD(tls_conn_list, tls_conn);

struct tls_thread {
    struct io_thread *thread;
    BIO *bio;
    SSL_CTX *bare; /* for connections whose handshake is over (tls_settle.h); may be NULL */
    /* During one call of OpenSSL. */
    struct tls_conn *conn; /* that it is for */
    const uint8_t *in;
    size_t in_len;
    struct strbuf out;
    /* Scratch. */
    uint8_t *received;
    uint8_t *record;
    /* Handshakes have a share of each turn of the loop, and the others wait (tls_pace.c). */
    struct tls_conn_list waiting; /* to begin */
    struct tls_conn_list paused;  /* to go on */
    struct tls_conn_list ended;   /* have to be told the peer's end */
    struct event turn;
    struct tls_conn *chosen; /* whose turn it is; NULL: nobody's */
    uint64_t spent_ns;       /* on handshakes, in this turn */
    struct tls_ticket_chain tickets;
};

/* The thread that a handshake runs on. */
struct tls_thread *tls_thread_of(const SSL *ssl);

#endif
