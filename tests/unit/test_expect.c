#include "unit.h"

#include <math.h>

#include "../../src/swarm/expect.h"

static struct expect expect;
static const char *bad;

static void test_parse(void **state)
{
    (void)state;
    assert_true(expect_parse("loss=0,p99<200ms,connected=100%,cpu<=5us,p99.9>1s", &expect, &bad));
    assert_int_equal(expect.count, 5);
    assert_int_equal(expect.bounds[0].figure, EXPECT_LOSS);
    assert_int_equal(expect.bounds[0].comparison, EXPECT_EQUAL);
    assert_false(expect.bounds[0].is_share);
    assert_int_equal(expect.bounds[1].figure, EXPECT_P99);
    assert_int_equal(expect.bounds[1].comparison, EXPECT_BELOW);
    assert_true(expect.bounds[1].value == 200e6);
    assert_true(expect.bounds[2].is_share && expect.bounds[2].value == 1);
    assert_int_equal(expect.bounds[3].comparison, EXPECT_AT_MOST);
    assert_true(expect.bounds[3].value == 5000);
    assert_int_equal(expect.bounds[4].figure, EXPECT_P999);
    assert_string_equal(expect.bounds[4].text, "p99.9>1s");
    assert_true(expect_parse("none", &expect, &bad));
    assert_int_equal(expect.count, 0);
    assert_true(expect_parse(expect_default, &expect, &bad));
}

static void test_bad(void **state)
{
    static const char *const texts[] = {"",          "loss",     "loss=",       "loss=-1",
                                        "loss=1ms",  "p99<5%",   "p99<x",       "lossy=0",
                                        "loss=0,",   "p99=<1ms", "loss==0",     "loss=nan",
                                        "connected", "=1",       "memory<=10%", "p9<1s"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (expect_parse(texts[i], &expect, &bad))
            fail_msg("\"%s\" was taken", texts[i]);
}

static bool met(const char *text, double value)
{
    assert_true(expect_parse(text, &expect, &bad));
    return expect_met(&expect.bounds[0], value);
}

static void test_met(void **state)
{
    (void)state;
    assert_true(met("loss=3", 3));
    assert_false(met("loss=3", 2));
    assert_true(met("loss<3", 2));
    assert_false(met("loss<3", 3));
    assert_true(met("loss<=3", 3));
    assert_false(met("loss>3", 3));
    assert_true(met("loss>=3", 3));
    assert_true(met("loss<=0.1%", 0.001));
    assert_false(met("p99<1h", NAN)); /* nothing is known of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
