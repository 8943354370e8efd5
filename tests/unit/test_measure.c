#include "unit.h"

#include "../../src/swarm/measure_merge.h"

#define MS 1000000u

static struct measure measure, second;
static struct measure_track tracks[4];

/* One round, and `clients` clients that have joined. */
static void begin(unsigned clients)
{
    assert_true(measure_init(&measure, 1, 2));
    memset(tracks, 0, sizeof(tracks));
    for (unsigned i = 0; i < clients; i++)
        measure_join(&measure, &tracks[i]);
}

static void publish(unsigned count, unsigned clients)
{
    for (unsigned i = 0; i < count; i++)
        measure_answer(&measure, measure_publish(&measure, 1000 + measure.count, clients),
                       MEASURE_ACCEPTED);
}

static void arrive(unsigned client, uint64_t n)
{
    measure_arrival(&measure, &tracks[client], n, 1000 + n, 2000);
}

static const struct measure_round *finish(void)
{
    for (size_t i = 0; i < ARRAY_LEN(tracks); i++)
        measure_finish_track(&measure, &tracks[i]);
    measure_finish(&measure);
    measure_conclude(&measure);
    return &measure.rounds[0];
}

static void assert_counts(unsigned delivered, unsigned lost, unsigned duplicated, unsigned order)
{
    const struct measure_round *round = finish();

    assert_int_equal(round->all.delivered, delivered);
    assert_int_equal(round->all.lost, lost);
    assert_int_equal(round->all.duplicated, duplicated);
    assert_int_equal(round->all.out_of_order, order);
    measure_free(&measure);
}

static void test_everything_arrives(void **state)
{
    (void)state;
    begin(2);
    publish(3, 2);
    assert_int_equal(measure.unfinished, 3);
    for (unsigned n = 0; n < 3; n++) {
        arrive(0, n);
        assert_int_equal(measure.unfinished, 3 - n);
        arrive(1, n);
        assert_int_equal(measure.unfinished, 2 - n);
    }
    assert_int_equal(measure.oldest, 3);
    assert_counts(6, 0, 0, 0);
}

static void test_lost(void **state)
{
    (void)state;
    begin(2);
    publish(5, 2);
    arrive(0, 1); /* misses 0, 2 and 4; the other client misses everything */
    arrive(0, 3);
    assert_counts(2, 3 + 5, 0, 0);
}

static void test_duplicated(void **state)
{
    (void)state;
    begin(1);
    publish(3, 1);
    arrive(0, 0);
    arrive(0, 0);
    arrive(0, 1);
    arrive(0, 2);
    arrive(0, 0);
    assert_counts(3, 0, 2, 0);
}

static void test_out_of_order(void **state)
{
    static const unsigned order[] = {0, 4, 2, 1, 3, 6, 5, 2};

    (void)state;
    begin(1);
    publish(7, 1);
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        arrive(0, order[i]);
    assert_int_equal(measure.unfinished, 0);
    assert_counts(7, 0, 1, 4); /* 2, 1, 3 and 5 came late; the second 2 is a duplicate */
}

/* Every order of arrival gives the same sum: what is late is not lost. */
static void test_random_order(void **state)
{
    unsigned numbers[200];
    uint64_t random = 1;

    (void)state;
    begin(1);
    publish(ARRAY_LEN(numbers), 1);
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        numbers[i] = i;
    for (unsigned i = ARRAY_LEN(numbers) - 1; i > 0; i--) {
        unsigned j = unit_random(&random) % (i + 1), other = numbers[j];

        numbers[j] = numbers[i];
        numbers[i] = other;
    }
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        arrive(0, numbers[i]);
    assert_int_equal(finish()->all.lost, 0);
    assert_int_equal(measure.rounds[0].all.delivered, ARRAY_LEN(numbers));
    assert_int_equal(measure.rounds[0].all.duplicated, 0);
    measure_free(&measure);
}

static void test_refused_is_not_lost(void **state)
{
    (void)state;
    begin(1);
    measure_answer(&measure, measure_publish(&measure, 1000, 1), MEASURE_REFUSED);
    measure_publish(&measure, 1001, 1); /* no answer, and nobody got it */
    publish(1, 1);
    assert_int_equal(measure.unfinished, 2);
    arrive(0, 2);
    assert_int_equal(measure.unfinished, 1);
    assert_int_equal(finish()->refused, 1);
    assert_int_equal(measure.rounds[0].unanswered, 1);
    assert_int_equal(measure.rounds[0].all.lost, 0);
    measure_free(&measure);
}

/* Somebody got it: so it was published, and who did not get it lost it. */
static void test_unanswered_but_delivered(void **state)
{
    (void)state;
    begin(2);
    measure_publish(&measure, 1000, 2);
    arrive(0, 0);
    assert_counts(1, 1, 0, 0);
}

