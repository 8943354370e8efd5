/*
 * Bursts pass, then the rate does; who is refused and goes on is closed; who waits may again.
 */
#include "unit.h"

#include "../../src/stentord/client_limit.h"

static const uint64_t second = 1000000000;

static struct config limits(int rate, int burst, int bytes, int bytes_burst)
{
    return (struct config){.client_rate = rate,
                           .client_burst = burst,
                           .client_bytes = bytes,
                           .client_bytes_burst = bytes_burst,
                           .max_message_size = 1000};
}

/* So many messages at once: how many pass, and how many are refused before it is closed. */
static void run(struct client_limit *limit, const struct config *config, size_t bytes, uint64_t now,
                unsigned *passed, unsigned *refused)
{
    *passed = *refused = 0;
    for (unsigned i = 0; i < 100000; i++) {
        switch (client_limit_take(limit, config, bytes, now)) {
        case CLIENT_LIMIT_PASS:
            assert_int_equal(*refused, 0);
            ++*passed;
            break;
        case CLIENT_LIMIT_REFUSE:
            ++*refused;
            break;
        case CLIENT_LIMIT_CLOSE:
            return;
        }
    }
    fail_msg("never closed");
}

static void test_burst(void **state)
{
    static const struct {
        int rate, burst;
    } cases[] = {{1, 1}, {1, 10}, {10, 10}, {100, 1000}, {1000, 5}, {10000, 10000}, {3, 1000000}};
    struct config config;
    unsigned passed, refused;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_limit limit = {0, 0};

        config = limits(cases[i].rate, cases[i].burst, 0, 1);
        if (cases[i].burst > 50000)
            continue;
        run(&limit, &config, 10, 77 * second, &passed, &refused);
        assert_in_range(passed, cases[i].burst * 8 / 10, cases[i].burst);
        assert_in_range(refused, cases[i].burst * 8 / 10, cases[i].burst + 1);
    }
}

static void test_rate(void **state)
{
    const struct config config = limits(100, 10, 0, 1);
    struct client_limit limit = {0, 0};
    unsigned passed = 0, refused = 0;

    (void)state;
    /* Twice the rate: half of it passes. Refused ones count, so this ends in a disconnect; half a
     * second is within what is forgiven. */
    for (uint64_t ms = 0; ms < 100; ms += 5) {
        if (client_limit_take(&limit, &config, 0, 5 * second + ms * 1000000) == CLIENT_LIMIT_PASS)
            passed++;
        else
            refused++;
    }
    assert_true(passed >= 18);
    /* The rate itself passes for ever. */
    for (uint64_t ms = 0; ms < 100000; ms += 10)
        assert_int_equal(client_limit_take(&limit, &config, 0, 6 * second + ms * 1000000),
                         CLIENT_LIMIT_PASS);
}

static void test_waiting_helps(void **state)
{
    const struct config config = limits(10, 20, 0, 1);
    struct client_limit limit = {0, 0};

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(client_limit_take(&limit, &config, 0, second), CLIENT_LIMIT_PASS);
    assert_int_equal(client_limit_take(&limit, &config, 0, second), CLIENT_LIMIT_REFUSE);
    /* One was refused and counts: after two tenths of a second there is room again. */
    assert_int_equal(client_limit_take(&limit, &config, 0, second + second / 4), CLIENT_LIMIT_PASS);
    for (int i = 0; i < 20; i++)
        assert_int_equal(client_limit_take(&limit, &config, 0, 10 * second), CLIENT_LIMIT_PASS);
}

static void test_bytes(void **state)
{
    struct config config = limits(0, 1, 1000, 5000);
    struct client_limit limit = {0, 0};
    unsigned passed, refused;

    (void)state;
    run(&limit, &config, 500, 3 * second, &passed, &refused);
    assert_int_equal(passed, 10);
    assert_int_equal(refused, 10);
    /* The largest message passes, whatever the burst is. */
    config = limits(0, 1, 10, 1);
    limit = (struct client_limit){0, 0};
    assert_int_equal(client_limit_take(&limit, &config, 1000, second), CLIENT_LIMIT_PASS);
}

static void test_off(void **state)
{
    const struct config config = limits(0, 1, 0, 1);
    struct client_limit limit = {0, 0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_int_equal(client_limit_take(&limit, &config, 1000, second), CLIENT_LIMIT_PASS);
    assert_int_equal(limit.messages, 0);
    assert_int_equal(limit.bytes, 0);
}

/* The clock in a limit begins again after three days: wherever it is, a new client has its burst.
 */
static void test_clock_wraps(void **state)
{
    const struct config config = limits(100, 100, 1000, 1000);
    const uint64_t round = ((uint64_t)1 << 32) * 62500;

    (void)state;
    for (uint64_t at = round - 30 * second; at < round + 30 * second; at += second / 7) {
        struct client_limit limit = {0, 0};
        unsigned passed, refused;

        run(&limit, &config, 0, at, &passed, &refused);
        assert_int_equal(passed, 100);
        assert_int_equal(client_limit_take(&limit, &config, 0, at + 5 * second), CLIENT_LIMIT_PASS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),         cmocka_unit_test(test_rate),
        cmocka_unit_test(test_waiting_helps), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_off),           cmocka_unit_test(test_clock_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
