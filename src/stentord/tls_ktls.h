/*
 * tls_ktls.h - records that the kernel makes, where it can (ktls).
 *
 * Then what is sent to a client goes past OpenSSL: one send() of clear bytes that all clients
 * share, as without TLS. OpenSSL hands the kernel the key in the middle of the handshake, by way of
 * the connection's BIO; from then on also what it says itself, alerts and tickets, has to be
 * sealed by the kernel. What clients send is opened by OpenSSL as ever.
 *
 * On the connection's I/O thread, but for tls_ktls_offer and tls_ktls_text.
 */
#ifndef STENTORD_TLS_KTLS_H
#define STENTORD_TLS_KTLS_H

#include <openssl/bio.h>
#include <stdbool.h>

struct tls_conn;

/* Whether connections of a listener use it, and if not, why. */
enum tls_ktls { TLS_KTLS_OFF, TLS_KTLS_ON, TLS_KTLS_NO_KERNEL, TLS_KTLS_NO_OPENSSL };

/* Asks the kernel and OpenSSL; any thread. For root, the kernel loads its module. */
enum tls_ktls tls_ktls_offer(void);

/* The same for people: "on", "off", "unavailable: ..." */
const char *tls_ktls_text(enum tls_ktls state);

/* Commands of OpenSSL to the BIO, while it works for the connection. 0: not done. */
long tls_ktls_command(struct tls_conn *tc, int command, long number, void *pointer);

/* Has the kernel seal and send what OpenSSL says itself; as the write function of `bio` does. */
int tls_ktls_write(struct tls_conn *tc, BIO *bio, const char *data, int len);

#endif
