#include "stentor/base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#include "stentor/base/obj.h"

/* Looking an algorithm up takes locks and longer than hashing a few bytes: once is enough. */
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;
static EVP_MD *crypto_sha1_algorithm;

static void crypto_free(void)
{
    EVP_MD_free(crypto_sha1_algorithm);
}

static void crypto_fetch(void)
{
    crypto_sha1_algorithm = EVP_MD_fetch(NULL, "SHA1", NULL);
    ENSURE(crypto_sha1_algorithm != NULL);
    atexit(crypto_free);
}

void crypto_sha1(const void *data, size_t len, uint8_t digest[CRYPTO_SHA1_LEN])
{
    pthread_once(&crypto_once, crypto_fetch);
    ENSURE(EVP_Digest(data, len, digest, NULL, crypto_sha1_algorithm, NULL) == 1);
}

void crypto_random(void *data, size_t len)
{
    ENSURE(RAND_bytes(data, (int)len) == 1);
}

bool crypto_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void crypto_base64(struct strbuf *out, const void *data, size_t len)
{
    size_t encoded = (len + 2) / 3 * 4;

    if (!strbuf_reserve(out, encoded + 1))
        return;
    EVP_EncodeBlock((unsigned char *)out->data + out->len, data, (int)len);
    out->len += encoded;
}

enum { CRYPTO_NOT_BASE64 = 0xff };

/* The six bits that a character stands for, with `plus` and `slash` for the last two. */
static uint8_t crypto_base64_value(char c, char plus, char slash)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == plus)
        return 62;
    return c == slash ? 63 : CRYPTO_NOT_BASE64;
}

/* Decodes text without padding to `out`, which has room for len * 3 / 4 bytes. */
static bool crypto_decode(uint8_t *out, const char *text, size_t len, char plus, char slash)
{
    uint32_t bits = 0;
    unsigned count = 0;

    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t value = crypto_base64_value(text[i], plus, slash);

        if (value == CRYPTO_NOT_BASE64)
            return false;
        bits = bits << 6 | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *out++ = (uint8_t)(bits >> count);
        }
    }
    return true;
}

bool crypto_base64_decode(struct strbuf *out, const char *text, size_t len)
{
    if (len > 0 && len % 4 == 0 && text[len - 1] == '=')
        len -= text[len - 2] == '=' ? 2 : 1;
    if (!strbuf_reserve(out, len * 3 / 4 + 1) ||
        !crypto_decode((uint8_t *)out->data + out->len, text, len, '+', '/'))
        return false;
    out->len += len * 3 / 4;
    return true;
}

bool crypto_base64url_decode(uint8_t *out, size_t len, const char *text, size_t text_len)
{
    return text_len == (len * 4 + 2) / 3 && crypto_decode(out, text, text_len, '-', '_');
}

void crypto_base64url(char *out, const uint8_t *data, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned count = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (count += 8; count >= 6; count -= 6)
            *out++ = alphabet[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *out++ = alphabet[bits << (6 - count) & 63];
    *out = '\0';
}
