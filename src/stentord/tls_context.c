#include "tls_context.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"
#include "tls_error.h"
#include "tls_priv.h"

enum { CONTEXT_MAX_NAME = 256 };

/* --- Names: which certificates are for a name that a client asks for */

static int context_compare_names(const void *a, const void *b)
{
    return strcmp(((const struct tls_name *)a)->text, ((const struct tls_name *)b)->text);
}

static struct tls_name *context_find_exactly(const struct tls_context *context, const char *text)
{
    const struct tls_name key = {.text = text};

    return bsearch(&key, context->names, context->name_count, sizeof(key), context_compare_names);
}

/* The name itself, or else the wildcard that stands for it. */
static struct tls_name *context_find_name(const struct tls_context *context, const char *wanted)
{
    char text[CONTEXT_MAX_NAME];
    size_t len = strlen(wanted);
    struct tls_name *name;
    char *dot;

    if (len >= sizeof(text))
        return NULL;
    for (size_t i = 0; i <= len; i++)
        text[i] = wanted[i] >= 'A' && wanted[i] <= 'Z' ? (char)(wanted[i] | 0x20) : wanted[i];
    name = context_find_exactly(context, text);
    dot = strchr(text, '.');
    if (name != NULL || dot == NULL || dot == text)
        return name;
    dot[-1] = '*';
    return context_find_exactly(context, dot - 1);
}

/* Is there already a certificate with such a key among these? A name has one of each kind, and the
 * one that was configured first. */
static bool context_has_kind(const struct tls_context *context, uint64_t certificates,
                             const EVP_PKEY *key)
{
    for (size_t i = 0; i < context->certificate_count; i++)
        if ((certificates & UINT64_C(1) << i) != 0 &&
            EVP_PKEY_get_base_id(context->certificates[i].key) == EVP_PKEY_get_base_id(key))
            return true;
    return false;
}

static bool context_collect_names(struct tls_context *context)
{
    size_t count = 0, unique = 0;

    for (size_t i = 0; i < context->certificate_count; i++)
        count += context->certificates[i].name_count;
    context->names = calloc(count + 1, sizeof(*context->names));
    if (context->names == NULL)
        return false;
    for (size_t i = 0; i < context->certificate_count; i++)
        for (size_t k = 0; k < context->certificates[i].name_count; k++)
            context->names[context->name_count++].text = context->certificates[i].names[k];
    qsort(context->names, count, sizeof(*context->names), context_compare_names);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(context->names[i].text, context->names[unique - 1].text) != 0)
            context->names[unique++] = context->names[i];
    context->name_count = unique;
    return true;
}

static void context_assign_names(struct tls_context *context)
{
    for (size_t i = 0; i < context->certificate_count; i++) {
        const struct tls_certificate *certificate = &context->certificates[i];

        for (size_t k = 0; k < certificate->name_count; k++) {
            struct tls_name *name = context_find_exactly(context, certificate->names[k]);

            if (!context_has_kind(context, name->certificates, certificate->key))
                name->certificates |= UINT64_C(1) << i;
        }
    }
}

/* --- What OpenSSL asks during a handshake */

static int context_on_name(SSL *ssl, int *alert, void *arg)
{
    const char *wanted = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tls_context *context = arg;
    const struct tls_name *name = wanted != NULL ? context_find_name(context, wanted) : NULL;

    (void)alert;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_get_SSL_CTX(ssl) != name->ctx && SSL_set_SSL_CTX(ssl, name->ctx) == NULL)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static int context_on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *out;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&out, chosen_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = out;
    return SSL_TLSEXT_ERR_OK;
}