static void test_joins_late_and_leaves_early(void **state)
{
    (void)state;
    begin(1);
    publish(2, 1);
    measure_join(&measure, &tracks[1]);
    arrive(1, 1); /* was under way when it joined */
    publish(2, 2);
    arrive(1, 2);
    assert_int_equal(measure.unfinished, 4);
    measure_leave(&measure, &tracks[1]); /* 3 is under way, and lost */
    publish(1, 1);
    for (unsigned n = 0; n < 5; n++)
        arrive(0, n);
    assert_int_equal(measure.unfinished, 0);
    assert_counts(6, 1, 0, 0);
}

static void test_foreign(void **state)
{
    (void)state;
    begin(1);
    publish(1, 1);
    measure_arrival(&measure, &tracks[0], 0, 77, 2000); /* another publisher's number 0 */
    measure_arrival(&measure, &tracks[0], 9, 1009, 2000);
    assert_int_equal(measure.foreign, 2);
    assert_counts(0, 1, 0, 0);
}

static void test_expired(void **state)
{
    (void)state;
    begin(1);
    publish(3, 1);
    measure_expire(&measure, 1002);
    assert_int_equal(measure.unfinished, 1);
    arrive(0, 0); /* late, but not lost */
    assert_int_equal(measure.unfinished, 1);
    assert_counts(1, 2, 0, 0);
}

/* Four clients, of which the others get the message 249, 348 and 906 ms after the first. */
static void test_relative_delay(void **state)
{
    static const unsigned ms[] = {0, 249, 348, 906};
    const struct measure_round *round;

    (void)state;
    begin(4);
    publish(1, 4);
    for (unsigned i = 0; i < ARRAY_LEN(ms); i++)
        measure_arrival(&measure, &tracks[i], 0, 1000, 1000 + (uint64_t)(100 + ms[i]) * MS);
    round = finish();
    assert_true(round->all.relative_ns == 501.0 * MS);
    assert_true(round->from_first_ns == 501.0 * MS);
    assert_int_equal(round->skew.count, 1);
    assert_int_equal(round->skew.max, 906 * MS);
    assert_int_equal(round->all.relative.count, 3);
    assert_int_equal(round->all.relative.min, 249 * MS);
    assert_int_equal(round->all.relative.max, 906 * MS);
    assert_int_equal(round->all.delay.min, 100 * MS);
    assert_int_equal(round->all.delay.max, 1006 * MS);
    measure_free(&measure);
}

/* The mean over messages; one that a single client got has nothing to compare. */
static void test_relative_delay_of_messages(void **state)
{
    const struct measure_round *round;

    (void)state;
    begin(2);
    publish(3, 2);
    measure_arrival(&measure, &tracks[0], 0, 1000, 10 * MS);
    measure_arrival(&measure, &tracks[1], 0, 1000, 12 * MS);
    measure_arrival(&measure, &tracks[0], 1, 1001, 20 * MS);
    measure_arrival(&measure, &tracks[1], 1, 1001, 26 * MS);
    measure_arrival(&measure, &tracks[0], 2, 1002, 30 * MS);
    round = finish();
    assert_true(round->all.relative_ns == 4.0 * MS);
    assert_int_equal(round->skew.max, 6 * MS);
    measure_free(&measure);
}

/* Clients 0 and 1 are one group, 2 and 3 the other. */
static void begin_groups(unsigned rounds)
{
    assert_true(measure_init(&measure, rounds, 2));
    memset(tracks, 0, sizeof(tracks));
    for (unsigned i = 0; i < ARRAY_LEN(tracks); i++) {
        tracks[i].group = i < 2 ? 0 : 1;
        measure_join(&measure, &tracks[i]);
    }
}

/* What each group got, and that both together are everybody. */
static void test_groups(void **state)
{
    const struct measure_round *round;

    (void)state;
    begin_groups(1);
    publish(3, 4);
    for (unsigned i = 0; i < 4; i++)
        arrive(i, 0);
    arrive(0, 2);
    arrive(0, 1);
    arrive(2, 1);
    arrive(2, 1);
    arrive(2, 2);
    round = finish(); /* clients 1 and 3 missed 1 and 2 */
    assert_int_equal(round->groups[0].delivered, 4);
    assert_int_equal(round->groups[1].delivered, 4);
    assert_int_equal(round->groups[0].lost, 2);
    assert_int_equal(round->groups[1].lost, 2);
    assert_int_equal(round->groups[0].out_of_order, 1);
    assert_int_equal(round->groups[1].out_of_order, 0);
    assert_int_equal(round->groups[0].duplicated, 0);
    assert_int_equal(round->groups[1].duplicated, 1);
    assert_int_equal(round->groups[0].delay.count, 4);
    assert_int_equal(round->all.delay.count, 8);
    assert_int_equal(round->all.delivered, 8);
    assert_int_equal(round->all.lost, 4);
    assert_int_equal(round->all.duplicated, 1);
    assert_int_equal(round->all.out_of_order, 1);
    measure_free(&measure);
}

