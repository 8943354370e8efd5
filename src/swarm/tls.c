#include "tls.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#define TLS_CLIENT_MAGIC 0x71c5c113u
#define TLS_MAGIC 0x71c5c041u

enum { TLS_MAX_CAUSE = 48 };

struct tls_client {
    unsigned magic;
    SSL_CTX *context;
    SSL_SESSION *session; /* the newest one, to be resumed; NULL: none, or not wanted */
    char host[256];
    bool insecure;
    bool resume;
    uint64_t received, sent;
    uint64_t handshakes, resumed;
    char version[16];
    char cipher[64];
};

struct tls {
    unsigned magic;
    struct tls_client *client;
    SSL *ssl;
    uint64_t received, sent; /* that the client has counted */
    int error;               /* of the last call: SSL_get_error, */
    int system_error;        /* errno, */
    unsigned long reason;    /* and the error queue */
    char cause[TLS_MAX_CAUSE];
};

static int tls_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(client->session);
    client->session = session;
    return 1; /* it is kept */
}

static bool tls_configure(struct tls_client *client, const struct tls_options *options,
                          const char **error)
{
    SSL_CTX *context = client->context;

    SSL_CTX_set_app_data(context, client);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    /* Servers that close without a goodbye are common; what they said is complete or it is not. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (options->resume) {
        SSL_CTX_set_session_cache_mode(context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_sess_set_new_cb(context, tls_on_session);
    }
    *error = "--ca: the file cannot be read, or has no certificate in it";
    if (options->trust != NULL)
        return SSL_CTX_load_verify_file(context, options->trust) == 1;
    *error = "the system's trusted certificates cannot be read";
    return SSL_CTX_set_default_verify_paths(context) == 1;
}

struct tls_client *tls_client_new(const struct tls_options *options, const char **error)
{
    struct tls_client *client = calloc(1, sizeof(*client));

    *error = "out of memory";
    if (client == NULL)
        return NULL;
    OBJ_INIT(client, TLS_CLIENT_MAGIC);
    snprintf(client->host, sizeof(client->host), "%s", options->host);
    client->insecure = options->insecure;
    client->resume = options->resume;
    client->context = SSL_CTX_new(TLS_client_method());
    if (client->context == NULL || !tls_configure(client, options, error))
        tls_client_free(&client);
    ERR_clear_error();
    return client;
}

void tls_client_free(struct tls_client **client)
{
    struct tls_client *old = *client;

    if (old == NULL)
        return;
    OBJ_CHECK(old, TLS_CLIENT_MAGIC);
    SSL_SESSION_free(old->session);
    SSL_CTX_free(old->context);
    OBJ_CLEAR(old);
    free(old);
    *client = NULL;
}

uint64_t tls_client_received(const struct tls_client *client)
{
    return client->received;
}

uint64_t tls_client_sent(const struct tls_client *client)
{
    return client->sent;
}

uint64_t tls_client_handshakes(const struct tls_client *client)
{
    return client->handshakes;
}

uint64_t tls_client_resumed(const struct tls_client *client)
{
    return client->resumed;
}

const char *tls_client_version(const struct tls_client *client)
{
    return client->version;
}

const char *tls_client_cipher(const struct tls_client *client)
{
    return client->cipher;
}

static bool tls_is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* A certificate is for a name, which is also sent to the server, or for an address. */
static bool tls_expect(SSL *ssl, const struct tls_client *client)
{
    if (!tls_is_address(client->host))
        return SSL_set_tlsext_host_name(ssl, client->host) == 1 &&
               SSL_set1_host(ssl, client->host) == 1;
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), client->host) == 1;
}

/* A copy of the session: OpenSSL lets each be used once, as TLS 1.3 recommends so that connections
 * cannot be told to be of one client. Servers take it more often. */
static void tls_offer_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION *copy = session != NULL ? SSL_SESSION_dup(session) : NULL;

    if (copy != NULL)
        SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
}

struct tls *tls_new(struct tls_client *client, int fd)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL)
        return NULL;
    OBJ_INIT(tls, TLS_MAGIC);
    tls->client = client;
    tls->ssl = SSL_new(client->context);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 || !tls_expect(tls->ssl, client)) {
        tls_free(&tls);
        return NULL;
    }
    SSL_set_connect_state(tls->ssl);
    tls_offer_session(tls->ssl, client->session);
    return tls;
}

void tls_free(struct tls **tls)
{
    struct tls *old = *tls;

    if (old == NULL)
        return;
    OBJ_CHECK(old, TLS_MAGIC);
    SSL_free(old->ssl);
    OBJ_CLEAR(old);
    free(old);
    *tls = NULL;
}

static void tls_count(struct tls *tls)
{
    uint64_t received = BIO_number_read(SSL_get_rbio(tls->ssl));
    uint64_t sent = BIO_number_written(SSL_get_wbio(tls->ssl));

    tls->client->received += received - tls->received;
    tls->client->sent += sent - tls->sent;
    tls->received = received;
    tls->sent = sent;
}

/* What OpenSSL's return value means. The error queue is empty before and after. */
static enum tls_result tls_outcome(struct tls *tls, int returned)
{
    tls->system_error = errno;
    tls->error = SSL_get_error(tls->ssl, returned);
    tls_count(tls);
    switch (tls->error) {
    case SSL_ERROR_NONE:
        return TLS_OK;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    default:
        tls->reason = ERR_peek_error();
        ERR_clear_error();
        return TLS_FAILED;
    }
}

static void tls_remember(struct tls_client *client, const SSL *ssl)
{
    client->handshakes++;
    client->resumed += SSL_session_reused(ssl) == 1;
    snprintf(client->version, sizeof(client->version), "%s", SSL_get_version(ssl));
    snprintf(client->cipher, sizeof(client->cipher), "%s", SSL_get_cipher_name(ssl));
}

enum tls_result tls_handshake(struct tls *tls)
{
    enum tls_result result;

    errno = 0;
    result = tls_outcome(tls, SSL_do_handshake(tls->ssl));
    if (result == TLS_OK)
        tls_remember(tls->client, tls->ssl);
    return result;
}

enum tls_result tls_read(struct tls *tls, void *data, size_t len, size_t *done)
{
    *done = 0;
    errno = 0;
    return tls_outcome(tls, SSL_read_ex(tls->ssl, data, len, done));
}

enum tls_result tls_write(struct tls *tls, const void *data, size_t len, size_t *done)
{
    *done = 0;
    errno = 0;
    return tls_outcome(tls, SSL_write_ex(tls->ssl, data, len, done));
}

void tls_say_goodbye(struct tls *tls)
{
    if (tls->error != SSL_ERROR_SSL && tls->error != SSL_ERROR_SYSCALL &&
        SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

/* "certificate verify failed" becomes a label. */
static void tls_name_cause(struct tls *tls, const char *reason)
{
    snprintf(tls->cause, sizeof(tls->cause), "tls_%s", reason != NULL ? reason : "failed");
    for (char *c = tls->cause; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
}

const char *tls_cause(struct tls *tls)
{
    if (tls->error != SSL_ERROR_SYSCALL || tls->reason != 0)
        tls_name_cause(tls, ERR_reason_error_string(tls->reason));
    else
        tls_name_cause(tls, tls->system_error == 0 ? "closed" : "reset");
    return tls->cause;
}
