#include "unit.h"

#include "stentor/wire/websocket.h"

static const uint8_t mask_key[4] = {0x37, 0xfa, 0x21, 0x3d};

/* --- Building bytes, also such as no correct peer sends */

enum { FIN = 0x80, RSV1 = 0x40, RSV2 = 0x20, RSV3 = 0x10 };

/* A frame with a given first byte; `extended` bytes of length (0, 2, 8), whatever the length. */
static void add_raw(struct strbuf *out, unsigned first, bool masked, unsigned extended,
                    const void *payload, size_t len)
{
    size_t start;

    strbuf_append_char(out, (char)first);
    strbuf_append_char(out, (char)((masked ? 0x80u : 0u) | (extended == 0   ? (unsigned)len
                                                            : extended == 2 ? 126u
                                                                            : 127u)));
    for (unsigned i = extended; i > 0; i--)
        strbuf_append_char(out, (char)((uint64_t)len >> (8 * (i - 1))));
    if (masked)
        strbuf_append(out, mask_key, 4);
    start = out->len;
    strbuf_append(out, payload, len);
    if (masked)
        ws_mask((uint8_t *)out->data + start, len, mask_key, 0);
}

/* A client's frame in the shortest form. */
static void add(struct strbuf *out, unsigned first, const void *payload, size_t len)
{
    add_raw(out, first, true, len < 126 ? 0 : len < 65536 ? 2 : 8, payload, len);
}

static void add_str(struct strbuf *out, unsigned first, const char *payload)
{
    add(out, first, payload, strlen(payload));
}

/* --- Reading them */

/* Writes "opcode:payload|" for each message; stops with -7 at the payload "stop". */
static int record(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct strbuf *log = arg;

    strbuf_printf(log, "%x:", (unsigned)opcode);
    strbuf_append(log, payload, len);
    strbuf_append_char(log, '|');
    return len == 4 && memcmp(payload, "stop", 4) == 0 ? -7 : 0;
}

static int feed_copy(struct ws_reader *reader, const struct ws_reader_config *config,
                     const void *data, size_t len, struct strbuf *log)
{
    uint8_t *copy = unit_exact_copy(data, len);
    int result = ws_reader_feed(reader, config, copy, len, record, log);

    free(copy);
    return result;
}

/* Reads in pieces that end at `a`, then at `a + step`, and so on. */
static int read_pieces(const struct ws_reader_config *config, const struct strbuf *bytes, size_t a,
                       size_t step, struct strbuf *log)
{
    struct ws_reader reader;
    size_t pos = 0;
    int result = 0;

    strbuf_clear(log);
    ws_reader_init(&reader);
    assert_true(ws_reader_idle(&reader));
    while (pos < bytes->len && result == 0) {
        size_t end = pos == 0 && a > 0 ? a : pos + step;
        end = end < bytes->len ? end : bytes->len;
        result = feed_copy(&reader, config, bytes->data + pos, end - pos, log);
        pos = end;
    }
    ws_reader_free(&reader);
    return result;
}

static const struct ws_reader_config from_client = {.max_message = 1 << 20, .from_client = true};
static const struct ws_reader_config from_server = {.max_message = 1 << 20};

/* Reads the bytes at once, then cut in two at every place, then in steps of every size (for long
 * texts: of some sizes); all must give the result `code` and the messages `log`. */
static void expect_with(const struct ws_reader_config *config, struct strbuf *bytes, int code,
                        const char *expected)
{
    struct strbuf log = STRBUF_INIT;
    size_t stride = bytes->len > 2000 ? bytes->len / 97 : 1;

    assert_int_equal(read_pieces(config, bytes, bytes->len, bytes->len, &log), code);
    assert_strbuf(&log, expected);
    for (size_t i = 1; i < bytes->len; i += stride) {
        assert_int_equal(read_pieces(config, bytes, i, bytes->len, &log), code);
        assert_strbuf(&log, expected);
        assert_int_equal(read_pieces(config, bytes, 0, i, &log), code);
        assert_strbuf(&log, expected);
    }
    strbuf_free(&log);
    strbuf_free(bytes);
}

static void expect(struct strbuf *bytes, int code, const char *expected)
{
    expect_with(&from_client, bytes, code, expected);
}

