/*
 * payloads.h - what is published: data of a size, or real data from a file, one JSON value a line.
 *
 * Immutable once it is loaded; belongs to its caller.
 */
#ifndef STENTOR_SWARM_PAYLOADS_H
#define STENTOR_SWARM_PAYLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

enum { PAYLOADS_MAX_ERROR = 256 };

struct payloads {
    size_t size;        /* of data that is made up */
    struct strbuf text; /* the file */
    struct span *lines; /* NULL: data is made up */
    size_t count;
};

void payloads_init(struct payloads *payloads, size_t size);
void payloads_free(struct payloads *payloads);

/* False when the file cannot be read, or a line is not JSON; `error` says why. */
bool payloads_load(struct payloads *payloads, const char *file,
                   char error[PAYLOADS_MAX_ERROR]) MUST_CHECK;

/* The same of text that somebody else has loaded. */
bool payloads_take(struct payloads *payloads, struct span text,
                   char error[PAYLOADS_MAX_ERROR]) MUST_CHECK;

/* Appends the data of message `n`, due at `t`. */
void payloads_append(const struct payloads *payloads, struct strbuf *out, uint64_t n, uint64_t t);

#endif
