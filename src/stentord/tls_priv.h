/*
 * tls_priv.h - between the tls*.c files: what is inside a tls_context.
 *
 * Everything here is constant once tls_context_new has returned.
 */
#ifndef STENTORD_TLS_PRIV_H
#define STENTORD_TLS_PRIV_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "tls_context.h"
#include "tls_ktls.h"
#include "tls_ticket.h"

enum {
    TLS_MAX_CERTIFICATES = 64, /* of a listener: one bit of a mask each */
    TLS_TICKET_KEY_LEN = 80,   /* in a file: name, AES key, HMAC key */
    TLS_MAX_TICKET_KEYS = 16,
};

/* A chain with its key, as it was read from its files. */
struct tls_certificate {
    char *file; /* of the chain */
    X509 *leaf;
    STACK_OF(X509) * chain; /* above the leaf */
    EVP_PKEY *key;
    uint8_t *ocsp; /* the response to be stapled; NULL: none */
    size_t ocsp_len;
    time_t ocsp_until; /* 0: for ever */
    time_t expires;
    char **names; /* that it is for, in small letters; may begin with "*." */
    size_t name_count;
};

/* A name and the certificates that are for it. */
struct tls_name {
    const char *text;
    uint64_t certificates; /* bits */
    SSL_CTX *ctx;          /* that has these */
};

struct tls_context {
    atomic_uint refs;
    int handshake_timeout;
    enum tls_ktls ktls;
    struct tls_certificate *certificates;
    size_t certificate_count;
    struct tls_name *names; /* sorted by text */
    size_t name_count;
    SSL_CTX **ctxs; /* the first is for everybody whose name is not known */
    uint64_t *ctx_certificates;
    size_t ctx_count;
    struct tls_ticket_key
        *ticket_keys; /* from the file, the newest first; NULL: the threads' own */
    size_t ticket_key_count;
};

/* tls_certificate.c: reads one, as tls_context_new does all. False after a mistake. */
bool tls_certificate_load(struct tls_certificate *certificate,
                          const struct config_certificate *config, const struct config *old,
                          struct strbuf *mistakes, struct strbuf *warnings) MUST_CHECK;
void tls_certificate_free(struct tls_certificate *certificate);

/* tls_ticket.c: the keys of a file; and tickets made and read for handshakes of that context. */
bool tls_ticket_load(struct tls_context *context, const char *file,
                     struct strbuf *mistakes) MUST_CHECK;
bool tls_ticket_install(SSL_CTX *ctx) MUST_CHECK;

#endif
