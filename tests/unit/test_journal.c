#include "unit.h"

#include "stentor/base/journal.h"

/* Items are their own numbers, so that every drop and every lookup can be checked. */
struct fixture {
    struct journal journal;
    uint64_t seqs[20000]; /* of all that were appended; they leave in order */
    unsigned appends, drops;
};

static void *item_of(uint64_t seq)
{
    return (void *)(uintptr_t)(seq * 2 + 1);
}

static void drop(void *item, uint64_t seq, void *arg)
{
    struct fixture *fixture = arg;

    assert_true(fixture->drops < fixture->appends);
    assert_int_equal(seq, fixture->seqs[fixture->drops++]);
    assert_ptr_equal(item, item_of(seq));
}

static void start(struct fixture *fixture, struct journal_limits limits, uint64_t head)
{
    fixture->appends = fixture->drops = 0;
    journal_init(&fixture->journal, &limits, head, drop, fixture);
}

static void append_seq(struct fixture *fixture, uint64_t seq, size_t cost, uint64_t now_ms)
{
    assert_true(fixture->appends < ARRAY_LEN(fixture->seqs));
    fixture->seqs[fixture->appends++] = seq;
    journal_append(&fixture->journal, item_of(seq), seq, cost, now_ms);
}

static void append(struct fixture *fixture, size_t cost, uint64_t now_ms)
{
    append_seq(fixture, journal_head(&fixture->journal) + 1, cost, now_ms);
}

static void finish(struct fixture *fixture)
{
    unsigned held = (unsigned)journal_count(&fixture->journal);
    unsigned before = fixture->drops;

    journal_destroy(&fixture->journal);
    assert_int_equal(fixture->drops, before + held);
}

static void empty_journal_has_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 4, .bytes = 100}, 41);
    assert_int_equal(journal_head(&f.journal), 41);
    assert_int_equal(journal_count(&f.journal), 0);
    assert_null(journal_get(&f.journal, 0));
    assert_null(journal_get(&f.journal, 41));
    assert_null(journal_get(&f.journal, 42));
    journal_expire(&f.journal, UINT64_MAX);
    finish(&f);
}

static void numbers_follow_the_head(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 10, .bytes = 100}, 41);
    append(&f, 1, 0);
    assert_int_equal(journal_head(&f.journal), 42);
    append(&f, 1, 0);
    assert_int_equal(journal_head(&f.journal), 43);
    assert_null(journal_get(&f.journal, 41));
    assert_ptr_equal(journal_get(&f.journal, 42), item_of(42));
    assert_ptr_equal(journal_get(&f.journal, 43), item_of(43));
    assert_null(journal_get(&f.journal, 44));
    assert_null(journal_get(&f.journal, UINT64_MAX));
    finish(&f);
}

static void count_is_a_limit(void **state)
{
    static const size_t limits[] = {1, 2, 3, 63, 64, 65, 100, 128, 129};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct fixture f;
        start(&f, (struct journal_limits){.count = limits[i], .bytes = SIZE_MAX}, 0);
        for (uint64_t seq = 1; seq <= 500; seq++) {
            append(&f, 1, 0);
            size_t held = seq < limits[i] ? (size_t)seq : limits[i];
            assert_int_equal(journal_count(&f.journal), held);
            assert_int_equal(f.journal.bytes, held);
            assert_null(journal_get(&f.journal, seq - held));
            assert_ptr_equal(journal_get(&f.journal, seq - held + 1), item_of(seq - held + 1));
            assert_ptr_equal(journal_get(&f.journal, seq), item_of(seq));
        }
        finish(&f);
    }
}

static void bytes_are_a_limit(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 10}, 0);
    append(&f, 4, 0);
    append(&f, 4, 0);
    append(&f, 2, 0);
    assert_int_equal(journal_count(&f.journal), 3); /* exactly the limit is allowed */
    append(&f, 1, 0);
    assert_int_equal(journal_count(&f.journal), 3);
    assert_int_equal(f.journal.bytes, 7);
    append(&f, 7, 0);
    assert_int_equal(journal_count(&f.journal), 3);
    assert_int_equal(f.journal.bytes, 10);
    assert_null(journal_get(&f.journal, 2));
    assert_ptr_equal(journal_get(&f.journal, 3), item_of(3));
    finish(&f);
}

