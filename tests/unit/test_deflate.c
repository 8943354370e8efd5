#include "unit.h"

#include "stentor/wire/deflate.h"

#define ANSWER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static void negotiation(void **state)
{
    static const struct {
        const char *offers;
        const char *answer; /* NULL: none can be served */
    } cases[] = {
        {"permessage-deflate", ANSWER},
        {" permessage-deflate ", ANSWER},
        {"Permessage-Deflate", ANSWER},
        {"permessage-deflate; client_max_window_bits", ANSWER},
        {"permessage-deflate;client_max_window_bits=8", ANSWER},
        {"permessage-deflate; client_max_window_bits=15", ANSWER},
        {"permessage-deflate; client_max_window_bits=\"10\"", ANSWER},
        {"permessage-deflate; server_no_context_takeover", ANSWER},
        {"permessage-deflate; client_no_context_takeover; server_no_context_takeover", ANSWER},
        {"permessage-deflate; server_max_window_bits=15", ANSWER "; server_max_window_bits=15"},
        {"permessage-deflate; server_max_window_bits=\"15\" ; client_max_window_bits",
         ANSWER "; server_max_window_bits=15"},
        {"permessage-deflate; server_max_window_bits = 15", ANSWER "; server_max_window_bits=15"},
        /* the first that can be served */
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", ANSWER},
        {"x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", ANSWER},
        {"permessage-bzip2; client_max_compress_level=6, , permessage-deflate", ANSWER},
        {"permessage-deflate, permessage-deflate; server_max_window_bits=15", ANSWER},
        /* none */
        {"", NULL},
        {",", NULL},
        {"permessage-deflat", NULL},
        {"permessage-deflatee", NULL},
        {"x; permessage-deflate", NULL},
        {"permessage-deflate; server_max_window_bits=8", NULL},
        {"permessage-deflate; server_max_window_bits=14", NULL},
        {"permessage-deflate; server_max_window_bits", NULL},
        {"permessage-deflate; server_max_window_bits=", NULL},
        {"permessage-deflate; server_max_window_bits=16", NULL},
        {"permessage-deflate; server_max_window_bits=015", NULL},
        {"permessage-deflate; client_max_window_bits=7", NULL},
        {"permessage-deflate; client_max_window_bits=16", NULL},
        {"permessage-deflate; client_max_window_bits=08", NULL},
        {"permessage-deflate; client_max_window_bits=", NULL},
        {"permessage-deflate; client_max_window_bits=\"\"", NULL},
        {"permessage-deflate; client_max_window_bits=x", NULL},
        {"permessage-deflate; server_no_context_takeover=1", NULL},
        {"permessage-deflate; client_no_context_takeover=true", NULL},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", NULL},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits=15", NULL},
        {"permessage-deflate; unknown", NULL},
        {"permessage-deflate; ; client_max_window_bits", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].offers);
        char *copy = unit_exact_copy(cases[i].offers, len);
        struct strbuf answer = STRBUF_INIT;
        if (deflate_negotiate(copy, len, &answer) != (cases[i].answer != NULL))
            fail_msg("\"%s\"", cases[i].offers);
        assert_strbuf(&answer, cases[i].answer != NULL ? cases[i].answer : "");
        strbuf_free(&answer);
        free(copy);
    }
}

/* RFC 7692 section 7.2.3: what other implementations send for "Hello". */
static void samples_of_the_standard(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"},                          /* 7.2.3.1 */
        {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"},         /* 7.2.3.3: stored */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"},                      /* 7.2.3.4: BFINAL */
        {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"}, /* 7.2.3.5 */
        {"\x00", 1, ""},                                                       /* 7.2.3.6 */
    };
    struct inflater *inflater = inflater_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *copy = unit_exact_copy(cases[i].bytes, cases[i].len);
        struct strbuf out = STRBUF_INIT;
        assert_int_equal(inflater_message(inflater, copy, cases[i].len, 100, &out), 0);
        assert_strbuf(&out, cases[i].text);
        strbuf_free(&out);
        free(copy);
    }
    inflater_free(&inflater);
    assert_null(inflater);
    inflater_free(&inflater);
}

