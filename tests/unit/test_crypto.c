#include "unit.h"

#include "stentor/base/crypto.h"

static void sha1_vectors(void **state)
{
    static const struct {
        const char *text;
        const char *digest;
    } vectors[] = {
        /* FIPS 180-2, appendix A, and the digest of nothing */
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint8_t digest[CRYPTO_SHA1_LEN];
        char hex[2 * CRYPTO_SHA1_LEN + 1];
        crypto_sha1(vectors[i].text, strlen(vectors[i].text), digest);
        for (size_t k = 0; k < sizeof(digest); k++)
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        assert_string_equal(hex, vectors[i].digest);
    }
}

/* RFC 4648 section 10, without its padding for base64url. */
static const struct {
    const char *text;
    const char *base64;
    const char *base64url;
} base64_vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+", "-__-"},
    {"\xff\xef", "/+8=", "_-8"},
};

static void base64_appends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(base64_vectors); i++) {
        struct strbuf out = STRBUF_INIT;
        crypto_base64(&out, base64_vectors[i].text, strlen(base64_vectors[i].text));
        assert_strbuf(&out, base64_vectors[i].base64);
        crypto_base64(&out, "foo", 3);
        assert_int_equal(out.len, strlen(base64_vectors[i].base64) + 4);
        assert_bytes(out.data + out.len - 4, 4, "Zm9v");
        strbuf_free(&out);
    }
}

static void base64url_fits_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(base64_vectors); i++) {
        size_t len = strlen(base64_vectors[i].text);
        size_t size = (len * 4 + 2) / 3 + 1;
        char *out = malloc(size);
        assert_non_null(out);
        crypto_base64url(out, (const uint8_t *)base64_vectors[i].text, len);
        assert_string_equal(out, base64_vectors[i].base64url);
        assert_int_equal(strlen(out) + 1, size);
        free(out);
    }
}

/* All sixty-four digits of both alphabets, in order. */
static void base64_alphabets(void **state)
{
    struct strbuf out = STRBUF_INIT;
    uint8_t data[48];
    char url[65];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = (4 * i) << 18 | (4 * i + 1) << 12 | (4 * i + 2) << 6 | (4 * i + 3);
        data[3 * i] = (uint8_t)(bits >> 16);
        data[3 * i + 1] = (uint8_t)(bits >> 8);
        data[3 * i + 2] = (uint8_t)bits;
    }
    crypto_base64(&out, data, sizeof(data));
    assert_strbuf(&out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    crypto_base64url(url, data, sizeof(data));
    assert_string_equal(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    strbuf_free(&out);
}

static void base64_decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(base64_vectors); i++) {
        const char *text = base64_vectors[i].base64;
        size_t len = strlen(text);
        for (;;) { /* with all of the padding, with a part of it, without */
            char *copy = unit_exact_copy(text, len);
            struct strbuf out = STRBUF_INIT;
            bool padded = len > 0 && text[len - 1] == '=';
            bool part = padded && len % 4 != 0;
            strbuf_append_char(&out, '>');
            if (crypto_base64_decode(&out, copy, len) == part)
                fail_msg("%s, the first %zu characters", text, len);
            if (!part)
                assert_bytes(out.data + 1, out.len - 1, base64_vectors[i].text);
            else
                assert_int_equal(out.len, 1);
            strbuf_free(&out);
            free(copy);
            if (!padded)
                break;
            len--;
        }
    }
}

static void what_is_no_base64(void **state)
{
    static const char *const texts[] = {
        "A",        "AAAAA",
        "=",        "==",
        "===",      "====",
        "A=",       "A==",
        "A===",     "AA=",
        "AAA==",    "AA=A",
        "=AAA",     "A=AA",
        "AAAA=",    "AA==AAAA",
        "AAAA====", "AA A",
        "AA\nA",    "AA\n==",
        " AAAA",    "AA-A",
        "AA_A",     "AA.A",
        "AA*A",     "AA,A",
        "AA:A",     "AA@A",
        "AA[A",     "AA`A",
        "AA{A",     "AA\xc3\xbc",
        "AA\200A",  "\xff\xff\xff\xff",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i]);
        char *copy = unit_exact_copy(texts[i], len);
        struct strbuf out = STRBUF_INIT;
        if (crypto_base64_decode(&out, copy, len))
            fail_msg("%s was accepted", texts[i]);
        assert_int_equal(out.len, 0);
        strbuf_free(&out);
        free(copy);
    }
    struct strbuf out = STRBUF_INIT;
    assert_false(crypto_base64_decode(&out, "AA\0A", 4));
    strbuf_free(&out);
}

/* Every byte value at every place of a group, through both alphabets and back. */
static void base64_there_and_back(void **state)
{
    (void)state;
    for (size_t len = 0; len < 100; len++) {
        for (unsigned start = 0; start < 256; start++) {
            struct strbuf text = STRBUF_INIT, again = STRBUF_INIT;
            uint8_t data[100], back[100];
            char url[140];
            for (size_t i = 0; i < len; i++)
                data[i] = (uint8_t)(start + 85 * i);
            crypto_base64(&text, data, len);
            assert_true(crypto_base64_decode(&again, text.data, text.len));
            assert_int_equal(again.len, len);
            assert_memory_equal(again.data, data, len);
            crypto_base64url(url, data, len);
            assert_true(crypto_base64url_decode(back, len, url, strlen(url)));
            assert_memory_equal(back, data, len);
            strbuf_free(&text);
            strbuf_free(&again);
        }
    }
}

static void base64url_decodes_exactly_so_many(void **state)
{
    static const char text[] = "AAECAwQFBgcICQoLDA0ODw"; /* 0 to 15 */
    uint8_t *out = malloc(16);

    (void)state;
    assert_non_null(out);
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = unit_exact_copy(text, len);
        memset(out, 0xff, 16);
        assert_int_equal(crypto_base64url_decode(out, 16, copy, len), len == 22);
        free(copy);
    }
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(out[i], i);
    assert_false(crypto_base64url_decode(out, 15, text, 22));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0ODw==", 24));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0OD=", 22));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0OD ", 22));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0O+w", 22));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0O/w", 22));
    assert_false(crypto_base64url_decode(out, 16, "AAECAwQFBgcICQoLDA0O\0w", 22));
    assert_true(crypto_base64url_decode(out, 16, "-_-_AwQFBgcICQoLDA0ODw", 22));
    assert_hex(out, 4, "fbffbf03");
    free(out);
}

static void equal_compares_length_and_bytes(void **state)
{
    (void)state;
    assert_true(crypto_equal("", 0, "", 0));
    assert_true(crypto_equal("secret", 6, "secret", 6));
    assert_false(crypto_equal("secret", 6, "secreT", 6));
    assert_false(crypto_equal("secret", 6, "secre", 5));
    assert_false(crypto_equal("secre", 5, "secret", 6));
    assert_false(crypto_equal("", 0, "x", 1));
    assert_false(crypto_equal("a\0b", 3, "a\0c", 3));
}

static void random_bytes_differ(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};

    (void)state;
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha1_vectors),
        cmocka_unit_test(base64_appends),
        cmocka_unit_test(base64url_fits_its_size),
        cmocka_unit_test(base64_alphabets),
        cmocka_unit_test(base64_decodes),
        cmocka_unit_test(what_is_no_base64),
        cmocka_unit_test(base64_there_and_back),
        cmocka_unit_test(base64url_decodes_exactly_so_many),
        cmocka_unit_test(equal_compares_length_and_bytes),
        cmocka_unit_test(random_bytes_differ),
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