/* --- Frames (RFC 6455 section 5.2) */

/* The examples of section 5.7. */
static void examples_of_the_standard(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    strbuf_append(&bytes, "\x81\x05Hello", 7);
    expect_with(&from_server, &bytes, 0, "1:Hello|");
    strbuf_append(&bytes, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    expect_with(&from_client, &bytes, 0, "1:Hello|");
    strbuf_append(&bytes, "\x01\x03Hel\x80\x02lo", 9);
    expect_with(&from_server, &bytes, 0, "1:Hello|");
    strbuf_append(&bytes, "\x89\x05Hello", 7);
    expect_with(&from_server, &bytes, 0, "9:Hello|");
    strbuf_append(&bytes, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    expect_with(&from_client, &bytes, 0, "a:Hello|");
}

static void many_frames_in_one_read(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, FIN | WS_TEXT, "one");
    add_str(&bytes, FIN | WS_BINARY, "two");
    add_str(&bytes, FIN | WS_TEXT, "");
    add_str(&bytes, FIN | WS_PING, "");
    add_str(&bytes, FIN | WS_PONG, "p");
    add_str(&bytes, FIN | WS_TEXT, "three");
    expect(&bytes, 0, "1:one|2:two|1:|9:|a:p|1:three|");
}

static void every_length_encoding(void **state)
{
    static const size_t sizes[] = {0,   1,     124,   125,   126,   127,
                                   128, 65534, 65535, 65536, 65537, 100000};
    struct strbuf bytes = STRBUF_INIT, expected = STRBUF_INIT;
    char *payload = malloc(100001);

    (void)state;
    assert_non_null(payload);
    memset(payload, 'y', 100001);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        strbuf_clear(&expected);
        strbuf_append_str(&expected, "2:");
        strbuf_append(&expected, payload, sizes[i]);
        strbuf_append_str(&expected, "|2:end|");
        add(&bytes, FIN | WS_BINARY, payload, sizes[i]);
        add_str(&bytes, FIN | WS_BINARY, "end");
        expect(&bytes, 0, strbuf_cstr(&expected));
    }
    free(payload);
    strbuf_free(&expected);
}

/* "the minimal number of bytes MUST be used to encode the length" */
static void longer_encoding_than_needed(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    char payload[200];

    (void)state;
    memset(payload, 'z', sizeof(payload));
    add_raw(&bytes, FIN | WS_TEXT, true, 2, "abc", 3);
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_raw(&bytes, FIN | WS_TEXT, true, 2, payload, 125);
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_raw(&bytes, FIN | WS_TEXT, true, 8, "abc", 3);
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_raw(&bytes, FIN | WS_TEXT, true, 8, payload, 200);
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_raw(&bytes, FIN | WS_TEXT, true, 2, "", 0);
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
}

static void length_of_64_bits(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    strbuf_append(&bytes, "\x82\xff\x80\0\0\0\0\0\0\0mask", 14); /* the highest bit must be 0 */
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    strbuf_append(&bytes, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 14);
    expect(&bytes, WS_CODE_TOO_BIG, "");
}

static void reserved_bits(void **state)
{
    static const unsigned bits[] = {RSV1, RSV2, RSV3, RSV1 | RSV2 | RSV3};
    static const unsigned opcodes[] = {WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG};
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        for (size_t k = 0; k < ARRAY_LEN(opcodes); k++) {
            add_str(&bytes, FIN | WS_TEXT, "ok");
            add_str(&bytes, FIN | bits[i] | opcodes[k], "");
            expect(&bytes, WS_CODE_PROTOCOL_ERROR, "1:ok|");
        }
    }
}

static void reserved_opcodes(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        bool known = opcode == WS_TEXT || opcode == WS_BINARY || opcode == WS_CLOSE ||
                     opcode == WS_PING || opcode == WS_PONG;
        char expected[] = "x:|";
        expected[0] = "0123456789abcdef"[opcode];
        add_str(&bytes, FIN | opcode, "");
        expect(&bytes, known ? 0 : WS_CODE_PROTOCOL_ERROR, known ? expected : "");
    }
}