static void limits_can_change(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 1000}, 0);
    for (int i = 0; i < 100; i++)
        append(&f, 1, 0);
    journal_set_limits(&f.journal, &(struct journal_limits){.count = 10, .bytes = 1000});
    assert_int_equal(journal_count(&f.journal), 100);
    assert_int_equal(journal_first_after(&f.journal, 1), 92);
    append(&f, 1, 0);
    assert_int_equal(journal_count(&f.journal), 10);
    assert_int_equal(journal_first(&f.journal), 92);
    journal_set_limits(&f.journal, &(struct journal_limits){.count = 200, .bytes = 5});
    append(&f, 1, 0);
    assert_int_equal(journal_count(&f.journal), 5);
    journal_set_limits(&f.journal, &(struct journal_limits){.count = 200, .bytes = 1000});
    for (int i = 0; i < 300; i++)
        append(&f, 1, 0);
    assert_int_equal(journal_count(&f.journal), 200);
    finish(&f);
}

static void newest_stays_however_large(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 10}, 0);
    append(&f, 5, 0);
    append(&f, 1000, 0);
    assert_int_equal(journal_count(&f.journal), 1);
    assert_ptr_equal(journal_get(&f.journal, 2), item_of(2));
    append(&f, 2000, 0);
    assert_int_equal(journal_count(&f.journal), 1);
    assert_ptr_equal(journal_get(&f.journal, 3), item_of(3));
    append(&f, 10, 0);
    assert_int_equal(f.journal.bytes, 10);
    finish(&f);
}

static void age_is_a_limit(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 1000, .age_ms = 50}, 0);
    append(&f, 1, 1000);
    append(&f, 1, 1010);
    append(&f, 1, 1020);
    journal_expire(&f.journal, 1050);
    assert_int_equal(journal_count(&f.journal), 3); /* exactly that old is allowed */
    journal_expire(&f.journal, 1051);
    assert_int_equal(journal_count(&f.journal), 2);
    journal_expire(&f.journal, 1065);
    assert_int_equal(journal_count(&f.journal), 1);
    journal_expire(&f.journal, 2000);
    assert_int_equal(journal_count(&f.journal), 0);
    assert_int_equal(f.journal.bytes, 0);
    append(&f, 1, 2000);
    assert_ptr_equal(journal_get(&f.journal, 4), item_of(4));
    finish(&f);
}

static void without_age_nothing_expires(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 1000}, 0);
    append(&f, 1, 0);
    journal_expire(&f.journal, UINT64_MAX);
    assert_int_equal(journal_count(&f.journal), 1);
    finish(&f);
}

/* The time of an item may come from a thread that read its clock a moment later. */
static void item_of_the_future_is_not_old(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 1000, .age_ms = 50}, 0);
    append(&f, 1, 1001);
    journal_expire(&f.journal, 1000);
    assert_int_equal(journal_count(&f.journal), 1);
    finish(&f);
}

/* The ring doubles while its items sit at every possible offset in it. */
static void growth_keeps_every_item(void **state)
{
    (void)state;
    for (uint64_t head = 0; head < 130; head++) {
        struct fixture f;
        start(&f, (struct journal_limits){.count = 1000, .bytes = SIZE_MAX}, head);
        for (unsigned i = 0; i < 300; i++)
            append(&f, 1, 0);
        assert_int_equal(f.drops, 0);
        for (uint64_t seq = head + 1; seq <= head + 300; seq++)
            assert_ptr_equal(journal_get(&f.journal, seq), item_of(seq));
        finish(&f);
    }
}

/* Real numbers are microseconds since 1970, and end at 2^53. */
static void large_numbers_work(void **state)
{
    uint64_t head = (UINT64_C(1) << 53) - 200;
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 70, .bytes = SIZE_MAX}, head);
    for (unsigned i = 0; i < 199; i++)
        append(&f, 1, 0);
    assert_int_equal(journal_head(&f.journal), (UINT64_C(1) << 53) - 1);
    assert_int_equal(journal_count(&f.journal), 70);
    assert_int_equal(journal_first(&f.journal), (UINT64_C(1) << 53) - 70);
    finish(&f);
}

