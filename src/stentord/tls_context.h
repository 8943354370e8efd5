/*
 * tls_context.h - what the handshakes of a listener need: certificates by name, ciphers, keys.
 *
 * Immutable and refcounted. One is made from a listener's configuration by the main thread, and
 * belongs to that configuration; connections hold on to the one that they began with. A new
 * configuration brings another one, for new handshakes, or none at all when there is a mistake in
 * it. Files are read when it is made, and never later.
 */
#ifndef STENTORD_TLS_CONTEXT_H
#define STENTORD_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "config.h"
#include "stentor/base/strbuf.h"

struct tls_context;

/* Reads and checks everything that the configuration names. NULL after any mistake; each is a line
 * in `mistakes` that says what to do. What works and is probably not meant, such as a certificate
 * that has expired, is a line in `warnings`. A key that was for root's eyes, which the server has
 * given up meanwhile, is taken from `old`, the configuration by which it runs (NULL: none), if the
 * certificate is still for that key. */
struct tls_context *tls_context_new(const struct config_tls *config, const struct config *old,
                                    struct strbuf *mistakes, struct strbuf *warnings) MUST_CHECK;

/* Have both the same certificates? Either may be NULL. */
bool tls_context_same_certificates(const struct tls_context *a, const struct tls_context *b);

struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context **context);

/* Seconds that a handshake may take. */
int tls_context_timeout(const struct tls_context *context);

/* Does the kernel seal what its connections send? For people: "on", or why not. */
const char *tls_context_ktls(const struct tls_context *context);

size_t tls_context_certificate_count(const struct tls_context *context);

/* When a certificate expires, and the file that it comes from. */
time_t tls_context_expiry(const struct tls_context *context, size_t i, const char **file);

/* Appends when each of its certificates expires, as samples of a Prometheus gauge; `listener` says
 * where they are used. */
void tls_context_append_expiry(const struct tls_context *context, const char *listener,
                               struct strbuf *out);

#endif
