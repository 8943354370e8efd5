#include "unit.h"

#include <pthread.h>

#include "stentor/base/ratelimit.h"

#define SECOND UINT64_C(1000000000)

static void zero_means_no_limit(void **state)
{
    struct ratelimit limit;

    (void)state;
    ratelimit_init(&limit, 0, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(ratelimit_take(&limit, 1000000, 0), 0);
}

static void burst_then_the_rate(void **state)
{
    struct ratelimit limit;
    uint64_t now = 5 * SECOND;

    (void)state;
    ratelimit_init(&limit, 10, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ratelimit_take(&limit, 1, now), 0);
    assert_int_equal(ratelimit_take(&limit, 1, now), SECOND / 10);
    assert_int_equal(ratelimit_take(&limit, 1, now + SECOND / 20), SECOND / 20);
    now += SECOND / 10;
    assert_int_equal(ratelimit_take(&limit, 1, now), 0);
    assert_int_equal(ratelimit_take(&limit, 1, now), SECOND / 10);
}

/* A refused unit costs nothing: who waits as long as was said gets through. */
static void waiting_as_told_suffices(void **state)
{
    struct ratelimit limit;
    uint64_t now = SECOND;

    (void)state;
    ratelimit_init(&limit, 7, 5);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t wait = ratelimit_take(&limit, 1 + i % 5, now);
        if (wait == 0)
            continue;
        assert_int_not_equal(ratelimit_take(&limit, 1 + i % 5, now + wait - 1), 0);
        now += wait;
        assert_int_equal(ratelimit_take(&limit, 1 + i % 5, now), 0);
    }
}

static void pause_gives_the_burst_back_and_no_more(void **state)
{
    struct ratelimit limit;
    uint64_t now = SECOND;

    (void)state;
    ratelimit_init(&limit, 100, 20);
    for (unsigned round = 0; round < 3; round++) {
        unsigned passed = 0;
        while (ratelimit_take(&limit, 1, now) == 0)
            passed++;
        assert_int_equal(passed, 20);
        now += 3600 * SECOND;
    }
}

static void units_pass_all_or_none(void **state)
{
    struct ratelimit limit;
    uint64_t now = SECOND;

    (void)state;
    ratelimit_init(&limit, 10, 5);
    assert_int_equal(ratelimit_take(&limit, 3, now), 0);
    assert_int_equal(ratelimit_take(&limit, 3, now), SECOND / 10);
    assert_int_equal(ratelimit_take(&limit, 2, now), 0);
}

/* More units than the burst could never pass if they had to fit into it. */
static void more_than_the_burst_passes_from_rest(void **state)
{
    struct ratelimit limit;
    uint64_t now = SECOND;

    (void)state;
    ratelimit_init(&limit, 10, 5);
    assert_int_equal(ratelimit_take(&limit, 50, now), 0);
    uint64_t wait = ratelimit_take(&limit, 1, now);
    assert_int_equal(wait, 46 * SECOND / 10);
    assert_int_equal(ratelimit_take(&limit, 1, now + wait), 0);
    wait = ratelimit_take(&limit, 50, now + wait);
    assert_int_not_equal(wait, 0);
}

static void no_burst_is_a_burst_of_one(void **state)
{
    struct ratelimit limit;

    (void)state;
    ratelimit_init(&limit, 10, 0);
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), 0);
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), SECOND / 10);
}

static void rate_can_change(void **state)
{
    struct ratelimit limit;

    (void)state;
    ratelimit_init(&limit, 0, 0);
    assert_int_equal(ratelimit_take(&limit, 1000, SECOND), 0);
    ratelimit_set(&limit, 10, 1);
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), 0);
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), SECOND / 10);
    ratelimit_set(&limit, 10, 2); /* what has been taken still counts */
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), 0);
    assert_int_equal(ratelimit_take(&limit, 1, SECOND), SECOND / 10);
    ratelimit_set(&limit, 0, 1);
    assert_int_equal(ratelimit_take(&limit, 1000, SECOND), 0);
}

struct taker {
    pthread_t thread;
    struct ratelimit *limit;
    unsigned passed;
};

static void *take_many(void *arg)
{
    struct taker *taker = arg;

    for (unsigned i = 0; i < 20000; i++)
        if (ratelimit_take(taker->limit, 1, SECOND) == 0)
            taker->passed++;
    return NULL;
}

static void threads_share_one_burst(void **state)
{
    struct ratelimit limit;
    struct taker takers[4];
    unsigned passed = 0;

    (void)state;
    ratelimit_init(&limit, 1000, 30000);
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        takers[i] = (struct taker){.limit = &limit};
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        pthread_join(takers[i].thread, NULL);
        passed += takers[i].passed;
    }
    assert_int_equal(passed, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_means_no_limit),
        cmocka_unit_test(burst_then_the_rate),
        cmocka_unit_test(waiting_as_told_suffices),
        cmocka_unit_test(pause_gives_the_burst_back_and_no_more),
        cmocka_unit_test(units_pass_all_or_none),
        cmocka_unit_test(more_than_the_burst_passes_from_rest),
        cmocka_unit_test(no_burst_is_a_burst_of_one),
        cmocka_unit_test(rate_can_change),
        cmocka_unit_test(threads_share_one_burst),
    };

    return cmocka_run_group_tests_name("ratelimit", tests, NULL, NULL);
}
