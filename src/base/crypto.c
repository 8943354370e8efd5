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

/* The six bits that each character stands for, plus one; 0: none. '-' and '_' are base64url's. */
static const uint8_t crypto_base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['-'] = 63, ['_'] = 64,
};

/* Decodes text without padding, in which `other` alphabet's two characters do not occur, to `out`,
 * which has room for len * 3 / 4 bytes. */
static bool crypto_decode(uint8_t *out, const char *text, size_t len, const char *other)
{
    uint32_t bits = 0;
    unsigned count = 0;

    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t value = crypto_base64_values[(uint8_t)text[i]];

        if (value == 0 || text[i] == other[0] || text[i] == other[1])
            return false;
        bits = bits << 6 | (uint32_t)(value - 1);
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
        !crypto_decode((uint8_t *)out->data + out->len, text, len, "-_"))
        return false;
    out->len += len * 3 / 4;
    return true;
}

bool crypto_base64url_decode(uint8_t *out, size_t len, const char *text, size_t text_len)
{
    return text_len == (len * 4 + 2) / 3 && crypto_decode(out, text, text_len, "+/");
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
