#include "unit.h"

#include "../../src/swarm/payload.h"

static void test_exact_size(void **state)
{
    char error[JSON_MAX_ERROR];

    (void)state;
    for (size_t size = payload_min_size(12, 123456789012345); size < 200; size++) {
        struct strbuf out = STRBUF_INIT;
        uint64_t n, t;

        payload_append(&out, 12, 123456789012345, size);
        assert_int_equal(out.len, size);
        assert_true(json_text_valid(out.data, out.len, error));
        assert_true(payload_scan(out.data, out.len, &n, &t));
        assert_int_equal(n, 12);
        assert_int_equal(t, 123456789012345);
        strbuf_free(&out);
    }
}

static void test_text(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    payload_append(&out, 12, 34, 25);
    assert_strbuf(&out, "{\"n\":12,\"t\":34,\"p\":\"xxx\"}");
    strbuf_clear(&out);
    payload_append(&out, 12, 34, 17);
    assert_strbuf(&out, "{\"n\":12,\"t\":34  }");
    strbuf_clear(&out);
    payload_append(&out, 12, 34, 1); /* cannot be */
    assert_strbuf(&out, "{\"n\":12,\"t\":34}");
    assert_int_equal(payload_min_size(12, 34), out.len);
    strbuf_free(&out);
}

static void test_scan(void **state)
{
    static const char *const good[] = {
        "{\"n\":7,\"t\":99}",
        "{\"n\": 7, \"t\": 99, \"p\": \"\"}",
        "42[\"swarm\",{\"n\":7,\"t\":99,\"p\":\"x\"}]",
        "{\"type\":\"message\",\"seq\":1,\"event\":\"e\",\"data\":{\"n\":7,\"t\":99}}",
    };
    static const char *const bad[] = {
        "",          "{}",           "{\"n\":7}",          "{\"n\":7,\"t\":", "{\"n\":,\"t\":1}",
        "{\"n\":",   "{\"n\":7,",    "{\"n\":7,\"x\":99}", "{\"n\":7,\"t\"",  "{\"n\":7 \"t\":9}",
        "{\"n\":-7", "{\"n\":\"7\"", "{\"t\":99,\"n\":7}",
    };
    uint64_t n, t;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        size_t len = strlen(good[i]);
        char *copy = unit_exact_copy(good[i], len);

        assert_true(payload_scan(copy, len, &n, &t));
        assert_int_equal(n, 7);
        assert_int_equal(t, 99);
        free(copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t len = strlen(bad[i]);
        char *copy = unit_exact_copy(bad[i], len);

        assert_false(payload_scan(copy, len, &n, &t));
        free(copy);
    }
}

static void test_directed(void **state)
{
    const struct payload_directed sent = {
        .agent = 3, .n = 12, .t = UINT64_MAX, .way = 2, .to = {"abc", 3}, .from = {"", 0}};
    struct strbuf out = STRBUF_INIT;
    struct payload_directed got;

    (void)state;
    payload_append_directed(&out, &sent);
    assert_strbuf(&out, "{\"d\":[3,12,18446744073709551615,2,\"abc\",\"\"]}");
    for (size_t len = 0; len + 2 < out.len; len++) {
        char *copy = unit_exact_copy(out.data, len);

        assert_false(payload_scan_directed(copy, len, &got));
        free(copy);
    }
    assert_true(payload_scan_directed(out.data, out.len, &got));
    assert_true(got.agent == 3 && got.n == 12 && got.t == UINT64_MAX && got.way == 2);
    assert_span(got.to, "abc");
    assert_span(got.from, "");
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_size),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_directed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
