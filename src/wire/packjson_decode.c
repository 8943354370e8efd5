#include "stentor/wire/packjson.h"

#include <inttypes.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stentor/base/utf8.h"

enum {
    PACKJSON_EXT_NOTEPACK = 0,
    PACKJSON_EXT_TIMESTAMP = -1,
    PACKJSON_MAX_NANOSECONDS = 999999999,
};

static uint64_t packjson_big_endian(const char *data, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | (uint8_t)data[i];
    return value;
}

/* --- msgpack-c takes memory for all elements that an array or a map claims before it reads any of
 * them: fifteen bytes can make it ask for gigabytes. So it gets only what is whole. */

/* What follows a byte from 0xc0 to 0xdf. */
struct packjson_form {
    uint8_t count;    /* bytes of a big-endian number */
    uint8_t bytes;    /* bytes behind it, whatever the number is */
    uint8_t elements; /* elements for each that the number counts; 0: it counts bytes */
};

static const struct packjson_form packjson_forms[] = {
    {0, 0, 0},  {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, /* nil, never used, false, true */
    {1, 0, 0},  {2, 0, 0}, {4, 0, 0},            /* bin 8, 16, 32 */
    {1, 1, 0},  {2, 1, 0}, {4, 1, 0},            /* ext 8, 16, 32 */
    {0, 4, 0},  {0, 8, 0},                       /* float 32, 64 */
    {0, 1, 0},  {0, 2, 0}, {0, 4, 0}, {0, 8, 0}, /* uint 8, 16, 32, 64 */
    {0, 1, 0},  {0, 2, 0}, {0, 4, 0}, {0, 8, 0}, /* int 8, 16, 32, 64 */
    {0, 2, 0},  {0, 3, 0}, {0, 5, 0}, {0, 9, 0}, /* fixext 1, 2, 4, 8 */
    {0, 17, 0},                                  /* fixext 16 */
    {1, 0, 0},  {2, 0, 0}, {4, 0, 0},            /* str 8, 16, 32 */
    {2, 0, 1},  {4, 0, 1},                       /* array 16, 32 */
    {2, 0, 2},  {4, 0, 2},                       /* map 16, 32 */
};

/* Skips the head of the value at `*pos`, and its bytes if it has any. False when they are cut off.
 * `*elements` is how many values follow as its elements. */
static bool packjson_skip_head(const char *data, size_t len, size_t *pos, uint64_t *elements)
{
    uint8_t first = (uint8_t)data[(*pos)++];
    struct packjson_form form;
    uint64_t number, bytes;

    *elements = 0;
    if (first < 0x80 || first >= 0xe0) /* an integer of one byte */
        return true;
    if (first < 0xa0) { /* a small map or array */
        *elements = (first & 0x0fu) * (first < 0x90 ? 2 : 1);
        return true;
    }
    form = first < 0xc0 ? (struct packjson_form){0, first & 0x1f, 0} /* a short text */
                        : packjson_forms[first - 0xc0];
    if (form.count > len - *pos)
        return false;
    number = packjson_big_endian(data + *pos, form.count);
    *pos += form.count;
    *elements = number * form.elements;
    bytes = form.bytes + (form.elements == 0 ? number : 0);
    if (bytes > len - *pos)
        return false;
    *pos += (size_t)bytes;
    return true;
}

bool packjson_skip(const void *data, size_t len, size_t *used)
{
    uint64_t due = 1, elements; /* values that are still to come, each a byte at least */

    *used = 0;
    while (due > 0) {
        if (due > len - *used || !packjson_skip_head(data, len, used, &elements))
            return false;
        due += elements - 1;
    }
    return true;
}

/* --- What msgpack-c has read becomes JSON. It bounds the depth, so this may recurse. */

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

/* ISO 8601 with milliseconds, as JavaScript writes a Date; with four digits for the year. */
static bool packjson_decode_date(struct strbuf *json, int64_t seconds, unsigned ms,
                                 const char **error)
{
    static const int64_t first = -62167219200, last = 253402300799; /* the years 0 and 9999 */
    time_t time = (time_t)seconds;
    struct tm tm;

    *error = "a date is out of range";
    if (seconds < first || seconds > last || gmtime_r(&time, &tm) == NULL)
        return false;
    strbuf_printf(json, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
    return true;
}

/* The timestamp extension: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; or 32 and 64.
 */
static bool packjson_decode_timestamp(struct strbuf *json, const msgpack_object_ext *ext,
                                      const char **error)
{
    uint64_t nanoseconds = 0;
    int64_t seconds;

    *error = "a timestamp is malformed";
    if (ext->size == 4) {
        seconds = (int64_t)packjson_big_endian(ext->ptr, 4);
    } else if (ext->size == 8) {
        nanoseconds = packjson_big_endian(ext->ptr, 8) >> 34;
        seconds = (int64_t)(packjson_big_endian(ext->ptr, 8) & 0x3ffffffffULL);
    } else if (ext->size == 12) {
        nanoseconds = packjson_big_endian(ext->ptr, 4);
        seconds = (int64_t)packjson_big_endian(ext->ptr + 4, 8);
    } else {
        return false;
    }
    if (nanoseconds > PACKJSON_MAX_NANOSECONDS)
        return false;
    return packjson_decode_date(json, seconds, (unsigned)(nanoseconds / 1000000), error);
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
        int64_t rest = ms % 1000 + (ms % 1000 < 0 ? 1000 : 0);

        return packjson_decode_date(&decoded->json, ms / 1000 - (ms % 1000 < 0), (unsigned)rest,
                                    error);
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
    switch (name->type) {
    case MSGPACK_OBJECT_STR:
        *error = "a map has a key with a NUL character"; /* which jansson does not read */
        if (name->via.str.size > 0 && memchr(name->via.str.ptr, '\0', name->via.str.size) != NULL)
            return false;
        return packjson_decode_string(decoded, name->via.str.ptr, name->via.str.size, error);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        strbuf_printf(&decoded->json, "\"%" PRIu64 "\"", name->via.u64);
        return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        strbuf_printf(&decoded->json, "\"%" PRId64 "\"", name->via.i64);
        return true;
    default:
        *error = "a map has a key that is neither a text nor an integer";
        return false;
    }
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

/* Reads bytes that are one whole value. */
static bool packjson_unpack(msgpack_unpacked *unpacked, const char *data, size_t len,
                            const char **error)
{
    size_t used = 0;

    switch (msgpack_unpack_next(unpacked, data, len, &used)) {
    case MSGPACK_UNPACK_SUCCESS:
    case MSGPACK_UNPACK_EXTRA_BYTES:
        return true;
    case MSGPACK_UNPACK_NOMEM_ERROR:
        *error = "the value is nested deeper than 32 levels, or there is no memory for it";
        return false;
    case MSGPACK_UNPACK_CONTINUE:
    case MSGPACK_UNPACK_PARSE_ERROR:
        break;
    }
    *error = "it is not MessagePack";
    return false;
}

bool packjson_decode(struct packjson *decoded, const void *data, size_t len, const char **error)
{
    msgpack_unpacked unpacked;
    size_t used;
    bool good;

    memset(decoded, 0, sizeof(*decoded));
    *error = "the value is cut off";
    if (!packjson_skip(data, len, &used))
        return false;
    *error = "there are bytes behind the value";
    if (used < len)
        return false;
    msgpack_unpacked_init(&unpacked);
    good = packjson_unpack(&unpacked, data, len, error) &&
           packjson_decode_value(decoded, &unpacked.data, error);
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