/* A client must mask, a server must not (section 5.1). */
static void masking(void **state)
{
    static const unsigned opcodes[] = {WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG};
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
        add_raw(&bytes, FIN | opcodes[i], false, 0, "", 0);
        expect_with(&from_client, &bytes, WS_CODE_PROTOCOL_ERROR, "");
        add_raw(&bytes, FIN | opcodes[i], true, 0, "", 0);
        expect_with(&from_server, &bytes, WS_CODE_PROTOCOL_ERROR, "");
    }
}

static void masking_at_every_offset(void **state)
{
    uint8_t plain[41], work[41];

    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof(plain); len++) {
        for (uint64_t offset = 0; offset < 9; offset++) {
            memcpy(work, plain, sizeof(work));
            ws_mask(work, len, mask_key, offset);
            for (size_t i = 0; i < len; i++)
                assert_int_equal(work[i], plain[i] ^ mask_key[(offset + i) % 4]);
            for (size_t i = len; i < sizeof(work); i++)
                assert_int_equal(work[i], plain[i]);
        }
    }
}

/* --- Fragments and control frames (sections 5.4 and 5.5) */

static void fragments(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, WS_TEXT, "a");
    add_str(&bytes, WS_CONTINUATION, "b");
    add_str(&bytes, FIN | WS_CONTINUATION, "c");
    add_str(&bytes, FIN | WS_BINARY, "d");
    expect(&bytes, 0, "1:abc|2:d|");
    add_str(&bytes, WS_BINARY, ""); /* empty ones at every place */
    add_str(&bytes, WS_CONTINUATION, "");
    add_str(&bytes, FIN | WS_CONTINUATION, "");
    add_str(&bytes, WS_TEXT, "");
    add_str(&bytes, FIN | WS_CONTINUATION, "x");
    add_str(&bytes, WS_TEXT, "y");
    add_str(&bytes, FIN | WS_CONTINUATION, "");
    add_str(&bytes, FIN | WS_TEXT, "z");
    expect(&bytes, 0, "2:|1:x|1:y|1:z|");
}

static void control_frames_between_fragments(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, WS_TEXT, "a");
    add_str(&bytes, FIN | WS_PING, "1");
    add_str(&bytes, WS_CONTINUATION, "b");
    add_str(&bytes, FIN | WS_PONG, "2");
    add_str(&bytes, FIN | WS_PING, "");
    add_str(&bytes, FIN | WS_CONTINUATION, "c");
    expect(&bytes, 0, "9:1|a:2|9:|1:abc|");
    add_str(&bytes, WS_TEXT, "a");
    add_str(&bytes, FIN | WS_CLOSE, "\x03\xe8");
    expect(&bytes, 0, "8:\x03\xe8|");
}

static void wrong_sequences(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, FIN | WS_CONTINUATION, "x"); /* nothing to continue */
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_str(&bytes, WS_CONTINUATION, "x");
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_str(&bytes, FIN | WS_TEXT, "a");
    add_str(&bytes, FIN | WS_CONTINUATION, "x");
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "1:a|");
    add_str(&bytes, WS_TEXT, "a"); /* a new message inside another */
    add_str(&bytes, FIN | WS_TEXT, "x");
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_str(&bytes, WS_TEXT, "a");
    add_str(&bytes, WS_BINARY, "x");
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_str(&bytes, WS_TEXT, "a");
    add_str(&bytes, FIN | WS_CONTINUATION, "b");
    add_str(&bytes, FIN | WS_CONTINUATION, "c");
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "1:ab|");
}

static void control_frames_are_short_and_whole(void **state)
{
    static const unsigned opcodes[] = {WS_CLOSE, WS_PING, WS_PONG};
    struct strbuf bytes = STRBUF_INIT, expected = STRBUF_INIT;
    char payload[126] = {0x03, (char)0xe8};

    (void)state;
    memset(payload + 2, 'p', sizeof(payload) - 2);
    for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
        strbuf_clear(&expected);
        strbuf_printf(&expected, "%x:", opcodes[i]);
        strbuf_append(&expected, payload, 125);
        strbuf_append_char(&expected, '|');
        add(&bytes, FIN | opcodes[i], payload, 125);
        expect(&bytes, 0, strbuf_cstr(&expected));
        add(&bytes, FIN | opcodes[i], payload, 126);
        expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
        add_raw(&bytes, FIN | opcodes[i], true, 2, payload, 5);
        expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
        add(&bytes, opcodes[i], payload, 2); /* in fragments */
        expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    }
    strbuf_free(&expected);
}