/* The delay after the first client of all, whichever group that is in. */
static void test_relative_delay_of_groups(void **state)
{
    static const unsigned ms[] = {0, 10, 30, 50};
    const struct measure_round *round;

    (void)state;
    begin_groups(1);
    publish(1, 4);
    for (unsigned i = 0; i < ARRAY_LEN(ms); i++)
        measure_arrival(&measure, &tracks[i], 0, 1000, 1000 + (uint64_t)(100 + ms[i]) * MS);
    round = finish();
    assert_true(round->groups[0].relative_ns == 10.0 * MS);
    assert_true(round->groups[1].relative_ns == 40.0 * MS);
    assert_true(round->all.relative_ns == 30.0 * MS);
    measure_free(&measure);
}

/* All rounds of a group together; a round's sums can be asked for while it runs. */
static void test_groups_over_rounds(void **state)
{
    (void)state;
    begin_groups(2);
    publish(1, 4);
    arrive(0, 0);
    measure_arrival(&measure, &tracks[2], 0, 1000, 2000 + 10 * MS);
    measure_sum(&measure, 0);
    measure_sum(&measure, 0);
    assert_int_equal(measure.rounds[0].all.delivered, 2);
    assert_int_equal(measure.rounds[0].all.delay.count, 2);
    measure.round = 1;
    publish(2, 4);
    for (unsigned n = 1; n < 3; n++) {
        arrive(0, n);
        measure_arrival(&measure, &tracks[2], n, 1000 + n, 2000 + 40 * MS);
    }
    finish();
    assert_int_equal(measure.rounds[0].all.delivered, 2);
    assert_int_equal(measure.rounds[1].all.delivered, 4);
    assert_int_equal(measure_group(&measure, 0)->delivered, 3);
    assert_int_equal(measure_group(&measure, 1)->delivered, 3);
    assert_int_equal(measure_group(&measure, 1)->lost, 3); /* client 3 got nothing */
    assert_int_equal(measure_group(&measure, 1)->compared, 3);
    assert_true(measure_group(&measure, 1)->relative_ns == 30.0 * MS);
    assert_int_equal(measure_group(&measure, 0)->compared, 0);
    measure_free(&measure);
}

/* A client that leaves because it wants to has lost what it skipped, and nothing that is under way;
 * when it comes back it begins anew. */
static void test_departs_and_returns(void **state)
{
    (void)state;
    begin(2);
    publish(4, 2);
    arrive(0, 0);
    arrive(0, 2);
    measure_depart(&measure, &tracks[0]); /* 1 was skipped, 3 is under way */
    for (unsigned n = 0; n < 4; n++)
        arrive(1, n);
    assert_int_equal(measure.unfinished, 0);
    publish(1, 1);
    measure_join(&measure, &tracks[0]);
    publish(1, 2);
    arrive(1, 4);
    arrive(1, 5);
    arrive(0, 5);
    assert_int_equal(measure.unfinished, 0);
    assert_counts(2 + 6 + 1, 1, 0, 0);
}

/* Writes `from` and reads it back into `to`, as an agent and its controller do. */
static void transfer(struct measure *to, struct measure *from)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive out = archive_writer(&bytes), in;

    measure_archive(&out, from);
    assert_true(archive_complete(&out));
    assert_true(measure_init(to, from->round_count, from->groups));
    in = archive_reader((struct span){bytes.data, bytes.len});
    measure_archive(&in, to);
    assert_true(archive_complete(&in));
    strbuf_free(&bytes);
}

/* What becomes of message `n` at a client: after how many ticks it comes, and how many times. */
static unsigned fate(unsigned client, unsigned n, unsigned *copies)
{
    uint64_t random = client * 1000 + n + 1;
    unsigned late;

    for (unsigned i = 0; i < 5; i++)
        unit_random(&random);
    late = unit_random(&random) % 100;
    *copies = unit_random(&random) % 20;
    *copies = *copies > 2 ? 1 : *copies;
    return late;
}

/* What comes to some clients, in the order of time. */
static void play(struct measure *to, const unsigned clients[], unsigned count)
{
    struct measure_track own[6] = {{0}};

    for (unsigned i = 0; i < count; i++) {
        own[i].group = (uint8_t)(clients[i] % 2);
        own[i].end = UINT32_MAX;
    }
    for (unsigned tick = 0; tick < 100; tick++) {
        for (unsigned i = 0; i < count; i++) {
            for (unsigned n = 0; n < 50; n++) {
                unsigned copies;

                if (fate(clients[i], n, &copies) != tick)
                    continue;
                while (copies-- > 0)
                    measure_arrival(to, &own[i], n, 1000 + n, 5000 + tick * (uint64_t)MS);
            }
        }
    }
    for (unsigned i = 0; i < count; i++)
        measure_finish_track(to, &own[i]);
}

