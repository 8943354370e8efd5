#include "stentor/wire/packjson.h"

#include <errno.h>
#include <jansson.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

enum { PACKJSON_MAX_DIGITS = 40 }; /* more than any integer of 64 bits and most others have */

/* Two passes over the text, neither of which recurses or goes back: the first counts what is in
 * each array and object, in the order in which they begin. */

struct packjson_counts {
    uint32_t *counts;
    size_t len, cap;
    size_t *open; /* indices of those that have begun and not ended */
    size_t depth, open_cap;
    bool failed;
};

static bool packjson_reserve(void **array, size_t *cap, size_t needed, size_t size)
{
    size_t wanted = *cap > 0 ? *cap * 2 : 16;
    void *grown;

    if (needed <= *cap)
        return true;
    grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = wanted;
    return true;
}

static void packjson_count_open(struct packjson_counts *c)
{
    if (!packjson_reserve((void **)&c->counts, &c->cap, c->len + 1, sizeof(*c->counts)) ||
        !packjson_reserve((void **)&c->open, &c->open_cap, c->depth + 1, sizeof(*c->open))) {
        c->failed = true;
        return;
    }
    c->counts[c->len] = 0;
    c->open[c->depth++] = c->len++;
}

/* Where the string that begins at `p` ends: behind its closing quote. */
static const char *packjson_string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

/* The innermost container has a first element. */
static void packjson_count_first(struct packjson_counts *c)
{
    if (c->depth > 0 && c->counts[c->open[c->depth - 1]] == 0)
        c->counts[c->open[c->depth - 1]] = 1;
}

static void packjson_count(struct packjson_counts *c, struct span json)
{
    const char *p = json.ptr, *end = json.ptr + json.len;

    while (p < end && !c->failed) {
        switch (*p) {
        case '[':
        case '{':
            packjson_count_first(c);
            packjson_count_open(c);
            p++;
            break;
        case ']':
        case '}':
            c->depth -= c->depth > 0;
            p++;
            break;
        case ',':
            if (c->depth > 0)
                c->counts[c->open[c->depth - 1]]++;
            p++;
            break;
        case '"':
            packjson_count_first(c);
            p = packjson_string_end(p, end);
            break;
        default:
            if (*p > ' ' && *p != ':')
                packjson_count_first(c);
            p++;
        }
    }
}

static int packjson_write(void *out, const char *data, size_t len)
{
    strbuf_append(out, data, len);
    return 0;
}

