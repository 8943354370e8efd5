#include "unit.h"

#include "../../src/swarm/plan.h"

#define MS 1000000u
#define S 1000000000u

static void test_duration(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"2", 2ull * S},     {"2s", 2ull * S},    {"0.5s", 500 * MS}, {"500ms", 500 * MS},
                {"20us", 20000},     {"1.5m", 90ull * S}, {"0", 0},           {"1h", 3600ull * S},
                {".25", 250ull * MS}};
    static const char *const bad[] = {"", "s", "2x", "-1", "2 s", "nan", "inf", "1e30", "2ss"};
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(plan_parse_duration(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(plan_parse_duration(bad[i], &ns));
}

static void test_rounds(void **state)
{
    struct plan plan;

    (void)state;
    assert_true(plan_parse("2s:60s,500ms:30,0.1", &plan));
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.rounds[0].interval_ns, 2ull * S);
    assert_int_equal(plan.rounds[0].duration_ns, 60ull * S);
    assert_int_equal(plan_messages(&plan.rounds[0]), 30);
    assert_int_equal(plan_messages(&plan.rounds[1]), 60);
    assert_int_equal(plan_messages(&plan.rounds[2]), 100); /* ten seconds unless told */
    assert_int_equal(plan_total_messages(&plan), 190);
    assert_int_equal(plan_total_ns(&plan), 100ull * S);
    assert_true(plan_parse("none:3s,1s:2s", &plan));
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan_messages(&plan.rounds[0]), 0);
    assert_true(plan_round_ns(&plan.rounds[0]) == 3000000000u);
    assert_int_equal(plan_total_messages(&plan), 2);
    assert_true(plan_parse("none", &plan));
    assert_int_equal(plan.count, 0);
    assert_true(plan_parse("10s:1s", &plan));
    assert_int_equal(plan_messages(&plan.rounds[0]), 1);
}

static void test_bad_rounds(void **state)
{
    static const char *const bad[] = {"",   ",",        "1s,",  "0:1s",      "1s:0",
                                      ":1", "1s:2s:3s", "1s:x", "none,1s:1s"};
    struct plan plan;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(plan_parse(bad[i], &plan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_bad_rounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
