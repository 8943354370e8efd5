/*
 * strbuf.h - bytes that grow while they are put together.
 *
 * Owned by whoever declares it, no locks. When memory is out the buffer becomes `failed`: further
 * appends do nothing, and the caller asks once at the end instead of after every call.
 */
#ifndef STENTOR_BASE_STRBUF_H
#define STENTOR_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"

struct strbuf {
    char *data; /* not NUL-terminated; see strbuf_cstr */
    size_t len;
    size_t cap;
    bool failed;
};

/* clang-format off */
#define STRBUF_INIT {NULL, 0, 0, false}
/* clang-format on */

/* Frees the bytes; the buffer is empty, usable and not failed afterwards. */
void strbuf_free(struct strbuf *buf);

/* Empties the buffer and keeps its memory. */
void strbuf_clear(struct strbuf *buf);

/* Room for `extra` more bytes; false (and failed) when there is none. */
bool strbuf_reserve(struct strbuf *buf, size_t extra);

void strbuf_append(struct strbuf *buf, const void *data, size_t len);
void strbuf_append_char(struct strbuf *buf, char c);
void strbuf_append_str(struct strbuf *buf, const char *str);
void strbuf_printf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args);

/* Drops the first `len` bytes. */
void strbuf_consume(struct strbuf *buf, size_t len);

/* The content with a NUL behind it; "" when the buffer failed. Valid until the next change. */
const char *strbuf_cstr(struct strbuf *buf);

#endif