/* Control frames don't count as part of a message that would become too big. */
static void control_frames_fit_beside_a_full_message(void **state)
{
    const struct ws_reader_config tiny = {.max_message = 4, .from_client = true};
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, WS_TEXT, "abcd");
    add_str(&bytes, FIN | WS_PING, "a longer ping");
    add_str(&bytes, FIN | WS_CONTINUATION, "");
    expect_with(&tiny, &bytes, 0, "9:a longer ping|1:abcd|");
}

/* --- Text (section 8.1) */

static void bad_utf8(void **state)
{
    static const char *const texts[] = {
        "\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok \xc0\x80", "12345678\xe2\x82"};
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        add_str(&bytes, FIN | WS_TEXT, texts[i]);
        expect(&bytes, WS_CODE_INVALID_DATA, "");
        add_str(&bytes, WS_TEXT, texts[i]);
        add_str(&bytes, FIN | WS_CONTINUATION, "");
        expect(&bytes, WS_CODE_INVALID_DATA, "");
    }
    add_str(&bytes, FIN | WS_BINARY, "\xff");
    expect(&bytes, 0, "2:\xff|");
}

static void character_across_fragments(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, WS_TEXT, "\xf0\x9f");
    add_str(&bytes, FIN | WS_PING, "\xff");
    add_str(&bytes, WS_CONTINUATION, "\x93");
    add_str(&bytes, FIN | WS_CONTINUATION, "\xa3!");
    add_str(&bytes, FIN | WS_TEXT, "next");
    expect(&bytes, 0, "9:\xff|1:\xf0\x9f\x93\xa3!|1:next|");
}

/* An error in the first fragment must not wait for the last one. */
static void bad_utf8_fails_at_once(void **state)
{
    struct strbuf bytes = STRBUF_INIT, log = STRBUF_INIT;
    struct ws_reader reader;

    (void)state;
    add_raw(&bytes, FIN | WS_TEXT, true, 0,
            "ab\xff"
            "cdefgh",
            9);
    ws_reader_init(&reader);
    assert_int_equal(feed_copy(&reader, &from_client, bytes.data, 8, &log), 0);
    assert_int_equal(feed_copy(&reader, &from_client, bytes.data + 8, 1, &log),
                     WS_CODE_INVALID_DATA);
    ws_reader_free(&reader);
    strbuf_free(&bytes);
    strbuf_free(&log);
}

/* --- Closing (section 7.4) */

static void close_codes(void **state)
{
    struct strbuf bytes = STRBUF_INIT, log = STRBUF_INIT;

    (void)state;
    for (int code = 0; code < 65536; code++) {
        bool allowed =
            (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
            (code >= 3000 && code <= 4999);
        uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        strbuf_clear(&bytes);
        add(&bytes, FIN | WS_CLOSE, payload, 2);
        int result = read_pieces(&from_client, &bytes, bytes.len, bytes.len, &log);
        if (result != (allowed ? 0 : WS_CODE_PROTOCOL_ERROR))
            fail_msg("close code %d: %d", code, result);
    }
    strbuf_free(&bytes);
    strbuf_free(&log);
}

static void close_payloads(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, FIN | WS_CLOSE, "");
    expect(&bytes, 0, "8:|");
    add_str(&bytes, FIN | WS_CLOSE, "\x03"); /* half a code */
    expect(&bytes, WS_CODE_PROTOCOL_ERROR, "");
    add_str(&bytes, FIN | WS_CLOSE,
            "\x03\xe9"
            "going away");
    expect(&bytes, 0,
           "8:\x03\xe9"
           "going away|");
    add_str(&bytes, FIN | WS_CLOSE, "\x03\xe9\xe2\x82\xac");
    expect(&bytes, 0, "8:\x03\xe9\xe2\x82\xac|");
    add_str(&bytes, FIN | WS_CLOSE, "\x03\xe9\xe2\x82");
    expect(&bytes, WS_CODE_INVALID_DATA, "");
}