/* Staples the response for the certificate that the handshake has chosen. */
static int context_on_status(SSL *ssl, void *arg)
{
    const struct tls_context *context = arg;
    const X509 *leaf = SSL_get_certificate(ssl);
    const struct tls_certificate *found = NULL;
    uint8_t *copy;

    for (size_t i = 0; i < context->certificate_count; i++)
        if (context->certificates[i].leaf == leaf)
            found = &context->certificates[i];
    if (found == NULL || found->ocsp == NULL ||
        (found->ocsp_until != 0 && found->ocsp_until <= time(NULL)))
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(found->ocsp, found->ocsp_len);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (int)found->ocsp_len);
    return SSL_TLSEXT_ERR_OK;
}

/* --- SSL_CTXs: one for each set of certificates that some name has */

static bool context_use_certificates(SSL_CTX *ctx, const struct tls_context *context,
                                     uint64_t certificates)
{
    for (size_t i = 0; i < context->certificate_count; i++) {
        const struct tls_certificate *certificate = &context->certificates[i];

        if ((certificates & UINT64_C(1) << i) != 0 &&
            SSL_CTX_use_cert_and_key(ctx, certificate->leaf, certificate->key, certificate->chain,
                                     0) != 1)
            return false;
    }
    return true;
}

static bool context_set_protocol(SSL_CTX *ctx, const struct config_tls *config,
                                 struct strbuf *mistakes)
{
    int min = strcmp(config->min_version, "1.3") == 0   ? TLS1_3_VERSION
              : strcmp(config->min_version, "1.2") == 0 ? TLS1_2_VERSION
                                                        : 0;

    if (min == 0 || SSL_CTX_set_min_proto_version(ctx, min) != 1) {
        strbuf_printf(mistakes, "min_version \"%s\" must be \"1.2\" or \"1.3\"\n",
                      config->min_version);
        return false;
    }
    if (SSL_CTX_set_cipher_list(ctx, config->ciphers) != 1) {
        strbuf_printf(mistakes, "ciphers \"%s\": %s; openssl-ciphers(1) explains the list\n",
                      config->ciphers, tls_error_text());
        return false;
    }
    if (SSL_CTX_set_ciphersuites(ctx, config->ciphersuites) != 1) {
        strbuf_printf(mistakes, "ciphersuites \"%s\": %s; names look like %s\n",
                      config->ciphersuites, tls_error_text(), "TLS_AES_128_GCM_SHA256");
        return false;
    }
    if (*config->curves != '\0' && SSL_CTX_set1_groups_list(ctx, config->curves) != 1) {
        strbuf_printf(mistakes, "curves \"%s\": %s; names look like X25519:P-256\n", config->curves,
                      tls_error_text());
        return false;
    }
    return true;
}

/* A session goes on only where clients have to show the same as where it began. */
static bool context_set_session_scope(SSL_CTX *ctx, const struct config_tls *config)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct strbuf scope = STRBUF_INIT;
    unsigned len = 0;
    bool ok;

    strbuf_printf(&scope, "%s %s", config->client_certificates, config->client_ca);
    ok = !scope.failed &&
         EVP_Digest(scope.data, scope.len, digest, &len, EVP_sha256(), NULL) == 1 &&
         SSL_CTX_set_session_id_context(ctx, digest, SSL_MAX_SID_CTX_LENGTH) == 1;
    strbuf_free(&scope);
    return ok;
}

static bool context_set_clients(SSL_CTX *ctx, const struct config_tls *config,
                                struct strbuf *mistakes)
{
    STACK_OF(X509_NAME) * names;
    int mode = SSL_VERIFY_PEER;

