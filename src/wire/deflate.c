#include "stentor/wire/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "stentor/base/json.h"
#include "stentor/wire/http.h"

struct deflater {
    z_stream stream;
};

struct inflater {
    z_stream stream;
};

/* An empty stored block: a sender cuts it off, a receiver puts it back (section 7.2). */
static const uint8_t deflate_tail[4] = {0x00, 0x00, 0xff, 0xff};

struct deflater *deflater_new(int level)
{
    struct deflater *deflater = calloc(1, sizeof(*deflater));

    if (deflater == NULL)
        return NULL;
    if (deflateInit2(&deflater->stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        return NULL;
    }
    return deflater;
}

void deflater_free(struct deflater **slot)
{
    if (*slot == NULL)
        return;
    deflateEnd(&(*slot)->stream);
    free(*slot);
    *slot = NULL;
}

bool deflater_message(struct deflater *deflater, const void *data, size_t len, struct strbuf *out)
{
    z_stream *z = &deflater->stream;
    size_t bound = deflateBound(z, len) + sizeof(deflate_tail) + 16;

    if (!strbuf_reserve(out, bound))
        return false;
    deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    z->next_out = (Bytef *)out->data + out->len;
    z->avail_out = (uInt)bound;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0)
        return false;
    out->len += bound - z->avail_out - sizeof(deflate_tail);
    return true;
}

struct inflater *inflater_new(void)
{
    struct inflater *inflater = calloc(1, sizeof(*inflater));

    if (inflater == NULL)
        return NULL;
    if (inflateInit2(&inflater->stream, -15) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void inflater_free(struct inflater **slot)
{
    if (*slot == NULL)
        return;
    inflateEnd(&(*slot)->stream);
    free(*slot);
    *slot = NULL;
}

/* Inflates what next_in holds until it is used up. */
static int inflate_input(z_stream *z, size_t limit, struct strbuf *out)
{
    int result;

    do {
        size_t room = limit - out->len + 1; /* one more, to notice that it is too much */
        size_t step = room < 16384 ? room : 16384;

        if (!strbuf_reserve(out, step))
            return INFLATE_NO_MEMORY;
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = (uInt)step;
        result = inflate(z, Z_SYNC_FLUSH);
        out->len += step - z->avail_out;
        if (out->len > limit)
            return INFLATE_TOO_BIG;
        if (result == Z_STREAM_END) /* a block marked final: another stream may follow */
            inflateReset(z);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return INFLATE_BAD_DATA;
    } while (z->avail_in > 0 || z->avail_out == 0);
    return 0;
}

int inflater_message(struct inflater *inflater, const void *data, size_t len, size_t max,
                     struct strbuf *out)
{
    z_stream *z = &inflater->stream;
    size_t limit = out->len + max;
    int result;

    inflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    result = len > 0 ? inflate_input(z, limit, out) : 0;
    if (result != 0)
        return result;
    z->next_in = (Bytef *)(uintptr_t)deflate_tail;
    z->avail_in = sizeof(deflate_tail);
    return inflate_input(z, limit, out);
}

/* The next `;`-separated parameter of an offer, trimmed. */
static bool deflate_next_param(struct span *offer, struct span *param)
{
    if (offer->len == 0)
        return false;
    const char *end = memchr(offer->ptr, ';', offer->len);
    size_t len = end != NULL ? (size_t)(end - offer->ptr) : offer->len;
    size_t skip = end != NULL ? len + 1 : len;

    *param = json_trim((struct span){offer->ptr, len});
    offer->ptr += skip;
    offer->len -= skip;
    return true;
}

/* Splits `name=value`; the value may be quoted, or missing (then `value->ptr` is NULL). */
static void deflate_split_param(struct span param, struct span *name, struct span *value)
{
    const char *equals = memchr(param.ptr, '=', param.len);

    *name = param;
    *value = (struct span){NULL, 0};
    if (equals == NULL)
        return;
    *name = json_trim((struct span){param.ptr, (size_t)(equals - param.ptr)});
    *value = json_trim((struct span){equals + 1, param.len - (size_t)(equals + 1 - param.ptr)});
    if (value->len >= 2 && value->ptr[0] == '"' && value->ptr[value->len - 1] == '"') {
        value->ptr++;
        value->len -= 2;
    }
}

/* 8 to 15; 0 for anything else. */
static int deflate_window_bits(struct span value)
{
    if (value.len == 1 && value.ptr[0] >= '8' && value.ptr[0] <= '9')
        return value.ptr[0] - '0';
    if (value.len == 2 && value.ptr[0] == '1' && value.ptr[1] >= '0' && value.ptr[1] <= '5')
        return 10 + value.ptr[1] - '0';
    return 0;
}

enum { SEEN_SERVER_NO = 1, SEEN_CLIENT_NO = 2, SEEN_SERVER_BITS = 4, SEEN_CLIENT_BITS = 8 };

/* Which known parameter it is, if it is well formed (section 7.1); 0 if not. */
static unsigned deflate_param_kind(struct span name, struct span value)
{
    if (http_span_equals(name, "server_no_context_takeover"))
        return value.ptr == NULL ? SEEN_SERVER_NO : 0;
    if (http_span_equals(name, "client_no_context_takeover"))
        return value.ptr == NULL ? SEEN_CLIENT_NO : 0;
    if (http_span_equals(name, "client_max_window_bits"))
        return value.ptr == NULL || deflate_window_bits(value) > 0 ? SEEN_CLIENT_BITS : 0;
    /* A smaller window than zlib's full one would need frames compressed for that client alone. */
    if (http_span_equals(name, "server_max_window_bits"))
        return value.ptr != NULL && deflate_window_bits(value) == 15 ? SEEN_SERVER_BITS : 0;
    return 0;
}

/* Can the offer be served? `*seen` is what it names. */
static bool deflate_offer_ok(struct span offer, unsigned *seen)
{
    struct span param, name, value;

    *seen = 0;
    if (!deflate_next_param(&offer, &param) || !http_span_equals(param, "permessage-deflate"))
        return false;
    while (deflate_next_param(&offer, &param)) {
        deflate_split_param(param, &name, &value);
        unsigned kind = deflate_param_kind(name, value);
        if (kind == 0 || *seen & kind)
            return false;
        *seen |= kind;
    }
    return true;
}

bool deflate_negotiate(const char *offers, size_t len, struct strbuf *answer)
{
    struct span list = {offers, len}, offer;
    unsigned seen;

    while (http_list_next(&list, &offer)) {
        if (!deflate_offer_ok(offer, &seen))
            continue;
        strbuf_append_str(answer, "permessage-deflate; server_no_context_takeover; "
                                  "client_no_context_takeover");
        if (seen & SEEN_SERVER_BITS)
            strbuf_append_str(answer, "; server_max_window_bits=15");
        return true;
    }
    return false;
}
