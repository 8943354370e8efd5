#define _GNU_SOURCE /* memmem */
#include "payload.h"

#include <stdio.h>
#include <string.h>

/* The longest text that payload_append begins with: two numbers of 20 digits. */
enum { PAYLOAD_MAX_HEAD = 64 };

static size_t payload_head(char head[PAYLOAD_MAX_HEAD], uint64_t n, uint64_t t)
{
    return (size_t)snprintf(head, PAYLOAD_MAX_HEAD, "{\"n\":%llu,\"t\":%llu", (unsigned long long)n,
                            (unsigned long long)t);
}

size_t payload_min_size(uint64_t n, uint64_t t)
{
    char head[PAYLOAD_MAX_HEAD];

    return payload_head(head, n, t) + 1;
}

static void payload_fill(struct strbuf *out, char c, size_t len)
{
    if (!strbuf_reserve(out, len))
        return;
    memset(out->data + out->len, c, len);
    out->len += len;
}

void payload_append(struct strbuf *out, uint64_t n, uint64_t t, size_t size)
{
    static const char member[] = ",\"p\":\"";
    char head[PAYLOAD_MAX_HEAD];
    size_t head_len = payload_head(head, n, t);
    size_t missing = size > head_len + 1 ? size - head_len - 1 : 0;

    strbuf_append(out, head, head_len);
    if (missing > sizeof(member) - 1) {
        strbuf_append_str(out, member);
        payload_fill(out, 'x', missing - sizeof(member));
        strbuf_append_char(out, '"');
    } else {
        payload_fill(out, ' ', missing); /* too little for a member; white space is JSON too */
    }
    strbuf_append_char(out, '}');
}

void payload_wrap(struct strbuf *out, uint64_t n, uint64_t t, struct span json)
{
    char head[PAYLOAD_MAX_HEAD];
    struct span rest = json_trim(json);
    bool object = rest.len > 0 && rest.ptr[0] == '{';

    strbuf_append(out, head, payload_head(head, n, t));
    if (object) {
        rest = json_trim((struct span){rest.ptr + 1, rest.len - 1});
        if (rest.ptr[0] != '}')
            strbuf_append_char(out, ',');
        strbuf_append(out, rest.ptr, rest.len);
    } else {
        strbuf_append_str(out, ",\"p\":");
        strbuf_append(out, rest.ptr, rest.len);
        strbuf_append_char(out, '}');
    }
}

void payload_append_directed(struct strbuf *out, const struct payload_directed *directed)
{
    strbuf_printf(out, "{\"d\":[%llu,%llu,%llu,%llu,", (unsigned long long)directed->agent,
                  (unsigned long long)directed->n, (unsigned long long)directed->t,
                  (unsigned long long)directed->way);
    json_append_string(out, directed->to.ptr, directed->to.len);
    strbuf_append_char(out, ',');
    json_append_string(out, directed->from.ptr, directed->from.len);
    strbuf_append_str(out, "]}");
}

/* Reads a number at `*p`, behind white space. */
static bool payload_number(const char **p, const char *end, uint64_t *value)
{
    const char *start;

    while (*p < end && **p == ' ')
        (*p)++;
    start = *p;
    for (*value = 0; *p < end && **p >= '0' && **p <= '9'; (*p)++)
        *value = *value * 10 + (uint64_t)(**p - '0');
    return *p > start;
}

static bool payload_skip(const char **p, const char *end, char c)
{
    while (*p < end && **p == ' ')
        (*p)++;
    if (*p == end || **p != c)
        return false;
    (*p)++;
    return true;
}

bool payload_scan(const char *text, size_t len, uint64_t *n, uint64_t *t)
{
    static const char n_name[] = "\"n\":", t_name[] = "\"t\":";
    const char *end = text + len;
    const char *p = memmem(text, len, n_name, sizeof(n_name) - 1);

    if (p == NULL)
        return false;
    p += sizeof(n_name) - 1;
    if (!payload_number(&p, end, n) || !payload_skip(&p, end, ','))
        return false;
    while (p < end && *p == ' ')
        p++;
    if ((size_t)(end - p) < sizeof(t_name) || memcmp(p, t_name, sizeof(t_name) - 1) != 0)
        return false;
    p += sizeof(t_name) - 1;
    return payload_number(&p, end, t);
}

/* Names have no characters that JSON would quote. */
static bool payload_text(const char **p, const char *end, struct span *text)
{
    const char *close;

    if (!payload_skip(p, end, '"'))
        return false;
    close = memchr(*p, '"', (size_t)(end - *p));
    if (close == NULL)
        return false;
    *text = (struct span){*p, (size_t)(close - *p)};
    *p = close + 1;
    return true;
}

bool payload_scan_directed(const char *text, size_t len, struct payload_directed *directed)
{
    static const char name[] = "\"d\":[";
    uint64_t *const numbers[] = {&directed->agent, &directed->n, &directed->t, &directed->way};
    const char *end = text + len;
    const char *p = memmem(text, len, name, sizeof(name) - 1);

    if (p == NULL)
        return false;
    p += sizeof(name) - 1;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!payload_number(&p, end, numbers[i]) || !payload_skip(&p, end, ','))
            return false;
    return payload_text(&p, end, &directed->to) && payload_skip(&p, end, ',') &&
           payload_text(&p, end, &directed->from);
}
