/*
 * tls.h - TLS of the swarm's connections: the only file of it that knows OpenSSL.
 *
 * One `struct tls_client` is what all connections to a server share: what is trusted, and the
 * newest session, with which the next connection resumes if that is wanted. (Clients of one host
 * share it; what a handshake costs the server is the same.) A `struct tls` is one connection,
 * which drives its socket by itself; it neither owns nor closes the descriptor. One thread.
 */
#ifndef STENTOR_SWARM_TLS_H
#define STENTOR_SWARM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stentor/base/compiler.h"

struct tls;

struct tls_client;

struct tls_options {
    const char *host;  /* whose certificate it must be */
    bool insecure;     /* any certificate will do */
    bool resume;       /* sessions are resumed */
    const char *trust; /* a file with what is trusted; NULL: what the system trusts */
};

/* What a call wants before it can go on. */
enum tls_result { TLS_OK, TLS_WANT_READ, TLS_WANT_WRITE, TLS_ENDED, TLS_FAILED };

/* NULL when it cannot be set up; `*error` says why. */
struct tls_client *tls_client_new(const struct tls_options *options, const char **error) MUST_CHECK;
void tls_client_free(struct tls_client **client);

/* Bytes on the wire, of all connections so far. */
uint64_t tls_client_received(const struct tls_client *client);
uint64_t tls_client_sent(const struct tls_client *client);

/* Handshakes that ended well, how many of them resumed a session, and what was agreed upon last. */
uint64_t tls_client_handshakes(const struct tls_client *client);
uint64_t tls_client_resumed(const struct tls_client *client);
const char *tls_client_version(const struct tls_client *client);
const char *tls_client_cipher(const struct tls_client *client);

/* A connection over the socket; NULL when memory is out. */
struct tls *tls_new(struct tls_client *client, int fd) MUST_CHECK;

void tls_free(struct tls **tls);

enum tls_result tls_handshake(struct tls *tls) MUST_CHECK;

/* `*done` is how many bytes. */
enum tls_result tls_read(struct tls *tls, void *data, size_t len, size_t *done) MUST_CHECK;
enum tls_result tls_write(struct tls *tls, const void *data, size_t len, size_t *done) MUST_CHECK;

/* Tells the peer that nothing more comes, as far as the socket takes it. */
void tls_say_goodbye(struct tls *tls);

/* Why the last call failed, as a cause that can be counted: "tls_certificate_verify_failed". */
const char *tls_cause(struct tls *tls);

#endif
