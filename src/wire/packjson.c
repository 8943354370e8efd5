#include "stentor/wire/packjson.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stentor/base/utf8.h"

enum {
    PACKJSON_MAX_NUMBER = 400, /* digits; a longer number is cut to its beginning by strtod, too */
    PACKJSON_EXT_NOTEPACK = 0,
    PACKJSON_EXT_TIMESTAMP = -1,
};

/* --- JSON to MessagePack. Two passes over the text, neither of which recurses or goes back: the
 * first counts what is in each array and object, in the order in which they begin. */

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
    value = json_loadb(raw.ptr, raw.len, json_load_flags(), NULL);
    if (value != NULL)
        packjson_pack_str(packer, json_string_value(value), json_string_length(value));
    else
        out->failed = true;
    json_decref(value);
}

static void packjson_encode_number(msgpack_packer *packer, struct span text)
{
    char digits[PACKJSON_MAX_NUMBER + 1];
    size_t len = text.len < PACKJSON_MAX_NUMBER ? text.len : PACKJSON_MAX_NUMBER;
    bool integer;

    memcpy(digits, text.ptr, len);
    digits[len] = '\0';
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

static const char *packjson_encode_scalar(msgpack_packer *packer, const char *p, const char *end)
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
        packjson_encode_number(packer, (struct span){start, (size_t)(p - start)});
    return p > start ? p : p + 1; /* never stands still, whatever the text is */
}