static void close_parse(void **state)
{
    const char *reason = NULL;
    size_t len = 99;

    (void)state;
    assert_int_equal(ws_close_parse((const uint8_t *)"", 0, &reason, &len), WS_CODE_NONE);
    assert_int_equal(len, 0);
    assert_string_equal(reason, "");
    assert_int_equal(ws_close_parse((const uint8_t *)"\x03\xf0", 2, &reason, &len), 1008);
    assert_int_equal(len, 0);
    assert_int_equal(ws_close_parse((const uint8_t *)"\x0f\xa0why", 5, &reason, &len), 4000);
    assert_bytes(reason, len, "why");
}

/* --- Limits and the reader's memory */

static void message_limit(void **state)
{
    const struct ws_reader_config tiny = {.max_message = 4, .from_client = true};
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, FIN | WS_TEXT, "1234");
    add_str(&bytes, FIN | WS_TEXT, "12345");
    expect_with(&tiny, &bytes, WS_CODE_TOO_BIG, "1:1234|");
    add_str(&bytes, WS_TEXT, "12");
    add_str(&bytes, WS_CONTINUATION, "34");
    add_str(&bytes, FIN | WS_CONTINUATION, "");
    add_str(&bytes, WS_TEXT, "12");
    add_str(&bytes, FIN | WS_CONTINUATION, "345");
    expect_with(&tiny, &bytes, WS_CODE_TOO_BIG, "1:1234|");
}

/* The length alone is enough to refuse: no byte of the payload is waited for. */
static void too_big_is_refused_at_the_header(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    strbuf_append(&bytes, "\x82\xff\0\0\0\x01\0\0\0\0mask", 14);
    expect(&bytes, WS_CODE_TOO_BIG, "");
}

static void callback_stops_the_reading(void **state)
{
    struct strbuf bytes = STRBUF_INIT;

    (void)state;
    add_str(&bytes, FIN | WS_TEXT, "a");
    add_str(&bytes, FIN | WS_TEXT, "stop");
    add_str(&bytes, FIN | WS_TEXT, "b");
    expect(&bytes, -7, "1:a|1:stop|");
    add_str(&bytes, WS_TEXT, "st");
    add_str(&bytes, FIN | WS_PING, "stop");
    expect(&bytes, -7, "9:stop|");
    add_str(&bytes, WS_TEXT, "st");
    add_str(&bytes, FIN | WS_CONTINUATION, "op");
    add_str(&bytes, FIN | WS_TEXT, "b");
    expect(&bytes, -7, "1:stop|");
}

/* Idle means exactly: a fresh reader would go on in the same way. */
static void idle_between_messages_only(void **state)
{
    struct strbuf bytes = STRBUF_INIT, log = STRBUF_INIT;
    struct ws_reader reader;
    size_t idle_at[4], idles = 0;

    (void)state;
    ws_reader_init(&reader);
    add_str(&bytes, FIN | WS_TEXT, "one");
    idle_at[0] = bytes.len;
    add_str(&bytes, FIN | WS_PING, "");
    idle_at[1] = bytes.len;
    add_str(&bytes, WS_TEXT, "");
    add_str(&bytes, FIN | WS_PING, "x");
    add_str(&bytes, FIN | WS_CONTINUATION, "");
    idle_at[2] = bytes.len;
    add_str(&bytes, FIN | WS_TEXT, "");
    idle_at[3] = bytes.len;
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(feed_copy(&reader, &from_client, bytes.data + i, 1, &log), 0);
        bool expected = idles < 4 && idle_at[idles] == i + 1;
        assert_int_equal(ws_reader_idle(&reader), expected);
        if (!expected)
            continue;
        idles++;
        ws_reader_free(&reader);
        ws_reader_init(&reader);
    }
    assert_int_equal(idles, 4);
    assert_strbuf(&log, "1:one|9:|9:x|1:|1:|");
    ws_reader_free(&reader);
    strbuf_free(&bytes);
    strbuf_free(&log);
}

/* A whole message is handed out where it was read; nothing is copied. */
static int payload_address(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    (void)opcode;
    (void)len;
    *(const uint8_t **)arg = payload;
    return 0;
}