static void deflates_as_the_standard_says(void **state)
{
    struct deflater *deflater = deflater_new(6);
    struct strbuf out = STRBUF_INIT;

    (void)state;
    for (unsigned round = 0; round < 3; round++) { /* no context is carried over */
        strbuf_clear(&out);
        assert_true(deflater_message(deflater, "Hello", 5, &out));
        assert_int_equal(out.len, 7);
        assert_memory_equal(out.data, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    }
    strbuf_clear(&out);
    assert_true(deflater_message(deflater, NULL, 0, &out));
    assert_int_equal(out.len, 1);
    assert_int_equal(out.data[0], 0);
    strbuf_free(&out);
    deflater_free(&deflater);
    assert_null(deflater);
    deflater_free(&deflater);
}

static void round_trip(struct deflater *deflater, struct inflater *inflater, const uint8_t *data,
                       size_t len)
{
    struct strbuf small = STRBUF_INIT, back = STRBUF_INIT;

    strbuf_append_str(&small, "<"); /* both append to what is there */
    strbuf_append_str(&back, "<");
    assert_true(deflater_message(deflater, data, len, &small));
    uint8_t *copy = unit_exact_copy(small.data + 1, small.len - 1);
    assert_int_equal(inflater_message(inflater, copy, small.len - 1, len, &back), 0);
    assert_int_equal(back.len, len + 1);
    if (len > 0)
        assert_memory_equal(back.data + 1, data, len);
    free(copy);
    strbuf_free(&small);
    strbuf_free(&back);
}

/* Sizes around the buffers' sizes; easy, hard and mixed content; all levels. */
static void round_trips(void **state)
{
    static const size_t sizes[] = {0,     1,     2,     63,    64,     65,
                                   1000,  16382, 16383, 16384, 16385,  32767,
                                   32768, 32769, 65535, 65536, 200000, 1000000};
    struct inflater *inflater = inflater_new();
    uint8_t *data = malloc(1000000);
    uint64_t seed = 3;

    (void)state;
    assert_non_null(data);
    for (int level = 1; level <= 9; level += 4) {
        struct deflater *deflater = deflater_new(level);
        for (unsigned kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < 1000000; i++)
                data[i] = kind == 0   ? 'x'
                          : kind == 1 ? (uint8_t)unit_random(&seed)
                                      : (uint8_t)(i % 1000 < 500 ? i % 7 : unit_random(&seed));
            for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
                round_trip(deflater, inflater, data, sizes[i]);
        }
        deflater_free(&deflater);
    }
    free(data);
    inflater_free(&inflater);
}

/* A few bytes that inflate to a gigabyte must stop at the limit, with little memory. */
static void bomb_stops_at_the_limit(void **state)
{
    enum { LIMIT = 65536 };
    struct inflater *inflater = inflater_new();
    struct deflater *deflater = deflater_new(9);
    struct strbuf bomb = STRBUF_INIT, out = STRBUF_INIT;
    char *zeros = calloc(1, 50000000);

    (void)state;
    assert_non_null(zeros);
    assert_true(deflater_message(deflater, zeros, 50000000, &bomb));
    assert_true(bomb.len < LIMIT);
    assert_int_equal(inflater_message(inflater, bomb.data, bomb.len, LIMIT, &out), INFLATE_TOO_BIG);
    assert_true(out.cap <= 4 * LIMIT);
    /* the next message does not suffer from that one */
    strbuf_clear(&out);
    assert_int_equal(inflater_message(inflater, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, LIMIT, &out), 0);
    assert_strbuf(&out, "Hello");
    free(zeros);
    strbuf_free(&bomb);
    strbuf_free(&out);
    deflater_free(&deflater);
    inflater_free(&inflater);
}

static void limit_is_exact(void **state)
{
    struct inflater *inflater = inflater_new();
    struct strbuf out = STRBUF_INIT;

    (void)state;
    for (size_t max = 0; max <= 6; max++) {
        strbuf_clear(&out);
        strbuf_append_str(&out, "before");
        int result = inflater_message(inflater, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, max, &out);
        assert_int_equal(result, max < 5 ? INFLATE_TOO_BIG : 0);
    }
    strbuf_free(&out);
    inflater_free(&inflater);
}

static void bad_data(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\xff\xff\xff\xff", 4},                 /* block type 3 */
        {"\x07", 1},                             /* the same with BFINAL */
        {"\x00\x05\x00\x00\x00hello", 10},       /* stored length without its complement */
        {"\x02\x02\x00", 3},                     /* distance beyond the start */
        {"\xed\xfd\xff\xff\xff\xff\xff\xff", 8}, /* impossible code lengths */
    };
    struct inflater *inflater = inflater_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        int result = inflater_message(inflater, cases[i].bytes, cases[i].len, 1000, &out);
        if (result != INFLATE_BAD_DATA)
            fail_msg("case %zu: %d", i, result);
        strbuf_clear(&out);
        assert_int_equal(inflater_message(inflater, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 10, &out),
                         0);
        assert_strbuf(&out, "Hello");
        strbuf_free(&out);
    }
    inflater_free(&inflater);
}

/* Several final blocks in one message: each ends a stream and another one begins. */
static void final_blocks_in_a_row(void **state)
{
    struct inflater *inflater = inflater_new();
    struct strbuf out = STRBUF_INIT;

    (void)state;
    assert_int_equal(inflater_message(inflater,
                                      "\xf3\x48\xcd\xc9\xc9\x07\x00"
                                      "\xf3\x48\xcd\xc9\xc9\x07\x00"
                                      "\xf2\x48\xcd\xc9\xc9\x07\x00",
                                      21, 100, &out),
                     0);
    assert_strbuf(&out, "HelloHelloHello");
    strbuf_free(&out);
    inflater_free(&inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negotiation),
        cmocka_unit_test(samples_of_the_standard),
        cmocka_unit_test(deflates_as_the_standard_says),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(bomb_stops_at_the_limit),
        cmocka_unit_test(limit_is_exact),
        cmocka_unit_test(bad_data),
        cmocka_unit_test(final_blocks_in_a_row),
    };

    return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
