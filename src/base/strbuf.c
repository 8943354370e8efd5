#include "stentor/base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_free(struct strbuf *buf)
{
    free(buf->data);
    *buf = (struct strbuf)STRBUF_INIT;
}

void strbuf_clear(struct strbuf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool strbuf_reserve(struct strbuf *buf, size_t extra)
{
    size_t need = buf->len + extra;
    size_t cap = buf->cap;
    char *data;

    if (buf->failed || need < extra || need > SIZE_MAX / 2) {
        buf->failed = true;
        return false;
    }
    if (need <= cap)
        return true;
    if (cap == 0)
        cap = 256;
    while (cap < need)
        cap *= 2;
    data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void strbuf_append(struct strbuf *buf, const void *data, size_t len)
{
    if (len == 0 || !strbuf_reserve(buf, len))
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void strbuf_append_char(struct strbuf *buf, char c)
{
    strbuf_append(buf, &c, 1);
}

void strbuf_append_str(struct strbuf *buf, const char *str)
{
    strbuf_append(buf, str, strlen(str));
}

void strbuf_printf(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    strbuf_vprintf(buf, fmt, args);
    va_end(args);
}

void strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args)
{
    size_t room = buf->cap - buf->len;
    va_list again;
    int n;

    if (buf->failed)
        return;
    va_copy(again, args);
    n = vsnprintf(room > 0 ? buf->data + buf->len : NULL, room, fmt, args);
    if (n >= 0 && (size_t)n >= room && strbuf_reserve(buf, (size_t)n + 1))
        vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
    va_end(again);
    if (n >= 0 && !buf->failed)
        buf->len += (size_t)n;
}

void strbuf_consume(struct strbuf *buf, size_t len)
{
    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->data, buf->data + len, buf->len);
}

const char *strbuf_cstr(struct strbuf *buf)
{
    if (!strbuf_reserve(buf, 1))
        return "";
    buf->data[buf->len] = '\0';
    return buf->data;
}
