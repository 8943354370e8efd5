/*
 * unit.h - what every unit test includes: cmocka with the headers that it expects, and the few
 * assertions that it lacks.
 *
 * A test program is one test_MODULE.c with a main() that runs its group.
 */
#ifndef STENTOR_TESTS_UNIT_UNIT_H
#define STENTOR_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

/* The bytes are exactly those of the string. Prints both, which assert_memory_equal does not. */
static inline void unit_equal(const char *file, int line, const void *data, size_t len,
                              const char *expected)
{
    if (len == strlen(expected) && (len == 0 || memcmp(data, expected, len) == 0))
        return;
    print_error("%s:%d: got      \"%.*s\"\n%s:%d: expected \"%s\"\n", file, line, (int)len,
                len > 0 ? (const char *)data : "", file, line, expected);
    _fail(file, line);
}

#define assert_bytes(data, len, expected) unit_equal(__FILE__, __LINE__, data, len, expected)
#define assert_span(span, expected) unit_equal(__FILE__, __LINE__, (span).ptr, (span).len, expected)
#define assert_strbuf(buf, expected)                                                               \
    unit_equal(__FILE__, __LINE__, (buf)->data, (buf)->len, expected)

/* A span of the characters of a string, which may hold NUL characters when it is a literal. */
static inline struct span unit_span(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* Appends the bytes that pairs of hexadecimal digits stand for; spaces between pairs are skipped.
 */
static inline void unit_unhex(struct strbuf *out, const char *hex)
{
    while (*hex != '\0') {
        unsigned byte;
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        strbuf_append_char(out, (char)byte);
        hex += 2;
    }
}

/* The bytes are exactly those of the hexadecimal text. */
static inline void unit_equal_hex(const char *file, int line, const void *data, size_t len,
                                  const char *hex)
{
    struct strbuf expected = STRBUF_INIT, got = STRBUF_INIT;

    unit_unhex(&expected, hex);
    if (len != expected.len || (len > 0 && memcmp(data, expected.data, len) != 0)) {
        for (size_t i = 0; i < len; i++)
            strbuf_printf(&got, "%02x", ((const uint8_t *)data)[i]);
        print_error("%s:%d: got      %s\n%s:%d: expected %s\n", file, line, strbuf_cstr(&got), file,
                    line, hex);
        _fail(file, line);
    }
    strbuf_free(&expected);
    strbuf_free(&got);
}

#define assert_hex(data, len, hex) unit_equal_hex(__FILE__, __LINE__, data, len, hex)

/* A copy on the heap that ends where the data ends, so that sanitizers see a read behind it. */
static inline void *unit_exact_copy(const void *data, size_t len)
{
    void *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* A small generator with a fixed start: tests that use chance must fail again when run again. */
static inline uint32_t unit_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

#endif
