/*
 * HTTP messages. The first byte chooses kind and limits, the second where the rest is cut. The rest
 * is a row of messages; in one piece and in pieces they are the same, up to the first that fails.
 * (Which of two mistakes is reported first may depend on the cut.)
 */
#include "fuzz.h"

#include "stentor/base/utf8.h"
#include "stentor/wire/http.h"

struct message {
    struct http_message msg;
    enum http_result result;
    size_t used;
    size_t head_used;
};

/* `seed` 0: in one piece. */
static void read_message(struct message *m, enum http_kind kind, const struct http_limits *limits,
                         const uint8_t *data, size_t len, uint32_t seed)
{
    bool in_pieces = seed != 0;

    memset(m, 0, sizeof(*m));
    http_message_init(&m->msg, kind, limits);
    do {
        size_t rest = len - m->used, used = 0;
        size_t piece = in_pieces && rest > 0 ? fuzz_piece(&seed, rest) : rest;
        uint8_t *copy = fuzz_copy(data + m->used, piece);
        m->result = http_message_feed(&m->msg, copy, piece, &used);
        free(copy);
        FUZZ_REQUIRE(used <= piece);
        FUZZ_REQUIRE(m->result != HTTP_MORE || used == piece);
        m->used += used;
        if (m->result == HTTP_HEAD_DONE)
            m->head_used = m->used;
    } while (m->result == HTTP_HEAD_DONE || (m->result == HTTP_MORE && m->used < len));
}

static void check_target(const struct http_message *msg)
{
    struct span path, query, name, value;
    struct strbuf out = STRBUF_INIT;

    http_split_target(msg, &path, &query);
    if (path.len > 0 && http_decode(path, false, &out))
        FUZZ_REQUIRE(utf8_valid(out.data, out.len));
    while (http_query_next(&query, &name, &value)) {
        strbuf_clear(&out);
        if (http_decode(value, true, &out))
            FUZZ_REQUIRE(out.len <= value.len);
    }
    strbuf_free(&out);
}

static void check_message(const struct message *m, const struct http_limits *limits)
{
    const struct http_message *msg = &m->msg;
    struct strbuf joined = STRBUF_INIT;
    struct span value;

    FUZZ_REQUIRE(msg->target.len <= limits->target && msg->text.len <= limits->head);
    FUZZ_REQUIRE(msg->body.len <= limits->body && msg->header_count <= HTTP_MAX_HEADERS);
    for (unsigned i = 0; i < msg->header_count; i++)
        FUZZ_REQUIRE(msg->headers[i].value + msg->headers[i].value_len <= msg->text.len);
    FUZZ_REQUIRE(m->result != HTTP_DONE || (m->head_used > 0 && msg->head_done));
    if (m->result == HTTP_FAILED)
        FUZZ_REQUIRE(msg->status >= 400 && msg->error != NULL);
    check_target(msg);
    if (http_header_joined(msg, "connection", &joined))
        FUZZ_REQUIRE(http_header(msg, "connection", &value) && value.len <= joined.len);
    if (http_header_has_token(msg, "connection", "upgrade"))
        FUZZ_REQUIRE(joined.len >= 7);
    (void)http_keep_alive(msg);
    strbuf_free(&joined);
}

static void check_same(const struct message *a, const struct message *b)
{
    FUZZ_REQUIRE(a->result == b->result);
    if (a->result == HTTP_FAILED)
        return;
    FUZZ_REQUIRE(a->used == b->used && a->head_used == b->head_used);
    FUZZ_REQUIRE(fuzz_same(&a->msg.target, &b->msg.target));
    FUZZ_REQUIRE(fuzz_same(&a->msg.text, &b->msg.text));
    FUZZ_REQUIRE(fuzz_same(&a->msg.body, &b->msg.body));
    FUZZ_REQUIRE(a->msg.header_count == b->msg.header_count);
    FUZZ_REQUIRE(memcmp(a->msg.headers, b->msg.headers,
                        a->msg.header_count * sizeof(a->msg.headers[0])) == 0);
    FUZZ_REQUIRE(a->msg.upgrade == b->msg.upgrade && a->msg.head_done == b->msg.head_done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message whole, pieces;
    bool more = true;

    if (size < 2)
        return 0;
    enum http_kind kind = data[0] & 1 ? HTTP_KIND_RESPONSE : HTTP_KIND_REQUEST;
    struct http_limits limits = {4096, 16384, 65536};
    if (data[0] & 2)
        limits = (struct http_limits){16, 64, 16};
    for (size_t pos = 2; more && pos < size; pos += whole.used) {
        read_message(&whole, kind, &limits, data + pos, size - pos, 0);
        read_message(&pieces, kind, &limits, data + pos, size - pos, data[1] + 1u);
        check_message(&whole, &limits);
        check_message(&pieces, &limits);
        check_same(&whole, &pieces);
        if (whole.result == HTTP_MORE)
            FUZZ_REQUIRE(http_message_finish(&whole.msg) == http_message_finish(&pieces.msg));
        more = whole.result == HTTP_DONE && whole.used > 0;
        http_message_free(&whole.msg);
        http_message_free(&pieces.msg);
    }
    return 0;
}
