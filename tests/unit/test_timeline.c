#include "unit.h"

#include "../../src/swarm/timeline.h"

#define BUCKET_NS TIMELINE_BUCKET_NS

static struct timeline timeline;

static void add(unsigned bucket, unsigned count)
{
    while (count-- > 0)
        timeline_add(&timeline, 1000 + bucket * (uint64_t)BUCKET_NS);
}

static void test_even_is_no_burst(void **state)
{
    struct timeline_burst bursts[4];

    (void)state;
    timeline_init(&timeline, 1000);
    for (unsigned i = 0; i < 50; i++)
        add(i, 95 + i % 10);
    assert_int_equal(timeline_find_bursts(&timeline, 50, bursts, 4), 0);
    timeline_free(&timeline);
}

/* Few events are uneven by chance. */
static void test_chance_is_no_burst(void **state)
{
    struct timeline_burst bursts[4];

    (void)state;
    timeline_init(&timeline, 1000);
    for (unsigned i = 0; i < 50; i += 2)
        add(i, i % 4 == 0 ? 3 : 1);
    assert_int_equal(timeline_find_bursts(&timeline, 50, bursts, 4), 0);
    timeline_free(&timeline);
}

static void test_bursts(void **state)
{
    struct timeline_burst bursts[4];

    (void)state;
    timeline_init(&timeline, 1000);
    for (unsigned i = 0; i < 100; i++)
        add(i, 10);
    add(20, 500);
    add(21, 300);
    add(60, 400);
    add(120, 5000); /* behind what is looked at */
    assert_int_equal(timeline_find_bursts(&timeline, 100, bursts, 4), 2);
    assert_int_equal(bursts[0].first, 20);
    assert_int_equal(bursts[0].buckets, 2);
    assert_int_equal(bursts[0].events, 820);
    assert_true(bursts[0].by_mean > 22 && bursts[0].by_mean < 24);
    assert_int_equal(bursts[1].first, 60);
    assert_int_equal(bursts[1].buckets, 1);
    assert_int_equal(timeline_find_bursts(&timeline, 100, bursts, 1),
                     2); /* the second is not told */
    timeline_free(&timeline);
}

static void test_merge(void **state)
{
    struct timeline other;

    (void)state;
    timeline_init(&timeline, 1000);
    add(2, 3);
    other = timeline;
    timeline_init(&timeline, 1000);
    add(0, 1);
    add(2, 1);
    add(9, 1);
    timeline_merge(&other, &timeline);
    assert_int_equal(other.total, 6);
    assert_int_equal(other.len, 10);
    assert_int_equal(other.counts[2], 4);
    assert_int_equal(other.counts[9], 1);
    timeline_free(&other);
    timeline_free(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_is_no_burst),
        cmocka_unit_test(test_chance_is_no_burst),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_merge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