    if (strcmp(config->client_certificates, "off") == 0)
        return true;
    if (strcmp(config->client_certificates, "required") == 0) {
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    } else if (strcmp(config->client_certificates, "optional") != 0) {
        strbuf_printf(mistakes,
                      "client_certificates \"%s\" is not one of off, optional and required\n",
                      config->client_certificates);
        return false;
    }
    names = *config->client_ca != '\0' ? SSL_load_client_CA_file(config->client_ca) : NULL;
    if (names == NULL || SSL_CTX_load_verify_file(ctx, config->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        strbuf_printf(mistakes,
                      "client_ca must be a file with the certificates (PEM) of those who issue "
                      "client certificates; with \"%s\" it failed: %s\n",
                      config->client_ca, tls_error_text());
        return false;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, mode, NULL);
    return true;
}

static bool context_set_up(SSL_CTX *ctx, struct tls_context *context,
                           const struct config_tls *config)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_NO_QUERY_MTU);
    if (context->ktls == TLS_KTLS_ON)
        SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_tlsext_servername_callback(ctx, context_on_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, context);
    SSL_CTX_set_tlsext_status_cb(ctx, context_on_status);
    SSL_CTX_set_tlsext_status_arg(ctx, context);
    SSL_CTX_set_alpn_select_cb(ctx, context_on_alpn, NULL);
    if (!config->tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx, 0) == 1;
    }
    return SSL_CTX_set_num_tickets(ctx, 1) == 1 && tls_ticket_install(ctx);
}

/* The SSL_CTX with just these certificates: one that there is, or a new one. */
static SSL_CTX *context_take_ctx(struct tls_context *context, const struct config_tls *config,
                                 uint64_t certificates, struct strbuf *mistakes)
{
    SSL_CTX *ctx;

    for (size_t i = 0; i < context->ctx_count; i++)
        if (context->ctx_certificates[i] == certificates)
            return context->ctxs[i];
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return NULL;
    context->ctxs[context->ctx_count] = ctx;
    context->ctx_certificates[context->ctx_count++] = certificates;
    if (!context_set_up(ctx, context, config) || !context_set_session_scope(ctx, config) ||
        !context_set_protocol(ctx, config, mistakes) || !context_set_clients(ctx, config, mistakes))
        return NULL;
    if (context_use_certificates(ctx, context, certificates))
        return ctx;
    strbuf_printf(mistakes, "a certificate cannot be used: %s\n", tls_error_text());
    return NULL;
}

static bool context_make_ctxs(struct tls_context *context, const struct config_tls *config,
                              struct strbuf *mistakes)
{
    const struct tls_certificate *first = &context->certificates[0];
    uint64_t everybody = 1;

    context->ctxs = calloc(context->name_count + 1, sizeof(SSL_CTX *));
    context->ctx_certificates = calloc(context->name_count + 1, sizeof(uint64_t));
    if (context->ctxs == NULL || context->ctx_certificates == NULL)
        return false;
    if (first->name_count > 0)
        everybody |= context_find_exactly(context, first->names[0])->certificates;
    if (context_take_ctx(context, config, everybody, mistakes) == NULL)
        return false;
    for (size_t i = 0; i < context->name_count; i++) {
        struct tls_name *name = &context->names[i];

        name->ctx = context_take_ctx(context, config, name->certificates, mistakes);
        if (name->ctx == NULL)
            return false;
    }
    return true;
}

/* --- The whole */

static bool context_choose_ktls(struct tls_context *context, const struct config_tls *config,
                                struct strbuf *mistakes, struct strbuf *warnings)
{
    bool wanted = strcmp(config->ktls, "on") == 0;

    if (!wanted && strcmp(config->ktls, "auto") != 0 && strcmp(config->ktls, "off") != 0) {
        strbuf_printf(mistakes, "ktls \"%s\" is not one of auto, on and off\n", config->ktls);
        return false;
    }
    context->ktls = strcmp(config->ktls, "off") == 0 ? TLS_KTLS_OFF : tls_ktls_offer();
    if (wanted && context->ktls != TLS_KTLS_ON)
        strbuf_printf(warnings, "ktls is \"on\", but %s\n", tls_ktls_text(context->ktls));
    return true;
}

static bool context_load_certificates(struct tls_context *context, const struct config_tls *config,
                                      const struct config *old, struct strbuf *mistakes,
                                      struct strbuf *warnings)
{
    bool ok = true;

