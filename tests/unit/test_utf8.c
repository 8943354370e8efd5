#include "unit.h"

#include "stentor/base/utf8.h"
#include "utf8_reference.h"

static size_t encode(uint8_t out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static void every_code_point(void **state)
{
    uint8_t bytes[4];

    (void)state;
    for (uint32_t c = 0; c < 0x110400; c++) {
        size_t len = encode(bytes, c);
        bool expected = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (utf8_valid(bytes, len) != expected)
            fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < len; cut++)
            assert_false(utf8_valid(bytes, cut)); /* no part of a character is valid */
    }
}

static void every_sequence_of_three_bytes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        uint8_t bytes[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        if (utf8_valid(bytes, 3) != reference_valid(bytes, 3))
            fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
    }
}

/* The bytes on both sides of each boundary, in all combinations of four. */
static void every_boundary_in_four_bytes(void **state)
{
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                    0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
                                    0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfe, 0xff};
    size_t n = ARRAY_LEN(edges);

    (void)state;
    for (size_t i = 0; i < n * n * n * n; i++) {
        uint8_t bytes[4] = {edges[i / n / n / n], edges[i / n / n % n], edges[i / n % n],
                            edges[i % n]};
        if (utf8_valid(bytes, 4) != reference_valid(bytes, 4))
            fail_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
}

static const struct {
    const char *text;
    bool valid;
} samples[] = {
    {"", true},
    {"plain", true},
    {"exactly8", true},
    {"more than eight plain characters in a row", true},
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true},
    {"Gr\xc3\xbc\xc3\x9f"
     "e aus M\xc3\xbcnchen \xf0\x9f\x93\xa3",
     true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xef\xbf\xbe\xef\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false},
    {"\xed\xa0\x80", false},
    {"\xed\xbf\xbf", false},
    {"\xc0\x80", false},
    {"\xc1\xbf", false},
    {"\xe0\x80\xaf", false},
    {"\xe0\x9f\xbf", false},
    {"\xf0\x80\x80\xaf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf5\x80\x80\x80", false},
    {"\xf8\x88\x80\x80\x80", false},
    {"\xff", false},
    {"\xfe", false},
    {"\x80", false},
    {"a\xbf", false},
    {"12345678\xc3", false},
    {"\xe2\x82", false},
    {"\xf0\x9f\x93", false},
    {"\xc3(", false},
    {"\xe2(\xa1", false},
    {"\xe2\x82(", false},
    {"\xc3\xa4 and then \xf0\x9f\x93 cut", false},
};

static void samples_in_one_piece(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        size_t len = strlen(samples[i].text);
        uint8_t *copy = unit_exact_copy(samples[i].text, len);
        assert_int_equal(reference_valid(copy, len), samples[i].valid);
        if (utf8_valid(copy, len) != samples[i].valid)
            fail_msg("sample %zu", i);
        free(copy);
    }
}

/* Cut in three pieces at every two positions. */
static void samples_split_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const char *text = samples[i].text;
        size_t len = strlen(text);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                struct utf8_state utf8 = {0};
                bool ok = utf8_feed(&utf8, text, a) && utf8_feed(&utf8, text + a, b - a) &&
                          utf8_feed(&utf8, text + b, len - b) && utf8_complete(&utf8);
                if (ok != samples[i].valid)
                    fail_msg("sample %zu cut at %zu and %zu", i, a, b);
            }
        }
    }
}

/* An error must be seen at the first byte that makes it certain, not at the character's end. */
static void error_is_seen_at_once(void **state)
{
    static const char *const hopeless[] = {"\xc0",     "\xc1",     "\xe0\x9f", "\xed\xa0",
                                           "\xf0\x8f", "\xf4\x90", "\xf5",     "\x80"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hopeless); i++) {
        struct utf8_state utf8 = {0};
        size_t len = strlen(hopeless[i]);
        assert_true(utf8_feed(&utf8, hopeless[i], len - 1));
        assert_false(utf8_feed(&utf8, hopeless[i] + len - 1, 1));
    }
}

/* Plain runs are skipped eight bytes at a time: a bad byte at every place near such a step. */
static void bad_byte_at_every_offset(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t bad = 0; bad < len; bad++) {
            char *text = malloc(len);
            assert_non_null(text);
            memset(text, 'a', len);
            assert_true(utf8_valid(text, len));
            text[bad] = (char)0xff;
            assert_false(utf8_valid(text, len));
            free(text);
        }
    }
}

/* What JavaScript's "length" says of a text with every code point. */
static void utf16_length_of_every_code_point(void **state)
{
    uint8_t bytes[4];

    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        size_t len = encode(bytes, c), units = c >= 0x10000 ? 2 : 1;
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        if (utf8_utf16_length((char *)bytes, len) != units)
            fail_msg("U+%04X", c);
        assert_int_equal(utf8_utf16_bytes((char *)bytes, len, 0), 0);
        assert_int_equal(utf8_utf16_bytes((char *)bytes, len, units), len);
        assert_int_equal(utf8_utf16_bytes((char *)bytes, len, units + 1), SIZE_MAX);
        if (units == 2)
            assert_int_equal(utf8_utf16_bytes((char *)bytes, len, 1), SIZE_MAX);
    }
}

static void utf16_places(void **state)
{
    /* 1 + 2 + 3 + 4 + 1 bytes, 1 + 1 + 1 + 2 + 1 units */
    static const char text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t bytes[] = {0, 1, 3, 6, SIZE_MAX, 10, 11, SIZE_MAX, SIZE_MAX};
    char *copy = unit_exact_copy(text, strlen(text));

    (void)state;
    assert_int_equal(utf8_utf16_length(copy, strlen(text)), 6);
    for (size_t units = 0; units < ARRAY_LEN(bytes); units++)
        assert_int_equal(utf8_utf16_bytes(copy, strlen(text), units), bytes[units]);
    assert_int_equal(utf8_utf16_bytes(copy, strlen(text), SIZE_MAX), SIZE_MAX);
    assert_int_equal(utf8_utf16_length(copy, 0), 0);
    assert_int_equal(utf8_utf16_bytes(copy, 0, 0), 0);
    assert_int_equal(utf8_utf16_bytes(copy, 0, 1), SIZE_MAX);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_sequence_of_three_bytes),
        cmocka_unit_test(every_boundary_in_four_bytes),
        cmocka_unit_test(samples_in_one_piece),
        cmocka_unit_test(samples_split_everywhere),
        cmocka_unit_test(error_is_seen_at_once),
        cmocka_unit_test(bad_byte_at_every_offset),
        cmocka_unit_test(utf16_length_of_every_code_point),
        cmocka_unit_test(utf16_places),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