static void announce(struct measure *to)
{
    assert_true(measure_init(to, 1, 2));
    for (unsigned n = 0; n < 50; n++)
        measure_answer(to, measure_publish(to, 1000 + n, 6), MEASURE_ACCEPTED);
}

/* Six clients measured by one process, and by three that are sent to a fourth and merged there. */
static void test_merge_is_exact(void **state)
{
    static struct measure parts[3], merged, arrived;
    const struct measure_round *one, *many;

    (void)state;
    announce(&second);
    play(&second, (const unsigned[]){0, 1, 2, 3, 4, 5}, 6);
    measure_finish(&second);
    for (unsigned i = 0; i < 3; i++) {
        announce(&parts[i]);
        play(&parts[i], (const unsigned[]){i, i + 3}, 2);
        measure_finish(&parts[i]);
    }
    transfer(&merged, &parts[0]);
    for (unsigned i = 1; i < 3; i++) {
        transfer(&arrived, &parts[i]);
        assert_true(measure_merge(&merged, &arrived));
        measure_free(&arrived);
    }
    measure_conclude(&second);
    measure_conclude(&merged);
    one = &second.rounds[0];
    many = &merged.rounds[0];
    assert_int_equal(many->all.delivered, one->all.delivered);
    assert_int_equal(many->all.lost, one->all.lost);
    assert_int_equal(many->all.duplicated, one->all.duplicated);
    assert_memory_equal(&many->all.delay, &one->all.delay, sizeof(one->all.delay));
    assert_memory_equal(&many->skew, &one->skew, sizeof(one->skew));
    assert_true(many->from_first_ns > one->from_first_ns * 0.999999 &&
                many->from_first_ns < one->from_first_ns * 1.000001);
    assert_int_equal(many->all.processes, 3);
    assert_int_equal(one->all.processes, 1);
    for (unsigned i = 0; i < 2; i++)
        assert_memory_equal(&many->groups[i].delay, &one->groups[i].delay,
                            sizeof(one->groups[i].delay));
    for (unsigned i = 0; i < 3; i++)
        measure_free(&parts[i]);
    measure_free(&merged);
    measure_free(&second);
}

/* Of several processes, each of which has a first client of its own, the mean of their means. */
static void test_relative_delay_of_processes(void **state)
{
    (void)state;
    begin(2);
    publish(1, 2);
    measure_arrival(&measure, &tracks[0], 0, 1000, 1000 + 10 * MS);
    measure_arrival(&measure, &tracks[1], 0, 1000, 1000 + 30 * MS);
    finish();
    transfer(&second, &measure);
    measure_free(&measure);
    begin(3);
    publish(1, 3);
    measure_arrival(&measure, &tracks[0], 0, 1000, 1000 + 20 * MS);
    measure_arrival(&measure, &tracks[1], 0, 1000, 1000 + 60 * MS);
    measure_arrival(&measure, &tracks[2], 0, 1000, 1000 + 100 * MS);
    for (size_t i = 0; i < 3; i++)
        measure_finish_track(&measure, &tracks[i]);
    measure_finish(&measure);
    assert_true(measure_merge(&second, &measure));
    measure_conclude(&second);
    assert_true(second.rounds[0].all.relative_ns == 40.0 * MS); /* of 20 and 60 */
    assert_true(second.rounds[0].from_first_ns == 42.5 * MS);   /* of 20, 10, 50 and 90 */
    assert_int_equal(second.rounds[0].skew.max, 90 * MS);
    measure_free(&measure);
    measure_free(&second);
}

/* Those of another run. */
static void test_merge_of_others(void **state)
{
    (void)state;
    begin(1);
    publish(2, 1);
    assert_true(measure_init(&second, 1, 2));
    measure_publish(&second, 999, 1);
    assert_false(measure_merge(&measure, &second));
    measure_free(&second);
    assert_true(measure_init(&second, 1, 3));
    assert_false(measure_merge(&measure, &second));
    measure_free(&second);
    finish();
    measure_free(&measure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_duplicated),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_random_order),
        cmocka_unit_test(test_refused_is_not_lost),
        cmocka_unit_test(test_unanswered_but_delivered),
        cmocka_unit_test(test_joins_late_and_leaves_early),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_relative_delay),
        cmocka_unit_test(test_relative_delay_of_messages),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_relative_delay_of_groups),
        cmocka_unit_test(test_groups_over_rounds),
        cmocka_unit_test(test_departs_and_returns),
        cmocka_unit_test(test_merge_is_exact),
        cmocka_unit_test(test_relative_delay_of_processes),
        cmocka_unit_test(test_merge_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
