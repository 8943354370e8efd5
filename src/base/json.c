#include "stentor/base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t json_load_flags(void)
{
    return JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
}

/* jansson overlooks a NUL character behind a number or a keyword, while clients' parsers stop
 * there. JSON has none anywhere. */
static const char *json_nul(const char *text, size_t len)
{
    return len > 0 ? memchr(text, '\0', len) : NULL;
}

struct json_t *json_load_text(const char *text, size_t len)
{
    return json_nul(text, len) == NULL ? json_loadb(text, len, json_load_flags(), NULL) : NULL;
}

bool json_text_valid(const char *text, size_t len, char error[JSON_MAX_ERROR])
{
    const char *nul = json_nul(text, len);
    json_error_t where;
    json_t *value;

    if (nul != NULL) {
        snprintf(error, JSON_MAX_ERROR, "byte %zu is a NUL character", (size_t)(nul - text) + 1);
        return false;
    }
    value = json_loadb(text, len, json_load_flags(), &where);
    if (value == NULL) {
        snprintf(error, JSON_MAX_ERROR, "line %d column %d: %.90s", where.line, where.column,
                 where.text);
        return false;
    }
    json_decref(value);
    return true;
}

static bool json_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && json_is_space(*p))
        p++;
    return p;
}

struct span json_trim(struct span text)
{
    const char *end = text.ptr + text.len;
    const char *p = json_skip_space(text.ptr, end);

    while (end > p && json_is_space(end[-1]))
        end--;
    return (struct span){p, (size_t)(end - p)};
}

/* `p` stands behind the opening quote; the result behind the closing one. */
static const char *json_skip_string(const char *p, const char *end)
{
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return p < end ? p + 1 : end;
}

static const char *json_skip_scalar(const char *p, const char *end)
{
    while (p < end && !json_is_space(*p) && *p != ',' && *p != ']' && *p != '}' && *p != ':')
        p++;
    return p;
}

/* Behind the value that begins at `p`. Nesting is counted, not recursed into. */
static const char *json_skip_value(const char *p, const char *end)
{
    size_t depth = 0;

    do {
        if (p >= end)
            return end;
        if (*p == '"') {
            p = json_skip_string(p + 1, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (*p == ',' || *p == ':' || json_is_space(*p)) {
            p++;
        } else {
            p = json_skip_scalar(p, end);
        }
    } while (depth > 0);
    return p;
}

bool json_array_next(struct span array, size_t *pos, struct span *element)
{
    const char *end = array.ptr + array.len;
    const char *p = array.ptr + *pos;

    if (*pos == 0)
        p = json_skip_space(p, end) + 1; /* the bracket */
    p = json_skip_space(p, end);
    if (p < end && *p == ',')
        p = json_skip_space(p + 1, end);
    if (p >= end || *p == ']')
        return false;
    element->ptr = p;
    p = json_skip_value(p, end);
    element->len = (size_t)(p - element->ptr);
    *pos = (size_t)(p - array.ptr);
    return true;
}

/* The ASCII character that the four hex digits at `p` stand for; NUL for any other. */
static char json_escaped_ascii(const char *p)
{
    char digits[5] = {p[0], p[1], p[2], p[3], '\0'};
    unsigned long value = strtoul(digits, NULL, 16);

    return value < 0x80 ? (char)value : '\0';
}

/* Is the raw text of a member's name `name`? Names that differ in their escapes alone are equal:
 * all readers of the object must find the same member. */
static bool json_name_equals(struct span raw, const char *name)
{
    size_t i = 0;

    for (; i < raw.len && *name != '\0'; name++) {
        char c = raw.ptr[i++];

        if (c == '\\' && i < raw.len) {
            c = raw.ptr[i++];
            if (c == 'u' && raw.len - i >= 4) {
                c = json_escaped_ascii(raw.ptr + i);
                i += 4;
            } else if (c != '"' && c != '\\' && c != '/') {
                return false; /* a control character */
            }
        }
        if (c != *name)
            return false;
    }
    return i == raw.len && *name == '\0';
}

bool json_object_next(struct span object, size_t *pos, struct span *name, struct span *value)
{
    const char *end = object.ptr + object.len;
    const char *p = object.ptr + *pos;

    if (*pos == 0)
        p = json_skip_space(p, end) + 1; /* the brace */
    p = json_skip_space(p, end);
    if (p < end && *p == ',')
        p = json_skip_space(p + 1, end);
    if (p >= end || *p != '"')
        return false;
    name->ptr = p;
    p = json_skip_string(p + 1, end);
    name->len = (size_t)(p - name->ptr);
    p = json_skip_space(p, end) + 1; /* the colon */
    value->ptr = json_skip_space(p, end);
    p = json_skip_value(value->ptr, end);
    value->len = (size_t)(p - value->ptr);
    *pos = (size_t)(p - object.ptr);
    return true;
}

bool json_object_find(struct span object, const char *name, struct span *value)
{
    struct span raw, member;
    bool found = false;
    size_t pos = 0;

    while (json_object_next(object, &pos, &raw, &member)) {
        if (json_name_equals((struct span){raw.ptr + 1, raw.len - 2}, name)) {
            *value = member;
            found = true; /* of members with one name the last one counts, as in JSON.parse */
        }
    }
    return found;
}

void json_append_string(struct strbuf *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0;

    strbuf_append_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        strbuf_append(out, text + plain, i - plain);
        if (c < 0x20)
            strbuf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        else
            strbuf_append(out, (char[]){'\\', (char)c}, 2);
        plain = i + 1;
    }
    if (plain < len)
        strbuf_append(out, text + plain, len - plain);
    strbuf_append_char(out, '"');
}
