#include "unit.h"

#include "../../src/stentord/tls_ticket.h"

enum { PERIOD = 1000 };

static const uint8_t seed[TLS_TICKET_SEED] = "a seed of thirty-two bytes' size";

static void start(struct tls_ticket_chain *chain)
{
    tls_ticket_chain_init(chain, seed, 5000, PERIOD);
}

static bool same(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void a_key_stays_for_a_period_and_opens_for_two(void **state)
{
    struct tls_ticket_chain chain;
    struct tls_ticket_key first;

    (void)state;
    start(&chain);
    first = chain.keys[0];
    tls_ticket_chain_advance(&chain, 5000 + PERIOD - 1);
    assert_true(same(&chain.keys[0], &first));
    tls_ticket_chain_advance(&chain, 5000 + PERIOD);
    assert_false(same(&chain.keys[0], &first));
    assert_true(same(&chain.keys[1], &first));
    tls_ticket_chain_advance(&chain, 5000 + 2 * PERIOD);
    assert_false(same(&chain.keys[0], &first));
    assert_false(same(&chain.keys[1], &first));
}

/* Threads look at their keys at different times, and some of them for a long time not at all. */
static void all_threads_have_the_same_keys_at_the_same_time(void **state)
{
    struct tls_ticket_chain busy, idle;

    (void)state;
    start(&busy);
    start(&idle);
    for (uint64_t now = 5000; now < 5000 + 50 * PERIOD; now += PERIOD / 3)
        tls_ticket_chain_advance(&busy, now);
    tls_ticket_chain_advance(&busy, 5000 + 60 * PERIOD + 1);
    tls_ticket_chain_advance(&idle, 5000 + 61 * PERIOD - 1);
    assert_true(same(&busy.keys[0], &idle.keys[0]));
    assert_true(same(&busy.keys[1], &idle.keys[1]));
}

static void no_two_keys_have_anything_in_common(void **state)
{
    struct tls_ticket_chain chain;

    (void)state;
    start(&chain);
    for (uint64_t i = 1; i < 100; i++) {
        tls_ticket_chain_advance(&chain, 5000 + i * PERIOD);
        assert_memory_not_equal(chain.keys[0].name, chain.keys[1].name, sizeof(chain.keys[0].name));
        assert_memory_not_equal(chain.keys[0].aes, chain.keys[1].aes, sizeof(chain.keys[0].aes));
        assert_memory_not_equal(chain.keys[0].hmac, chain.keys[1].hmac, sizeof(chain.keys[0].hmac));
        assert_memory_not_equal(chain.keys[0].aes, chain.keys[0].hmac, sizeof(chain.keys[0].aes));
    }
}

/* What is left in memory does not lead back to a key that is gone. */
static void the_state_is_not_that_of_its_keys(void **state)
{
    struct tls_ticket_chain chain, again;

    (void)state;
    start(&chain);
    assert_memory_not_equal(chain.state, seed, sizeof(seed));
    tls_ticket_chain_init(&again, chain.state, 5000, PERIOD);
    assert_false(same(&again.keys[0], &chain.keys[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_stays_for_a_period_and_opens_for_two),
        cmocka_unit_test(all_threads_have_the_same_keys_at_the_same_time),
        cmocka_unit_test(no_two_keys_have_anything_in_common),
        cmocka_unit_test(the_state_is_not_that_of_its_keys),
    };

    return cmocka_run_group_tests_name("tls_ticket", tests, NULL, NULL);
}