    if (config->certificate_count > TLS_MAX_CERTIFICATES) {
        strbuf_printf(mistakes, "a listener has at most %d certificates\n", TLS_MAX_CERTIFICATES);
        return false;
    }
    context->certificates = calloc(config->certificate_count, sizeof(*context->certificates));
    if (context->certificates == NULL)
        return false;
    for (size_t i = 0; i < config->certificate_count; i++) {
        struct tls_certificate *certificate = &context->certificates[context->certificate_count++];

        certificate->file = strdup(config->certificates[i].chain);
        ok = certificate->file != NULL &&
             tls_certificate_load(certificate, &config->certificates[i], old, mistakes, warnings) &&
             ok;
    }
    return ok;
}

struct tls_context *tls_context_new(const struct config_tls *config, const struct config *old,
                                    struct strbuf *mistakes, struct strbuf *warnings)
{
    struct tls_context *context = calloc(1, sizeof(*context));

    if (context == NULL)
        return NULL;
    atomic_init(&context->refs, 1);
    context->handshake_timeout = config->handshake_timeout;
    if (!context_choose_ktls(context, config, mistakes, warnings) ||
        !context_load_certificates(context, config, old, mistakes, warnings) ||
        !context_collect_names(context)) {
        tls_context_unref(&context);
        return NULL;
    }
    context_assign_names(context);
    if (!tls_ticket_load(context, config->ticket_keys, mistakes) ||
        !context_make_ctxs(context, config, mistakes))
        tls_context_unref(&context);
    ERR_clear_error();
    return context;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

static void context_free(struct tls_context *context)
{
    for (size_t i = 0; i < context->ctx_count; i++)
        SSL_CTX_free(context->ctxs[i]);
    for (size_t i = 0; i < context->certificate_count; i++)
        tls_certificate_free(&context->certificates[i]);
    if (context->ticket_keys != NULL)
        OPENSSL_cleanse(context->ticket_keys, context->ticket_key_count * TLS_TICKET_KEY_LEN);
    free(context->ticket_keys);
    free(context->ctxs);
    free(context->ctx_certificates);
    free(context->certificates);
    free(context->names);
    free(context);
}

void tls_context_unref(struct tls_context **slot)
{
    struct tls_context *context = *slot;

    *slot = NULL;
    if (context != NULL && atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1)
        context_free(context);
}

bool tls_context_same_certificates(const struct tls_context *a, const struct tls_context *b)
{
    if (a == NULL || b == NULL || a->certificate_count != b->certificate_count)
        return a == b;
    for (size_t i = 0; i < a->certificate_count; i++)
        if (X509_cmp(a->certificates[i].leaf, b->certificates[i].leaf) != 0)
            return false;
    return true;
}

int tls_context_timeout(const struct tls_context *context)
{
    return context->handshake_timeout;
}

const char *tls_context_ktls(const struct tls_context *context)
{
    return tls_ktls_text(context->ktls);
}

/* Backslashes and quotes are marked in a label (Prometheus' text format 0.0.4). */
static void context_append_label(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            strbuf_append_char(out, '\\');
        strbuf_append_char(out, *text == '\n' ? ' ' : *text);
    }
}

size_t tls_context_certificate_count(const struct tls_context *context)
{
    return context->certificate_count;
}

time_t tls_context_expiry(const struct tls_context *context, size_t i, const char **file)
{
    *file = context->certificates[i].file;
    return context->certificates[i].expires;
}

void tls_context_append_expiry(const struct tls_context *context, const char *listener,
                               struct strbuf *out)
{
    for (size_t i = 0; i < context->certificate_count; i++) {
        strbuf_printf(out, "stentor_tls_certificate_expiry_seconds{listener=\"%s\",file=\"",
                      listener);
        context_append_label(out, context->certificates[i].file);
        strbuf_printf(out, "\"} %lld\n", (long long)context->certificates[i].expires);
    }
}
