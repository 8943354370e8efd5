#include "tls_ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"
#include "tls_conn.h"
#include "tls_priv.h"
#include "tls_thread.h"

/* --- The chain of keys */

/* SHA-256 of a label and the state: it leads to the next value, and not back. */
static void ticket_derive(uint8_t out[32], const uint8_t state[TLS_TICKET_SEED], const char *label)
{
    uint8_t input[TLS_TICKET_SEED + 16] = {0};

    memcpy(input, state, TLS_TICKET_SEED);
    memcpy(input + TLS_TICKET_SEED, label, strlen(label));
    ENSURE(EVP_Digest(input, sizeof(input), out, NULL, EVP_sha256(), NULL) == 1);
    OPENSSL_cleanse(input, sizeof(input));
}

static void ticket_make_key(struct tls_ticket_chain *chain)
{
    struct tls_ticket_key *key = &chain->keys[0];
    uint8_t name[32];

    ticket_derive(name, chain->state, "name");
    memcpy(key->name, name, sizeof(key->name));
    ticket_derive(key->aes, chain->state, "aes");
    ticket_derive(key->hmac, chain->state, "hmac");
    ticket_derive(chain->state, chain->state, "next");
}

void tls_ticket_chain_init(struct tls_ticket_chain *chain, const uint8_t seed[TLS_TICKET_SEED],
                           uint64_t origin_ms, uint64_t period_ms)
{
    memset(chain, 0, sizeof(*chain));
    memcpy(chain->state, seed, TLS_TICKET_SEED);
    chain->origin_ms = origin_ms;
    chain->period_ms = period_ms;
    ticket_make_key(chain);
    chain->keys[1] = chain->keys[0];
}

void tls_ticket_chain_advance(struct tls_ticket_chain *chain, uint64_t now_ms)
{
    uint64_t period = (now_ms - chain->origin_ms) / chain->period_ms;

    for (; chain->period < period; chain->period++) {
        chain->keys[1] = chain->keys[0];
        ticket_make_key(chain);
    }
}

/* --- Keys of a file, which several hosts may share */

bool tls_ticket_load(struct tls_context *context, const char *file, struct strbuf *mistakes)
{
    uint8_t keys[TLS_TICKET_KEY_LEN * TLS_MAX_TICKET_KEYS + 1];
    ssize_t len = -1;
    int fd;

    if (*file == '\0')
        return true;
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        len = read(fd, keys, sizeof(keys));
    if (len < 0)
        strbuf_printf(mistakes, "%s cannot be read: %s\n", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (len == 0 || len % TLS_TICKET_KEY_LEN != 0) {
        if (len >= 0)
            strbuf_printf(mistakes,
                          "%s must hold 1 to %d ticket keys of %d random bytes each, the newest "
                          "first; openssl rand -out FILE %d makes one\n",
                          file, TLS_MAX_TICKET_KEYS, TLS_TICKET_KEY_LEN, TLS_TICKET_KEY_LEN);
        return false;
    }
    context->ticket_keys = malloc((size_t)len);
    if (context->ticket_keys == NULL)
        return false;
    memcpy(context->ticket_keys, keys, (size_t)len);
    context->ticket_key_count = (size_t)len / TLS_TICKET_KEY_LEN;
    OPENSSL_cleanse(keys, sizeof(keys));
    return true;
}

/* --- Tickets */

/* The keys that count for a handshake: the first one seals, each of them opens. */
static size_t ticket_keys(SSL *ssl, const struct tls_ticket_key **keys)
{
    struct tls_thread *tls = tls_thread_of(ssl);
    const struct tls_context *context = tls->conn->context;

    if (context->ticket_keys != NULL) {
        *keys = context->ticket_keys;
        return context->ticket_key_count;
    }
    tls_ticket_chain_advance(&tls->tickets, clock_ms());
    *keys = tls->tickets.keys;
    return ARRAY_LEN(tls->tickets.keys);
}

static bool ticket_set_keys(const struct tls_ticket_key *key, const unsigned char *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    uint8_t hmac[sizeof(key->hmac)];
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof(hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    memcpy(hmac, key->hmac, sizeof(hmac));
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, seal) == 1;
}

/* 1: good; 2: good, and the client is to get a new one; 0: not one of ours; -1: failed. */
static int ticket_on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int seal)
{
    const struct tls_ticket_key *keys;
    size_t count = ticket_keys(ssl, &keys);

    if (seal) {
        memcpy(name, keys[0].name, sizeof(keys[0].name));
        return RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                       ticket_set_keys(&keys[0], iv, cipher, mac, 1)
                   ? 1
                   : -1;
    }
    for (size_t i = 0; i < count; i++)
        if (memcmp(name, keys[i].name, sizeof(keys[i].name)) == 0)
            return !ticket_set_keys(&keys[i], iv, cipher, mac, 0) ? -1 : i == 0 ? 1 : 2;
    return 0;
}

bool tls_ticket_install(SSL_CTX *ctx)
{
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_on_key) == 1;
}
