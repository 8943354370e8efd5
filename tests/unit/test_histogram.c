#include "unit.h"

#include "stentor/base/histogram.h"

enum { SAMPLES = 50000 };

static struct histogram one, two, all;

/* xorshift64*: the same values in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

/* Values of all magnitudes. */
static uint64_t next_value(uint64_t *state)
{
    unsigned shift = (unsigned)(next_random(state) % 64);

    return next_random(state) >> shift;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void test_empty(void **state)
{
    unsigned pos = 0;
    struct histogram_bucket bucket;

    (void)state;
    histogram_init(&one);
    assert_int_equal(histogram_quantile(&one, 0.5), 0);
    assert_true(histogram_mean(&one) == 0);
    assert_int_equal(one.max, 0);
    assert_false(histogram_next(&one, &pos, &bucket));
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    histogram_init(&one);
    for (uint64_t v = 0; v < HISTOGRAM_STEPS; v++)
        histogram_record(&one, v);
    assert_int_equal(histogram_quantile(&one, 0), 0);
    assert_int_equal(histogram_quantile(&one, 0.5), 63);
    assert_int_equal(histogram_quantile(&one, 1), 127);
    assert_true(histogram_mean(&one) == 63.5);
}

static void test_extremes(void **state)
{
    (void)state;
    histogram_init(&one);
    histogram_record(&one, UINT64_MAX);
    assert_int_equal(histogram_quantile(&one, 0.5), UINT64_MAX);
    histogram_record(&one, 0);
    assert_int_equal(one.min, 0);
    assert_int_equal(one.max, UINT64_MAX);
    assert_int_equal(histogram_quantile(&one, 0.5), 0);
    assert_int_equal(histogram_quantile(&one, 0.51), UINT64_MAX);
    assert_int_equal(histogram_quantile(&one, 7), UINT64_MAX);
    assert_int_equal(histogram_quantile(&one, -1), 0);
}

/* Each bucket ends where the next begins, and holds the values between. */
static void test_buckets_have_no_holes(void **state)
{
    struct histogram_bucket bucket;
    uint64_t expected = 0;
    unsigned buckets = 0, pos = 0;

    (void)state;
    histogram_init(&one);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        one.buckets[i] = 1;
    while (histogram_next(&one, &pos, &bucket)) {
        assert_int_equal(bucket.low, expected);
        assert_true(bucket.high >= bucket.low);
        assert_true((bucket.high - bucket.low) <= bucket.low / HISTOGRAM_STEPS);
        histogram_init(&two);
        histogram_record(&two, bucket.low);
        histogram_record(&two, bucket.high);
        assert_int_equal(two.buckets[pos - 1], 2);
        expected = bucket.high + 1;
        buckets++;
    }
    assert_int_equal(buckets, HISTOGRAM_BUCKETS);
    assert_int_equal(expected, 0); /* the last one ends at UINT64_MAX */
}

static void test_relative_error(void **state)
{
    static const double shares[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    uint64_t *values = calloc(SAMPLES, sizeof(*values));
    uint64_t random = 42;

    (void)state;
    assert_non_null(values);
    histogram_init(&one);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = next_value(&random);
        histogram_record(&one, values[i]);
    }
    qsort(values, SAMPLES, sizeof(*values), compare);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        size_t rank = (size_t)(shares[i] * SAMPLES);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0];
        uint64_t got = histogram_quantile(&one, shares[i]);

        assert_true(got >= exact);
        assert_true(got - exact <= exact / HISTOGRAM_STEPS);
    }
    assert_int_equal(one.min, values[0]);
    assert_int_equal(one.max, values[SAMPLES - 1]);
    free(values);
}

static void test_merge_is_exact(void **state)
{
    uint64_t random = 7;

    (void)state;
    histogram_init(&one);
    histogram_init(&two);
    histogram_init(&all);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t value = next_value(&random);

        histogram_record(i % 3 == 0 ? &one : &two, value);
        histogram_record(&all, value);
    }
    histogram_merge(&one, &two);
    assert_memory_equal(&one, &all, sizeof(one));
}

static void test_merge_with_empty(void **state)
{
    (void)state;
    histogram_init(&one);
    histogram_init(&two);
    histogram_record(&two, 1000);
    histogram_merge(&one, &two);
    assert_memory_equal(&one, &two, sizeof(one));
    histogram_init(&all);
    histogram_merge(&one, &all);
    assert_memory_equal(&one, &two, sizeof(one));
}

static void test_sparse_is_exact(void **state)
{
    struct histogram_sparse sparse;
    uint64_t random = 11;

    (void)state;
    histogram_init(&one);
    histogram_init(&two);
    histogram_init(&all);
    for (size_t i = 0; i < 1000; i++) {
        uint64_t value = next_value(&random);

        histogram_record(i % 2 == 0 ? &one : &two, value);
        histogram_record(&all, value);
    }
    assert_true(histogram_compact(&two, &sparse));
    assert_true(sparse.used > 0 && sparse.used <= 500);
    assert_true(histogram_merge_sparse(&one, &sparse));
    assert_memory_equal(&one, &all, sizeof(one));
    histogram_sparse_free(&sparse);
    histogram_init(&two);
    assert_true(histogram_compact(&two, &sparse));
    assert_null(sparse.cells);
    assert_true(histogram_merge_sparse(&one, &sparse));
    assert_memory_equal(&one, &all, sizeof(one));
}

/* What comes from elsewhere may contradict itself. */
static void test_sparse_is_checked(void **state)
{
    struct histogram_cell cells[] = {{3, 2}, {HISTOGRAM_BUCKETS, 1}};
    struct histogram_sparse sparse = {3, 9, 3, 3, 2, cells};

    (void)state;
    histogram_init(&one);
    histogram_init(&two);
    assert_false(histogram_merge_sparse(&one, &sparse));
    sparse.used = 1;
    assert_false(histogram_merge_sparse(&one, &sparse)); /* the sum is another one */
    assert_memory_equal(&one, &two, sizeof(one));
    sparse.count = 2;
    assert_true(histogram_merge_sparse(&one, &sparse));
    assert_int_equal(one.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_buckets_have_no_holes),
        cmocka_unit_test(test_relative_error),
        cmocka_unit_test(test_merge_is_exact),
        cmocka_unit_test(test_merge_with_empty),
        cmocka_unit_test(test_sparse_is_exact),
        cmocka_unit_test(test_sparse_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
