/*
 * tls_settle.h - takes back from OpenSSL what a connection needs no more after its handshake.
 *
 * OpenSSL keeps it as long as the connection, for whoever might ask how the handshake went: the
 * keys of the exchange, the ciphers that the client offered, the session with the secret that its
 * tickets were made of. Nobody asks here, and with thousands of idle clients that is a tenth of
 * what each of them takes; and a secret that is not there cannot get out.
 *
 * On the connection's I/O thread.
 */
#ifndef STENTORD_TLS_SETTLE_H
#define STENTORD_TLS_SETTLE_H

#include <openssl/ssl.h>

/* To be called once, when the handshake is over. `bare` is a place for an SSL_CTX that the thread
 * keeps for it: NULL at first, and freed by the thread. */
void tls_settle(SSL *ssl, SSL_CTX **bare);

#endif
