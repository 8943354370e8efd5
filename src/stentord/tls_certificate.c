/* One certificate of a listener: read from its files, and looked at with an operator's eyes. */
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stentor/base/obj.h"
#include "tls_error.h"
#include "tls_priv.h"

enum {
    CERTIFICATE_SOON_DAYS = 14, /* in which it expires: time to renew it */
    CERTIFICATE_TEXT = 256,
    CERTIFICATE_MAX_OCSP = 65536,
};

/* Keys are for the server's eyes: nobody has to type a passphrase, and nobody can at a reload. */
static int certificate_no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *certificate_open(const char *file, struct strbuf *mistakes)
{
    BIO *bio;

    errno = 0;
    bio = BIO_new_file(file, "r");
    if (bio != NULL)
        return bio;
    strbuf_printf(
        mistakes, "%s cannot be read: %s%s\n", file, strerror(errno),
        errno == EACCES ? "; give the group of the user that the server runs as the right to" : "");
    ERR_clear_error();
    return NULL;
}

static bool certificate_read_chain(struct tls_certificate *certificate, const char *file,
                                   struct strbuf *mistakes)
{
    BIO *bio = certificate_open(file, mistakes);
    X509 *x509;

    if (bio == NULL)
        return false;
    certificate->leaf = PEM_read_bio_X509(bio, NULL, certificate_no_passphrase, NULL);
    certificate->chain = sk_X509_new_null();
    while (certificate->leaf != NULL && certificate->chain != NULL &&
           (x509 = PEM_read_bio_X509(bio, NULL, certificate_no_passphrase, NULL)) != NULL)
        if (sk_X509_push(certificate->chain, x509) == 0)
            X509_free(x509);
    BIO_free(bio);
    /* That the file is at its end is told as an error, too. */
    unsigned long error = ERR_peek_last_error();
    bool good = certificate->leaf != NULL && ERR_GET_LIB(error) == ERR_LIB_PEM &&
                ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (!good)
        strbuf_printf(mistakes,
                      "%s: certificate %d is not one in PEM format (%s); the file begins with the "
                      "server's certificate, and those that lead to its root follow\n",
                      file, certificate->leaf != NULL ? sk_X509_num(certificate->chain) + 2 : 1,
                      tls_error_text());
    ERR_clear_error();
    return good;
}

/* The key of the certificate among those that the server has been given before. */
static EVP_PKEY *certificate_known_key(const struct tls_certificate *certificate,
                                       const struct config *old)
{
    for (size_t i = 0; old != NULL && i < old->listener_count; i++) {
        const struct tls_context *context = old->listeners[i].tls_context;

        for (size_t k = 0; context != NULL && k < context->certificate_count; k++)
            if (X509_check_private_key(certificate->leaf, context->certificates[k].key) == 1)
                return context->certificates[k].key;
    }
    ERR_clear_error();
    return NULL;
}

/* The file is for root's eyes, and the server is not root any more. */
static bool certificate_keep_key(struct tls_certificate *certificate, const char *file,
                                 const struct config *old, struct strbuf *warnings)
{
    EVP_PKEY *key =
        access(file, R_OK) < 0 && errno == EACCES ? certificate_known_key(certificate, old) : NULL;

    if (key == NULL || EVP_PKEY_up_ref(key) != 1)
        return false;
    certificate->key = key;
    strbuf_printf(warnings,
                  "%s cannot be read by the user that the server runs as; the key that was read "
                  "before stays, as the certificate is still for it\n",
                  file);
    return true;
}

static bool certificate_read_key(struct tls_certificate *certificate, const char *file,
                                 const struct config *old, struct strbuf *mistakes,
                                 struct strbuf *warnings)
{
    BIO *bio;

