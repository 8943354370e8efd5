#include "unit.h"

#include "../../src/swarm/mix.h"

/* Takes `clients` turns; `taken` is who got them. */
static void take(const struct mix *mix, unsigned clients, unsigned taken[MIX_MAX])
{
    memset(taken, 0, MIX_MAX * sizeof(*taken));
    for (unsigned n = 0; n < clients; n++)
        taken[mix_next(mix, taken)]++;
}

static void test_parse(void **state)
{
    char error[MIX_MAX_ERROR];
    struct mix mix;

    (void)state;
    assert_true(mix_parse("websocket:50,polling:40,sse:10", &mix, error));
    assert_int_equal(mix.count, 3);
    assert_int_equal(mix.total, 100);
    assert_string_equal(mix.shares[0].transport->name, "websocket");
    assert_int_equal(mix.shares[0].weight, 50);
    assert_string_equal(mix.shares[2].transport->name, "sse");
    assert_int_equal(mix.shares[2].weight, 10);
    assert_true(mix_parse("socketio", &mix, error));
    assert_int_equal(mix.count, 1);
    assert_int_equal(mix.shares[0].weight, 1);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } bad[] = {
        {"", "\"\" is no transport"},
        {"carrier-pigeon:1", "\"carrier-pigeon\" is no transport"},
        {"websocket,", "\"\" is no transport"},
        {":1", "\"\" is no transport"},
        {"a-name-that-is-longer-than-any-transport", "is no transport"},
        {"websocket:", "the share of websocket must be a whole number"},
        {"websocket:0", "the share of websocket must be a whole number"},
        {"websocket:-1", "the share of websocket must be a whole number"},
        {"websocket:1.5", "the share of websocket must be a whole number"},
        {"websocket:50%", "the share of websocket must be a whole number"},
        {"sse:99999999999999999999", "the share of sse must be a whole number"},
        {"sse:1,polling:1,sse:1", "sse has a share already"},
    };
    char error[MIX_MAX_ERROR];
    struct mix mix;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(mix_parse(bad[i].text, &mix, error));
        if (strstr(error, bad[i].error) == NULL)
            fail_msg("%s: %s", bad[i].text, error);
    }
}

static void test_every_transport_has_a_name(void **state)
{
    struct strbuf names = STRBUF_INIT;
    char error[MIX_MAX_ERROR], list[512];
    struct mix mix;
    size_t len = 0;

    (void)state;
    transport_append_names(&names);
    for (const char *p = strbuf_cstr(&names); *p != '\0'; p++)
        if (*p != ' ')
            list[len++] = *p;
    list[len] = '\0';
    assert_true(mix_parse(list, &mix, error));
    assert_int_equal(mix.total, mix.count);
    strbuf_free(&names);
}

static void test_whole(void **state)
{
    char error[MIX_MAX_ERROR];
    unsigned taken[MIX_MAX];
    struct mix mix;

    (void)state;
    assert_true(mix_parse("websocket:50,polling:40,sse:10", &mix, error));
    take(&mix, 1000, taken);
    assert_int_equal(taken[0], 500);
    assert_int_equal(taken[1], 400);
    assert_int_equal(taken[2], 100);
    take(&mix, 10, taken);
    assert_int_equal(taken[0], 5);
    assert_int_equal(taken[1], 4);
    assert_int_equal(taken[2], 1);
}

/* Whoever counts the first n clients, for any n, finds each share but for rounding. */
static void check_prefixes(const struct mix *mix, unsigned clients)
{
    unsigned taken[MIX_MAX] = {0};

    for (unsigned n = 1; n <= clients; n++) {
        taken[mix_next(mix, taken)]++;
        for (unsigned i = 0; i < mix->count; i++) {
            uint64_t quota = (uint64_t)mix->shares[i].weight * n;

            assert_in_range(taken[i], quota / mix->total, (quota + mix->total - 1) / mix->total);
        }
    }
}

static void test_prefixes(void **state)
{
    static const char *const names[] = {"websocket", "polling", "sse",
                                        "socketio",  "msgpack", "plain"};
    uint64_t random = 1;
    struct mix mix;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        memset(&mix, 0, sizeof(mix));
        mix.count = 2 + unit_random(&random) % (ARRAY_LEN(names) - 1);
        for (unsigned i = 0; i < mix.count; i++) {
            uint32_t weight = 1 + unit_random(&random) % (round % 2 ? 100 : 5);

            mix.shares[i] = (struct mix_share){transport_find(names[i]), weight};
            mix.total += weight;
        }
        check_prefixes(&mix, 2 * mix.total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_whole),    cmocka_unit_test(test_every_transport_has_a_name),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