static void whole_message_is_not_copied(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    const uint8_t *payload = NULL;
    struct ws_reader reader;

    (void)state;
    ws_reader_init(&reader);
    add_str(&bytes, FIN | WS_TEXT, "abc");
    assert_int_equal(ws_reader_feed(&reader, &from_client, (uint8_t *)bytes.data, bytes.len,
                                    payload_address, &payload),
                     0);
    assert_ptr_equal(payload, bytes.data + 6);
    assert_null(reader.message.data);
    ws_reader_free(&reader);
    strbuf_free(&bytes);
}

/* --- permessage-deflate (RFC 7692) */

struct squeeze {
    struct deflater *deflater;
    struct inflater *inflater;
    struct ws_reader_config config;
};

static void squeeze_start(struct squeeze *s, size_t max_message)
{
    s->deflater = deflater_new(6);
    s->inflater = inflater_new();
    s->config = (struct ws_reader_config){max_message, true, s->inflater};
}

static void squeeze_end(struct squeeze *s)
{
    deflater_free(&s->deflater);
    inflater_free(&s->inflater);
}

/* The deflated payload of a text. */
static struct strbuf squeezed(struct squeeze *s, const void *data, size_t len)
{
    struct strbuf out = STRBUF_INIT;

    assert_true(deflater_message(s->deflater, data, len, &out));
    return out;
}

static void deflated_messages(void **state)
{
    struct strbuf bytes = STRBUF_INIT, hello, empty;
    struct squeeze s;

    (void)state;
    squeeze_start(&s, 100);
    hello = squeezed(&s, "Hello", 5);
    empty = squeezed(&s, "", 0);
    add(&bytes, FIN | RSV1 | WS_TEXT, hello.data, hello.len);
    add(&bytes, FIN | RSV1 | WS_BINARY, hello.data, hello.len);
    add_str(&bytes, FIN | WS_TEXT, "plain");
    add(&bytes, FIN | RSV1 | WS_TEXT, empty.data, empty.len);
    add(&bytes, RSV1 | WS_TEXT, hello.data, 3); /* in fragments, RSV1 on the first alone */
    add_str(&bytes, FIN | WS_PING, "!");
    add(&bytes, WS_CONTINUATION, hello.data + 3, 1);
    add(&bytes, FIN | WS_CONTINUATION, hello.data + 4, hello.len - 4);
    add_str(&bytes, WS_TEXT, "pl");
    add_str(&bytes, FIN | WS_CONTINUATION, "ain");
    expect_with(&s.config, &bytes, 0, "1:Hello|2:Hello|1:plain|1:|9:!|1:Hello|1:plain|");
    strbuf_free(&hello);
    strbuf_free(&empty);
    squeeze_end(&s);
}

static void rsv1_where_it_must_not_be(void **state)
{
    static const unsigned opcodes[] = {WS_CLOSE, WS_PING, WS_PONG};
    struct strbuf bytes = STRBUF_INIT, hello;
    struct squeeze s;

    (void)state;
    squeeze_start(&s, 100);
    hello = squeezed(&s, "Hello", 5);
    for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
        add_str(&bytes, FIN | RSV1 | opcodes[i], "");
        expect_with(&s.config, &bytes, WS_CODE_PROTOCOL_ERROR, "");
    }
    add(&bytes, RSV1 | WS_TEXT, hello.data, 3);
    add(&bytes, FIN | RSV1 | WS_CONTINUATION, hello.data + 3, hello.len - 3);
    expect_with(&s.config, &bytes, WS_CODE_PROTOCOL_ERROR, "");
    add(&bytes, FIN | RSV1 | WS_TEXT, hello.data, hello.len); /* not negotiated */
    expect_with(&from_client, &bytes, WS_CODE_PROTOCOL_ERROR, "");
    add(&bytes, FIN | RSV1 | RSV2 | WS_TEXT, hello.data, hello.len);
    expect_with(&s.config, &bytes, WS_CODE_PROTOCOL_ERROR, "");
    strbuf_free(&hello);
    squeeze_end(&s);
}