static void holes_are_no_items(void **state)
{
    static const uint64_t seqs[] = {50, 51, 60, 61, 62, 1000000};
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 100, .bytes = 1000}, 41);
    assert_int_equal(journal_first(&f.journal), 42);
    assert_int_equal(journal_first_after(&f.journal, 1), 42);
    assert_int_equal(journal_before(&f.journal, 50), 0);
    for (size_t i = 0; i < ARRAY_LEN(seqs); i++)
        append_seq(&f, seqs[i], 1, 0);
    assert_int_equal(journal_head(&f.journal), 1000000);
    assert_int_equal(journal_first(&f.journal), 50);
    for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
        assert_ptr_equal(journal_get(&f.journal, seqs[i]), item_of(seqs[i]));
        assert_int_equal(journal_before(&f.journal, seqs[i]), i > 0 ? seqs[i - 1] : 0);
        assert_int_equal(journal_count_after(&f.journal, seqs[i]), ARRAY_LEN(seqs) - 1 - i);
    }
    assert_null(journal_get(&f.journal, 49));
    assert_null(journal_get(&f.journal, 52));
    assert_null(journal_get(&f.journal, 63));
    assert_null(journal_get(&f.journal, 999999));
    assert_null(journal_get(&f.journal, 1000001));
    assert_int_equal(journal_before(&f.journal, 59), 51);
    assert_int_equal(journal_before(&f.journal, 2000000), 1000000);
    assert_int_equal(journal_count_after(&f.journal, 0), 6);
    assert_int_equal(journal_count_after(&f.journal, 2000000), 0);
    finish(&f);
}

/* Any sequence of calls gives what a plain list would give; every other one has holes. */
static void agrees_with_a_simple_model(void **state)
{
    enum { STEPS = 20000 };
    static size_t costs[STEPS];
    static uint64_t times[STEPS], seqs[STEPS];
    uint64_t seed = 1, now = 5, first = 0, next = 0, head = 1000;
    size_t bytes = 0;
    struct fixture f;

    (void)state;
    start(&f, (struct journal_limits){.count = 150, .bytes = 5000, .age_ms = 100}, head);
    for (unsigned i = 0; i < STEPS; i++) {
        now += unit_random(&seed) % 3;
        costs[next] = unit_random(&seed) % 100 == 0 ? 9000 : unit_random(&seed) % 60;
        times[next] = now;
        head += i / 1000 % 2 == 0 ? 1 : 1 + unit_random(&seed) % 50;
        seqs[next] = head;
        append_seq(&f, head, costs[next], now);
        bytes += costs[next++];
        while (next - first > 150 || (bytes > 5000 && next - first > 1))
            bytes -= costs[first++];
        if (unit_random(&seed) % 4 == 0) {
            journal_expire(&f.journal, now);
            while (first < next && now - times[first] > 100)
                bytes -= costs[first++];
        }
        assert_int_equal(journal_count(&f.journal), next - first);
        assert_int_equal(f.journal.bytes, bytes);
        assert_int_equal(journal_first(&f.journal), first < next ? seqs[first] : head + 1);
        assert_int_equal(journal_head(&f.journal), head);
        if (first < next) {
            uint64_t held = first + unit_random(&seed) % (next - first);
            assert_ptr_equal(journal_get(&f.journal, seqs[held]), item_of(seqs[held]));
            assert_int_equal(journal_count_after(&f.journal, seqs[held]), next - held - 1);
            assert_int_equal(journal_before(&f.journal, seqs[held]),
                             held > first ? seqs[held - 1] : 0);
        }
    }
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_journal_has_nothing),
        cmocka_unit_test(numbers_follow_the_head),
        cmocka_unit_test(count_is_a_limit),
        cmocka_unit_test(bytes_are_a_limit),
        cmocka_unit_test(limits_can_change),
        cmocka_unit_test(newest_stays_however_large),
        cmocka_unit_test(age_is_a_limit),
        cmocka_unit_test(without_age_nothing_expires),
        cmocka_unit_test(item_of_the_future_is_not_old),
        cmocka_unit_test(growth_keeps_every_item),
        cmocka_unit_test(large_numbers_work),
        cmocka_unit_test(holes_are_no_items),
        cmocka_unit_test(agrees_with_a_simple_model),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
