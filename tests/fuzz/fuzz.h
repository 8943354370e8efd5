/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target does not only look for crashes: it states properties that hold for every input.
 */
#ifndef STENTOR_TESTS_FUZZ_FUZZ_H
#define STENTOR_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

/* libFuzzer's entry point, which each target defines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(cond)                                                                         \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy that ends where the data ends, so that a read behind it is seen. */
static inline void *fuzz_copy(const void *data, size_t len)
{
    void *copy = malloc(len > 0 ? len : 1);

    FUZZ_REQUIRE(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* The length of the next piece of an input with `rest` bytes left: 1 to 64 and mostly short,
 * derived from `seed`; with the seed 255 always 1. */
static inline size_t fuzz_piece(uint32_t *seed, size_t rest)
{
    size_t len;

    if (*seed == 255)
        return 1;
    *seed = *seed * 1664525u + 1013904223u;
    len = (*seed >> 24) % 4 == 0 ? 1 + (*seed >> 16) % 64 : 1 + (*seed >> 16) % 4;
    return len < rest ? len : rest;
}

static inline bool fuzz_same(const struct strbuf *a, const struct strbuf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

#endif