static void packjson_pack_str(msgpack_packer *packer, const char *text, size_t len)
{
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

/* A string with its quotes. */
static void packjson_encode_string(struct strbuf *out, msgpack_packer *packer, struct span raw)
{
    json_t *value;

    if (memchr(raw.ptr, '\\', raw.len) == NULL) {
        packjson_pack_str(packer, raw.ptr + 1, raw.len - 2);
        return;
    }
    value = json_load_text(raw.ptr, raw.len);
    if (value != NULL)
        packjson_pack_str(packer, json_string_value(value), json_string_length(value));
    else
        out->failed = true;
    json_decref(value);
}

/* A number that is longer than it need be, for which the digits' buffer is too short. */
static void packjson_encode_long(struct strbuf *out, msgpack_packer *packer, struct span text)
{
    json_t *value = json_load_text(text.ptr, text.len);

    if (value != NULL)
        msgpack_pack_double(packer, json_number_value(value));
    else
        out->failed = true;
    json_decref(value);
}

static void packjson_encode_number(struct strbuf *out, msgpack_packer *packer, struct span text)
{
    char digits[PACKJSON_MAX_DIGITS + 1];
    bool integer;

    if (text.len > PACKJSON_MAX_DIGITS) {
        packjson_encode_long(out, packer, text);
        return;
    }
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    integer = strpbrk(digits, ".eE") == NULL && strcmp(digits, "-0") != 0;
    errno = 0;
    if (integer && digits[0] == '-') {
        int64_t value = strtoll(digits, NULL, 10);
        if (errno == 0) {
            msgpack_pack_int64(packer, value);
            return;
        }
    } else if (integer) {
        uint64_t value = strtoull(digits, NULL, 10);
        if (errno == 0) {
            msgpack_pack_uint64(packer, value);
            return;
        }
    }
    msgpack_pack_double(packer, strtod(digits, NULL));
}

static const char *packjson_encode_scalar(struct strbuf *out, msgpack_packer *packer, const char *p,
                                          const char *end)
{
    const char *start = p;

    while (p < end && strchr(",]} \t\r\n:", *p) == NULL)
        p++;
    if (*start == 't')
        msgpack_pack_true(packer);
    else if (*start == 'f')
        msgpack_pack_false(packer);
    else if (*start == 'n')
        msgpack_pack_nil(packer);
    else
        packjson_encode_number(out, packer, (struct span){start, (size_t)(p - start)});
    return p > start ? p : p + 1; /* never stands still, whatever the text is */
}

/* The number of the attachment that is meant; `count` when there is no such attachment. */
static size_t packjson_attachment_index(struct span num, size_t count)
{
    double value = -1;

    if (num.ptr[0] == '-' || (num.ptr[0] >= '0' && num.ptr[0] <= '9'))
        value = strtod(num.ptr, NULL); /* what ends it is in the text: the object's brace at last */
    return value >= 0 && value < (double)count && value == (double)(size_t)value ? (size_t)value
                                                                                 : count;
}

/* If the object at `p` is a placeholder: which attachment it stands for, and where it ends. None
 * holds arrays or objects; to look behind those would take a time that grows with the depth. */
static const char *packjson_placeholder(const char *p, const char *end, size_t count, size_t *index)
{
    const char *close = p + 1;
    struct span mark, num;

    if (count == 0)
        return NULL;
    while (close < end && *close != '}' && *close != '{' && *close != '[')
        close = *close == '"' ? packjson_string_end(close, end) : close + 1;
    if (close == end || *close != '}')
        return NULL;
    struct span object = {p, (size_t)(close + 1 - p)};
    if (!json_object_find(object, "_placeholder", &mark) || mark.len != 4 || mark.ptr[0] != 't' ||
        !json_object_find(object, "num", &num))
        return NULL;
    *index = packjson_attachment_index(num, count);
    return *index < count ? close + 1 : NULL;
}

struct packjson_encoder {
    struct strbuf *out;
    msgpack_packer packer;
    const uint32_t *counts; /* of the container that begins next */
    struct refbuf *const *attachments;
    size_t attachment_count;
};

/* Begins an object; or writes the attachment that it stands for. */
static const char *packjson_encode_object(struct packjson_encoder *encoder, const char *p,
                                          const char *end)
{
    size_t index;
    const char *behind = packjson_placeholder(p, end, encoder->attachment_count, &index);
    uint32_t count = *encoder->counts++;

    if (behind == NULL) {
        msgpack_pack_map(&encoder->packer, count);
        return p + 1;
    }
    msgpack_pack_bin(&encoder->packer, encoder->attachments[index]->len);
    msgpack_pack_bin_body(&encoder->packer, encoder->attachments[index]->data,
                          encoder->attachments[index]->len);
    return behind;
}

static void packjson_encode_tokens(struct packjson_encoder *encoder, struct span json)
{
    const char *p = json.ptr, *end = json.ptr + json.len;

    while (p < end) {
        const char *start = p;

        switch (*p) {
        case '[':
            msgpack_pack_array(&encoder->packer, *encoder->counts++);
            p++;
            break;
        case '{':
            p = packjson_encode_object(encoder, p, end);
            break;
        case '"':
            p = packjson_string_end(p, end);
            packjson_encode_string(encoder->out, &encoder->packer,
                                   (struct span){start, (size_t)(p - start)});
            break;
        case ']':
        case '}':
        case ',':
        case ':':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            p++;
            break;
        default:
            p = packjson_encode_scalar(encoder->out, &encoder->packer, p, end);
        }
    }
}

void packjson_encode(struct strbuf *out, struct span json, struct refbuf *const *attachments,
                     size_t attachment_count)
{
    struct packjson_counts counts = {0};
    struct packjson_encoder encoder = {
        .out = out,
        .attachments = attachments,
        .attachment_count = attachment_count,
    };

    packjson_count(&counts, json);
    encoder.counts = counts.counts;
    msgpack_packer_init(&encoder.packer, out, packjson_write);
    if (counts.failed)
        out->failed = true;
    else
        packjson_encode_tokens(&encoder, json);
    free(counts.counts);
    free(counts.open);
}