    if (certificate_keep_key(certificate, file, old, warnings))
        return true;
    bio = certificate_open(file, mistakes);
    if (bio == NULL)
        return false;
    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, certificate_no_passphrase, NULL);
    BIO_free(bio);
    if (certificate->key == NULL) {
        strbuf_printf(mistakes, "%s is not a private key in PEM format without a passphrase (%s)\n",
                      file, tls_error_text());
        return false;
    }
    if (X509_check_private_key(certificate->leaf, certificate->key) == 1)
        return true;
    strbuf_printf(mistakes, "the key in %s is not that of the certificate in %s\n", file,
                  certificate->file);
    ERR_clear_error();
    return false;
}

static void certificate_check_mode(const char *file, struct strbuf *warnings)
{
    struct stat st;

    if (stat(file, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
        strbuf_printf(warnings, "%s can be read by everybody on this machine; chmod o= it\n", file);
}

static void certificate_name_text(const X509_NAME *name, char text[CERTIFICATE_TEXT])
{
    BIO *bio = BIO_new(BIO_s_mem());
    int len = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_read(bio, text, CERTIFICATE_TEXT - 1);
    text[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
}

/* Each certificate of the file must be issued by the one behind it. */
static bool certificate_check_order(const struct tls_certificate *certificate,
                                    struct strbuf *mistakes)
{
    X509 *below = certificate->leaf;

    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        X509 *above = sk_X509_value(certificate->chain, i);
        char subject[CERTIFICATE_TEXT], issuer[CERTIFICATE_TEXT];

        if (X509_check_issued(above, below) != X509_V_OK) {
            certificate_name_text(X509_get_subject_name(above), subject);
            certificate_name_text(X509_get_issuer_name(below), issuer);
            strbuf_printf(mistakes,
                          "%s: behind certificate %d must stand that of its issuer, %s, and not "
                          "that of %s\n",
                          certificate->file, i + 1, issuer, subject);
            return false;
        }
        below = above;
    }
    return true;
}

/* Does the chain lead to a root that this system knows? Clients most likely know the same. */
static void certificate_check_root(const struct tls_certificate *certificate,
                                   struct strbuf *warnings)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    char issuer[CERTIFICATE_TEXT];
    int error = X509_V_OK;

    if (store != NULL && ctx != NULL && X509_STORE_set_default_paths(store) == 1 &&
        X509_STORE_CTX_init(ctx, store, certificate->leaf, certificate->chain) == 1 &&
        X509_verify_cert(ctx) != 1)
        error = X509_STORE_CTX_get_error(ctx);
    if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
        error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
        error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE) {
        X509 *last = X509_STORE_CTX_get_current_cert(ctx);

        certificate_name_text(X509_get_issuer_name(last != NULL ? last : certificate->leaf),
                              issuer);
        strbuf_printf(warnings,
                      "%s: the chain is not complete: the certificate of %s is missing, and this "
                      "system does not know it as a root\n",
                      certificate->file, issuer);
    } else if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
               error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN) {
        strbuf_printf(warnings,
                      "%s: the certificate leads to no root that this system knows: clients have "
                      "to be told to trust it\n",
                      certificate->file);
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
}

static time_t certificate_time(const ASN1_TIME *asn1)
{
    struct tm tm;

    return asn1 != NULL && ASN1_TIME_to_tm(asn1, &tm) == 1 ? timegm(&tm) : 0;
}

static void certificate_check_times(struct tls_certificate *certificate, struct strbuf *warnings)
{
    time_t now = time(NULL), from = certificate_time(X509_get0_notBefore(certificate->leaf));
    char text[32];
    struct tm tm;

    certificate->expires = certificate_time(X509_get0_notAfter(certificate->leaf));
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", gmtime_r(&certificate->expires, &tm));
    if (certificate->expires <= now)
        strbuf_printf(warnings, "%s: the certificate has expired on %s; clients will refuse it\n",
                      certificate->file, text);
    else if (certificate->expires - now < CERTIFICATE_SOON_DAYS * 86400)
        strbuf_printf(warnings, "%s: the certificate expires on %s; renew it\n", certificate->file,
                      text);
    if (from > now)
        strbuf_printf(warnings, "%s: the certificate is not valid yet; is the clock right?\n",
                      certificate->file);
}