static void deflated_bad_content(void **state)
{
    struct strbuf bytes = STRBUF_INIT, bad, cut;
    struct squeeze s;

    (void)state;
    squeeze_start(&s, 100);
    bad = squeezed(&s,
                   "a\xff"
                   "b",
                   3);
    cut = squeezed(&s, "\xe2\x82", 2);
    add(&bytes, FIN | RSV1 | WS_BINARY, bad.data, bad.len);
    add(&bytes, FIN | RSV1 | WS_TEXT, bad.data, bad.len);
    expect_with(&s.config, &bytes, WS_CODE_INVALID_DATA,
                "2:a\xff"
                "b|");
    add(&bytes, FIN | RSV1 | WS_TEXT, cut.data, cut.len);
    expect_with(&s.config, &bytes, WS_CODE_INVALID_DATA, "");
    add_str(&bytes, FIN | RSV1 | WS_TEXT, "\xff\xff\xff"); /* not deflate at all */
    expect_with(&s.config, &bytes, WS_CODE_INVALID_DATA, "");
    strbuf_free(&bad);
    strbuf_free(&cut);
    squeeze_end(&s);
}

static void deflated_bomb(void **state)
{
    struct strbuf bytes = STRBUF_INIT, bomb;
    char *zeros = calloc(1, 1000000);
    struct squeeze s;

    (void)state;
    assert_non_null(zeros);
    squeeze_start(&s, 65536);
    bomb = squeezed(&s, zeros, 1000000);
    assert_true(bomb.len < 2000);
    add(&bytes, FIN | RSV1 | WS_BINARY, bomb.data, bomb.len);
    expect_with(&s.config, &bytes, WS_CODE_TOO_BIG, "");
    strbuf_free(&bomb);
    squeeze_end(&s);
    free(zeros);
}

/* Bytes that cannot be compressed grow a little: the limit is that of the message, not of this. */
static void incompressible_message_of_the_full_size(void **state)
{
    enum { SIZE = 65536 };
    struct strbuf bytes = STRBUF_INIT, log = STRBUF_INIT, noise;
    uint8_t *data = malloc(SIZE + 1);
    uint64_t seed = 5;
    struct squeeze s;

    (void)state;
    assert_non_null(data);
    squeeze_start(&s, SIZE);
    for (size_t i = 0; i < SIZE + 1; i++)
        data[i] = (uint8_t)unit_random(&seed);
    noise = squeezed(&s, data, SIZE);
    assert_true(noise.len > SIZE);
    add(&bytes, FIN | RSV1 | WS_BINARY, noise.data, noise.len);
    assert_int_equal(read_pieces(&s.config, &bytes, 0, 5000, &log), 0);
    assert_int_equal(log.len, SIZE + 3);
    assert_memory_equal(log.data + 2, data, SIZE);
    strbuf_free(&noise);
    strbuf_clear(&bytes);
    noise = squeezed(&s, data, SIZE + 1);
    add(&bytes, FIN | RSV1 | WS_BINARY, noise.data, noise.len);
    assert_int_equal(read_pieces(&s.config, &bytes, 0, 5000, &log), WS_CODE_TOO_BIG);
    strbuf_free(&noise);
    strbuf_free(&bytes);
    strbuf_free(&log);
    squeeze_end(&s);
    free(data);
}

/* --- Writing */

static void written_headers(void **state)
{
    static const struct {
        enum ws_opcode opcode;
        bool rsv1;
        uint64_t len;
        const char *bytes;
        size_t size;
    } cases[] = {
        {WS_TEXT, false, 0, "\x81\x00", 2},
        {WS_BINARY, false, 125, "\x82\x7d", 2},
        {WS_TEXT, true, 126, "\xc1\x7e\x00\x7e", 4},
        {WS_TEXT, false, 256, "\x81\x7e\x01\x00", 4},
        {WS_TEXT, false, 65535, "\x81\x7e\xff\xff", 4},
        {WS_TEXT, false, 65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
        {WS_TEXT, false, UINT64_C(0x0123456789abcdef), "\x81\x7f\x01\x23\x45\x67\x89\xab\xcd\xef",
         10},
        {WS_PING, false, 4, "\x89\x04", 2},
        {WS_CLOSE, false, 2, "\x88\x02", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t out[WS_MAX_HEADER], masked[WS_MAX_HEADER];
        size_t size = cases[i].size;
        assert_int_equal(ws_frame_header(out, cases[i].opcode, cases[i].rsv1, cases[i].len), size);
        assert_memory_equal(out, cases[i].bytes, size);
        assert_int_equal(
            ws_frame_header_masked(masked, cases[i].opcode, cases[i].rsv1, cases[i].len, mask_key),
            size + 4);
        out[1] |= 0x80;
        assert_memory_equal(masked, out, size);
        assert_memory_equal(masked + size, mask_key, 4);
    }
}

static void written_frames_read_back(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 65535, 65536};
    char *payload = malloc(65536);

    (void)state;
    assert_non_null(payload);
    memset(payload, 'w', 65536);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct strbuf plain = STRBUF_INIT, masked = STRBUF_INIT, expected = STRBUF_INIT;
        strbuf_append_str(&expected, "1:");
        strbuf_append(&expected, payload, sizes[i]);
        strbuf_append_char(&expected, '|');
        ws_append_frame(&plain, WS_TEXT, false, payload, sizes[i]);
        ws_append_masked_frame(&masked, WS_TEXT, payload, sizes[i], mask_key);
        expect_with(&from_server, &plain, 0, strbuf_cstr(&expected));
        expect_with(&from_client, &masked, 0, strbuf_cstr(&expected));
        strbuf_free(&expected);
    }
    free(payload);
}

