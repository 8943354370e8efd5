#include "tls_settle.h"

#include <openssl/err.h>

/* The EVP_PKEYs themselves are OpenSSL's, but what is in them can be thrown out: 400 bytes. */
static void settle_drop_keys(SSL *ssl)
{
    EVP_PKEY *key;

    if (SSL_get_peer_tmp_key(ssl, &key) == 1) {
        EVP_PKEY_set_type(key, EVP_PKEY_X25519);
        EVP_PKEY_free(key);
    }
    if (SSL_get_tmp_key(ssl, &key) == 1) {
        EVP_PKEY_set_type(key, EVP_PKEY_X25519);
        EVP_PKEY_free(key);
    }
}

/* 100 to 300 bytes, by how many there were. The empty list stays, for OpenSSL to free. */
static void settle_drop_ciphers(const SSL *ssl)
{
    STACK_OF(SSL_CIPHER) *offered = SSL_get_client_ciphers(ssl);

    if (offered == NULL)
        return;
    sk_SSL_CIPHER_zero(offered);
    sk_SSL_CIPHER_reserve(offered, 0);
}

/*
 * The session: 1 KB. TLS 1.3 has done with it when the ticket is on its way: records and changes of
 * keys are computed from what the SSL has itself. (TLS 1.2 looks at it when a client wants to
 * renegotiate; and the certificate that a client has shown stays in it.)
 *
 * SSL_set_session lets go of it, but where the SSL_CTX is for several versions of TLS, and the SSL
 * has agreed on one, it would also begin anew with all of them. So the SSL gets an SSL_CTX for just
 * that version first, which costs nothing: it has its own options, keys and callbacks by now.
 *
 * So it is in OpenSSL 3.0 and 3.1. From 3.2 on a connection is built differently.
 */
static void settle_drop_session(SSL *ssl, SSL_CTX **bare)
{
    const SSL_METHOD *method = SSL_get_ssl_method(ssl);

    if (OpenSSL_version_num() >= 0x30200000UL || SSL_version(ssl) != TLS1_3_VERSION ||
        SSL_get0_peer_certificate(ssl) != NULL)
        return;
    if (*bare == NULL)
        *bare = SSL_CTX_new(method);
    if (*bare != NULL && SSL_CTX_get_ssl_method(*bare) == method &&
        SSL_set_SSL_CTX(ssl, *bare) == *bare && SSL_set_session(ssl, NULL) != 1)
        ERR_clear_error();
}

void tls_settle(SSL *ssl, SSL_CTX **bare)
{
    settle_drop_keys(ssl);
    settle_drop_ciphers(ssl);
    settle_drop_session(ssl, bare);
    ERR_clear_error();
}
