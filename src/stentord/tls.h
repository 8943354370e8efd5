/*
 * tls.h - what the rest of the server sees of TLS; OpenSSL is known to the tls*.c files alone.
 *
 * A listener's configuration is made into a tls_context (tls_context.h), each I/O thread has a
 * tls_thread, and a connection that is accepted with a tls_context travels by tls_transport. All of
 * these functions run on the I/O thread that they are about.
 */
#ifndef STENTORD_TLS_H
#define STENTORD_TLS_H

#include <stddef.h>

#include "stentor/base/compiler.h"
#include "transport.h"

struct conn;
struct io_thread;
struct tls_thread;

extern const struct transport tls_transport;

/* NULL when memory is out. */
struct tls_thread *tls_thread_new(struct io_thread *thread) MUST_CHECK;
void tls_thread_free(struct tls_thread *tls);

/* Does the connection go through TLS? */
bool tls_is_used(const struct conn *conn);

/* The version that a connection speaks, such as "TLSv1.3"; NULL without TLS. */
const char *tls_version(struct conn *conn);

/* Writes the subject of the certificate that the client has shown, and that was verified; "" for
 * none. Returns `text`. */
const char *tls_subject(struct conn *conn, char *text, size_t size);

#endif