/* --- Opening handshake (section 4) */

static void accept_key(void **state)
{
    char accept[WS_ACCEPT_LEN + 1];

    (void)state;
    ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", WS_KEY_LEN, accept); /* section 1.3 */
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(strlen(accept), WS_ACCEPT_LEN);
    ws_accept_key("x3JJHMbDL1EzLkh9GBhXDw==", WS_KEY_LEN, accept);
    assert_string_equal(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

static void keys(void **state)
{
    static const struct {
        const char *key;
        bool valid;
    } cases[] = {
        {"dGhlIHNhbXBsZSBub25jZQ==", true},
        {"++++////++++////++++/w==", true},
        {"", false},
        {"dGhlIHNhbXBsZSBub25jZQ=", false},
        {"dGhlIHNhbXBsZSBub25jZQ===", false},
        {"dGhlIHNhbXBsZSBub25jZQAA", false},
        {"dGhlIHNhbXBsZSBub25jZ===", false},
        {"dGhlIHNhbXBsZSBub25j-Q==", false},
        {"dGhlIHNhbXBsZSBub25j Q==", false},
        {"dGhlIHNhbXBsZSBub25jZQ=A", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (ws_key_valid(cases[i].key, strlen(cases[i].key)) != cases[i].valid)
            fail_msg("%s", cases[i].key);
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25j\0Q==", WS_KEY_LEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standard),
        cmocka_unit_test(many_frames_in_one_read),
        cmocka_unit_test(every_length_encoding),
        cmocka_unit_test(longer_encoding_than_needed),
        cmocka_unit_test(length_of_64_bits),
        cmocka_unit_test(reserved_bits),
        cmocka_unit_test(reserved_opcodes),
        cmocka_unit_test(masking),
        cmocka_unit_test(masking_at_every_offset),
        cmocka_unit_test(fragments),
        cmocka_unit_test(control_frames_between_fragments),
        cmocka_unit_test(wrong_sequences),
        cmocka_unit_test(control_frames_are_short_and_whole),
        cmocka_unit_test(control_frames_fit_beside_a_full_message),
        cmocka_unit_test(bad_utf8),
        cmocka_unit_test(character_across_fragments),
        cmocka_unit_test(bad_utf8_fails_at_once),
        cmocka_unit_test(close_codes),
        cmocka_unit_test(close_payloads),
        cmocka_unit_test(close_parse),
        cmocka_unit_test(message_limit),
        cmocka_unit_test(too_big_is_refused_at_the_header),
        cmocka_unit_test(callback_stops_the_reading),
        cmocka_unit_test(idle_between_messages_only),
        cmocka_unit_test(whole_message_is_not_copied),
        cmocka_unit_test(deflated_messages),
        cmocka_unit_test(rsv1_where_it_must_not_be),
        cmocka_unit_test(deflated_bad_content),
        cmocka_unit_test(deflated_bomb),
        cmocka_unit_test(incompressible_message_of_the_full_size),
        cmocka_unit_test(written_headers),
        cmocka_unit_test(written_frames_read_back),
        cmocka_unit_test(accept_key),
        cmocka_unit_test(keys),
    };

    return cmocka_run_group_tests_name("websocket", tests, NULL, NULL);
}