static bool certificate_add_name(struct tls_certificate *certificate, const char *text, size_t len)
{
    char *name;

    if (len == 0 || memchr(text, '\0', len) != NULL)
        return true; /* nobody can ask for it */
    name = strndup(text, len);
    if (name == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)name[i]);
    certificate->names[certificate->name_count++] = name;
    return true;
}

/* The DNS names that it is for; its common name if it has none, as certificates once did. */
static bool certificate_read_names(struct tls_certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);
    int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    char common[CERTIFICATE_TEXT];
    bool ok = true;

    certificate->names = calloc((size_t)count + 1, sizeof(char *));
    if (certificate->names == NULL)
        ok = false;
    for (int i = 0; i < count && ok; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            ok = certificate_add_name(certificate,
                                      (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                      (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    if (ok && certificate->name_count == 0 &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate->leaf), NID_commonName, common,
                                  sizeof(common)) > 0)
        ok = certificate_add_name(certificate, common, strlen(common));
    return ok;
}

/* Until when the response says that the certificate is good; -1 when it says something else, or
 * something about another one. */
static time_t certificate_ocsp_until(X509 *leaf, const uint8_t *data, size_t len)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &data, (long)len);
    OCSP_BASICRESP *basic = NULL;
    ASN1_GENERALIZEDTIME *next = NULL;
    time_t until = -1;

    if (response != NULL && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        basic = OCSP_response_get1_basic(response);
    if (basic != NULL && OCSP_resp_count(basic) > 0) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, 0);
        ASN1_INTEGER *serial = NULL;

        OCSP_id_get0_info(NULL, NULL, NULL, &serial,
                          (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single));
        if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0 &&
            OCSP_single_get0_status(single, NULL, NULL, NULL, &next) == V_OCSP_CERTSTATUS_GOOD)
            until = certificate_time(next);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return until;
}

static bool certificate_read_ocsp(struct tls_certificate *certificate, const char *file,
                                  struct strbuf *mistakes, struct strbuf *warnings)
{
    BIO *bio = certificate_open(file, mistakes);
    int len;

    if (bio == NULL)
        return false;
    certificate->ocsp = malloc(CERTIFICATE_MAX_OCSP);
    len = certificate->ocsp != NULL ? BIO_read(bio, certificate->ocsp, CERTIFICATE_MAX_OCSP) : -1;
    BIO_free(bio);
    certificate->ocsp_len = len > 0 ? (size_t)len : 0;
    certificate->ocsp_until =
        len > 0 ? certificate_ocsp_until(certificate->leaf, certificate->ocsp, (size_t)len) : -1;
    if (certificate->ocsp_until < 0) {
        strbuf_printf(mistakes,
                      "%s is not an OCSP response in DER format which says that this "
                      "certificate is good; openssl ocsp -respout makes one\n",
                      file);
        return false;
    }
    if (certificate->ocsp_until != 0 && certificate->ocsp_until <= time(NULL))
        strbuf_printf(warnings, "%s: the OCSP response is out of date, and will not be stapled\n",
                      file);
    return true;
}

bool tls_certificate_load(struct tls_certificate *certificate,
                          const struct config_certificate *config, const struct config *old,
                          struct strbuf *mistakes, struct strbuf *warnings)
{
    if (!certificate_read_chain(certificate, config->chain, mistakes) ||
        !certificate_read_key(certificate, config->key, old, mistakes, warnings) ||
        !certificate_check_order(certificate, mistakes) || !certificate_read_names(certificate))
        return false;
    if (*config->ocsp != '\0' &&
        !certificate_read_ocsp(certificate, config->ocsp, mistakes, warnings))
        return false;
    certificate_check_mode(config->key, warnings);
    certificate_check_times(certificate, warnings);
    certificate_check_root(certificate, warnings);
    return true;
}

void tls_certificate_free(struct tls_certificate *certificate)
{
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    free(certificate->file);
    free(certificate->ocsp);
    for (size_t i = 0; i < certificate->name_count; i++)
        free(certificate->names[i]);
    free(certificate->names);
}