/* If the object at `p` is a placeholder: which attachment it stands for, and where it ends. */
static const char *packjson_placeholder(const char *p, const char *end, size_t count, size_t *index)
{
    const char *close = p + 1;
    struct span mark, num;

    while (close < end && *close != '}' && *close != '{' && *close != '[')
        close++;
    if (count == 0 || close == end || *close != '}')
        return NULL;
    struct span object = {p, (size_t)(close + 1 - p)};
    if (!json_object_find(object, "_placeholder", &mark) || mark.len != 4 || mark.ptr[0] != 't' ||
        !json_object_find(object, "num", &num))
        return NULL;
    *index = num.ptr[0] >= '0' && num.ptr[0] <= '9' ? strtoul(num.ptr, NULL, 10) : count;
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
            p = packjson_encode_scalar(&encoder->packer, p, end);
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

/* --- MessagePack to JSON. msgpack-c bounds the depth, so this may recurse. */

static bool packjson_decode_value(struct packjson *decoded, const msgpack_object *object,
                                  const char **error);

static void packjson_decode_double(struct strbuf *json, double value)
{
    char text[32];

    if (!isfinite(value)) {
        strbuf_append_str(json, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* as few as say the same number */
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    strbuf_append_str(json, text);
}

static bool packjson_decode_string(struct packjson *decoded, const char *text, size_t len,
                                   const char **error)
{
    *error = "a text is not UTF-8";
    if (!utf8_valid(text, len))
        return false;
    json_append_string(&decoded->json, text, len);
    return true;
}

static bool packjson_decode_binary(struct packjson *decoded, const char *data, size_t len,
                                   const char **error)
{
    struct refbuf *attachment;

    *error = "there are more than 10 binary values";
    if (decoded->attachment_count == PACKJSON_MAX_ATTACHMENTS)
        return false;
    attachment = refbuf_copy(data, len);
    if (attachment == NULL) {
        decoded->json.failed = true;
        return true;
    }
    strbuf_printf(&decoded->json, "{\"_placeholder\":true,\"num\":%zu}", decoded->attachment_count);
    decoded->attachments[decoded->attachment_count++] = attachment;
    return true;
}

/* ISO 8601 with milliseconds, as JavaScript writes a Date. */
static bool packjson_decode_date(struct strbuf *json, int64_t ms, const char **error)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    time_t time = (time_t)seconds;
    struct tm tm;

    *error = "a date is out of range";
    if (gmtime_r(&time, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
        return false;
    strbuf_printf(json, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - seconds * 1000));
    return true;
}

static uint64_t packjson_big_endian(const char *data, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | (uint8_t)data[i];
    return value;
}

/* The timestamp extension: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; or 32 and 64.
 */
static bool packjson_decode_timestamp(struct strbuf *json, const msgpack_object_ext *ext,
                                      const char **error)
{
    uint64_t first = packjson_big_endian(ext->ptr, ext->size < 8 ? ext->size : 8);

    *error = "a timestamp is malformed";
    if (ext->size == 4)
        return packjson_decode_date(json, (int64_t)first * 1000, error);
    if (ext->size == 8)
        return packjson_decode_date(
            json, (int64_t)((first & 0x3ffffffffULL) * 1000 + (first >> 34) / 1000000), error);
    if (ext->size != 12)
        return false;
    int64_t seconds = (int64_t)packjson_big_endian(ext->ptr + 4, 8);
    *error = "a date is out of range";
    if (seconds < -100000000000 || seconds > 1000000000000)
        return false;
    return packjson_decode_date(
        json, seconds * 1000 + (int64_t)(packjson_big_endian(ext->ptr, 4) / 1000000), error);
}

/* notepack, the library of socket.io-msgpack-parser, gives type 0 three meanings, which the prefix
 * byte tells apart: two bytes before the data stands fixext 1, fixext 8 or a length. */
static bool packjson_decode_notepack(struct packjson *decoded, const msgpack_object_ext *ext,
                                     const char **error)
{
    enum { FIXEXT_1 = 0xd4, FIXEXT_8 = 0xd7 };
    uint8_t prefix = (uint8_t)ext->ptr[-2];

    if (ext->size == 1 && prefix == FIXEXT_1) {
        strbuf_append_str(&decoded->json, "null");
        return true;
    }
    if (ext->size == 8 && prefix == FIXEXT_8) {
        int64_t ms = (int64_t)packjson_big_endian(ext->ptr, 8);

        *error = "a date is out of range";
        return ms > -100000000000000 && ms < 1000000000000000 &&
               packjson_decode_date(&decoded->json, ms, error);
    }
    return packjson_decode_binary(decoded, ext->ptr, ext->size, error);
}

static bool packjson_decode_array(struct packjson *decoded, const msgpack_object_array *array,
                                  const char **error)
{
    strbuf_append_char(&decoded->json, '[');
    for (uint32_t i = 0; i < array->size; i++) {
        if (i > 0)
            strbuf_append_char(&decoded->json, ',');
        if (!packjson_decode_value(decoded, &array->ptr[i], error))
            return false;
    }
    strbuf_append_char(&decoded->json, ']');
    return true;
}

static bool packjson_decode_name(struct packjson *decoded, const msgpack_object *name,
                                 const char **error)
{
    if (name->type == MSGPACK_OBJECT_STR)
        return packjson_decode_string(decoded, name->via.str.ptr, name->via.str.size, error);
    *error = "a map has a key that is neither a text nor an integer";
    if (name->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        strbuf_printf(&decoded->json, "\"%" PRIu64 "\"", name->via.u64);
    else if (name->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        strbuf_printf(&decoded->json, "\"%" PRId64 "\"", name->via.i64);
    else
        return false;
    return true;
}

static bool packjson_decode_map(struct packjson *decoded, const msgpack_object_map *map,
                                const char **error)
{
    strbuf_append_char(&decoded->json, '{');
    for (uint32_t i = 0; i < map->size; i++) {
        if (i > 0)
            strbuf_append_char(&decoded->json, ',');
        if (!packjson_decode_name(decoded, &map->ptr[i].key, error))
            return false;
        strbuf_append_char(&decoded->json, ':');
        if (!packjson_decode_value(decoded, &map->ptr[i].val, error))
            return false;
    }
    strbuf_append_char(&decoded->json, '}');
    return true;
}

static bool packjson_decode_value(struct packjson *decoded, const msgpack_object *object,
                                  const char **error)
{
    struct strbuf *json = &decoded->json;

    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        strbuf_append_str(json, "null");
        return true;
    case MSGPACK_OBJECT_BOOLEAN:
        strbuf_append_str(json, object->via.boolean ? "true" : "false");
        return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        strbuf_printf(json, "%" PRIu64, object->via.u64);
        return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        strbuf_printf(json, "%" PRId64, object->via.i64);
        return true;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        packjson_decode_double(json, object->via.f64);
        return true;
    case MSGPACK_OBJECT_STR:
        return packjson_decode_string(decoded, object->via.str.ptr, object->via.str.size, error);
    case MSGPACK_OBJECT_BIN:
        return packjson_decode_binary(decoded, object->via.bin.ptr, object->via.bin.size, error);
    case MSGPACK_OBJECT_ARRAY:
        return packjson_decode_array(decoded, &object->via.array, error);
    case MSGPACK_OBJECT_MAP:
        return packjson_decode_map(decoded, &object->via.map, error);
    case MSGPACK_OBJECT_EXT:
        *error = "an extension type has no equivalent in JSON";
        if (object->via.ext.type == PACKJSON_EXT_NOTEPACK)
            return packjson_decode_notepack(decoded, &object->via.ext, error);
        return object->via.ext.type == PACKJSON_EXT_TIMESTAMP &&
               packjson_decode_timestamp(json, &object->via.ext, error);
    }
    *error = "a value is of no known type";
    return false;
}

/* A sentence for what the unpacker returned; NULL for success. */
static const char *packjson_unpack_error(msgpack_unpack_return result)
{
    switch (result) {
    case MSGPACK_UNPACK_SUCCESS:
        return NULL;
    case MSGPACK_UNPACK_EXTRA_BYTES:
        return "there are bytes behind the value";
    case MSGPACK_UNPACK_CONTINUE:
        return "the value is cut off";
    case MSGPACK_UNPACK_NOMEM_ERROR:
        return "the value is nested deeper than 31 levels, or there is no memory for it";
    case MSGPACK_UNPACK_PARSE_ERROR:
        break;
    }
    return "it is not MessagePack";
}

bool packjson_decode(struct packjson *decoded, const void *data, size_t len, const char **error)
{
    msgpack_unpacked unpacked;
    size_t used = 0;
    bool good;

    memset(decoded, 0, sizeof(*decoded));
    msgpack_unpacked_init(&unpacked);
    *error = packjson_unpack_error(msgpack_unpack_next(&unpacked, data, len, &used));
    if (*error == NULL && used != len)
        *error = packjson_unpack_error(MSGPACK_UNPACK_EXTRA_BYTES);
    good = *error == NULL && packjson_decode_value(decoded, &unpacked.data, error);
    msgpack_unpacked_destroy(&unpacked);
    if (good && decoded->json.failed) {
        *error = "there is no memory for it";
        good = false;
    }
    return good;
}

void packjson_free(struct packjson *decoded)
{
    strbuf_free(&decoded->json);
    for (size_t i = 0; i < decoded->attachment_count; i++)
        refbuf_unref(&decoded->attachments[i]);
    decoded->attachment_count = 0;
}
