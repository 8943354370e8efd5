#include "unit.h"

#include "stentor/base/wheel.h"

enum { TURN_MS = WHEEL_SLOTS * WHEEL_TICK_MS };

struct alarm {
    struct wheel_timer timer;
    uint64_t deadline;
    unsigned rings;
};

struct clockwork {
    struct wheel wheel;
    uint64_t now;
    unsigned rings;
    struct alarm *cancel; /* what the next callback does */
    struct alarm *set;
    uint64_t set_deadline;
};

static void ring(struct wheel_timer *timer, void *arg)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    struct clockwork *clockwork = arg;

    assert_false(wheel_is_set(timer));
    assert_true(clockwork->now >= alarm->deadline); /* never early */
    alarm->rings++;
    clockwork->rings++;
    if (clockwork->cancel != NULL && clockwork->cancel != alarm)
        wheel_cancel(&clockwork->wheel, &clockwork->cancel->timer);
    if (clockwork->set != NULL) {
        struct alarm *set = clockwork->set;
        clockwork->set = NULL;
        set->deadline = clockwork->set_deadline;
        wheel_set(&clockwork->wheel, &set->timer, set->deadline);
    }
}

static struct clockwork *clockwork_new(uint64_t now)
{
    struct clockwork *clockwork = calloc(1, sizeof(*clockwork));

    assert_non_null(clockwork);
    clockwork->now = now;
    wheel_init(&clockwork->wheel, now);
    return clockwork;
}

static void set(struct clockwork *clockwork, struct alarm *alarm, uint64_t deadline)
{
    alarm->deadline = deadline;
    wheel_set(&clockwork->wheel, &alarm->timer, deadline);
}

static void advance(struct clockwork *clockwork, uint64_t now)
{
    clockwork->now = now;
    wheel_advance(&clockwork->wheel, now, ring, clockwork);
}

/* Every deadline within two ticks, seen from every phase of a tick, at every millisecond. */
static void deadline_is_never_early_and_at_most_a_tick_late(void **state)
{
    (void)state;
    for (uint64_t start = 100000; start < 100000 + WHEEL_TICK_MS; start += 7) {
        for (uint64_t wait = 0; wait <= 2 * WHEEL_TICK_MS; wait++) {
            struct clockwork *c = clockwork_new(start);
            struct alarm alarm = {0};
            set(c, &alarm, start + wait);
            while (alarm.rings == 0 && c->now < start + wait + 2 * WHEEL_TICK_MS)
                advance(c, c->now + 1);
            assert_int_equal(alarm.rings, 1);
            assert_true(c->now < start + wait + WHEEL_TICK_MS + 1);
            assert_int_equal(c->wheel.count, 0);
            free(c);
        }
    }
}

static void deadline_in_the_past_comes_next(void **state)
{
    struct clockwork *c = clockwork_new(100000);
    struct alarm alarm = {0};

    (void)state;
    set(c, &alarm, 5);
    assert_true(wheel_is_set(&alarm.timer));
    advance(c, 100000 + WHEEL_TICK_MS);
    assert_int_equal(alarm.rings, 1);
    set(c, &alarm, 0);
    advance(c, 100000 + 2 * WHEEL_TICK_MS);
    assert_int_equal(alarm.rings, 2);
    free(c);
}

static void moved_timer_rings_once(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm alarm = {0};

    (void)state;
    set(c, &alarm, 1000);
    set(c, &alarm, 5000);
    assert_int_equal(c->wheel.count, 1);
    advance(c, 4900);
    assert_int_equal(alarm.rings, 0);
    set(c, &alarm, 6000); /* later */
    set(c, &alarm, 5500); /* and sooner */
    advance(c, 5450);
    assert_int_equal(alarm.rings, 0);
    advance(c, 5500);
    assert_int_equal(alarm.rings, 1);
    advance(c, 100000);
    assert_int_equal(alarm.rings, 1);
    free(c);
}

static void cancelled_timer_does_not_ring(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm first = {0}, second = {0};

    (void)state;
    wheel_cancel(&c->wheel, &first.timer); /* not set: nothing happens */
    set(c, &first, 1000);
    set(c, &second, 1000);
    wheel_cancel(&c->wheel, &first.timer);
    wheel_cancel(&c->wheel, &first.timer);
    assert_false(wheel_is_set(&first.timer));
    assert_int_equal(c->wheel.count, 1);
    advance(c, 2000);
    assert_int_equal(first.rings, 0);
    assert_int_equal(second.rings, 1);
    free(c);
}

/* Of two timers that are due together, the one that rings first cancels the other. */
static void callback_cancels_its_neighbour(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm alarms[2] = {{.rings = 0}};

    (void)state;
    for (unsigned victim = 0; victim < 2; victim++) {
        memset(alarms, 0, sizeof(alarms));
        c->rings = 0;
        c->cancel = &alarms[victim];
        set(c, &alarms[0], c->now + 1000);
        set(c, &alarms[1], c->now + 1000);
        advance(c, c->now + 2000);
        /* When the victim itself rings first, it has nobody to cancel. */
        assert_true(c->rings == 1 || alarms[victim].rings == 1);
        assert_int_equal(c->wheel.count, 0);
    }
    free(c);
}

static void callback_cancels_many_neighbours(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm alarms[3];

    (void)state;
    for (unsigned victim = 0; victim < 3; victim++) {
        memset(alarms, 0, sizeof(alarms));
        c->cancel = &alarms[victim];
        for (unsigned i = 0; i < 3; i++)
            set(c, &alarms[i], c->now + 1000);
        advance(c, c->now + 2000);
        for (unsigned i = 0; i < 3; i++)
            assert_true(i == victim || alarms[i].rings == 1);
        assert_int_equal(c->wheel.count, 0);
    }
    free(c);
}

static void callback_sets_its_own_timer_again(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm alarm = {0};

    (void)state;
    set(c, &alarm, 1000);
    c->set = &alarm;
    c->set_deadline = 1000; /* already over: the next tick, not an endless loop */
    advance(c, 1000);
    assert_int_equal(alarm.rings, 1);
    assert_true(wheel_is_set(&alarm.timer));
    advance(c, 1000 + WHEEL_TICK_MS);
    assert_int_equal(alarm.rings, 2);
    assert_int_equal(c->wheel.count, 0);
    free(c);
}

/* A neighbour that is due as well moves to the same slot of the next turn. */
static void callback_moves_a_neighbour(void **state)
{
    struct clockwork *c = clockwork_new(0);
    struct alarm alarms[2] = {{.rings = 0}};

    (void)state;
    set(c, &alarms[0], 1000);
    set(c, &alarms[1], 1000);
    c->set = &alarms[0];
    c->set_deadline = 1000 + TURN_MS;
    advance(c, 1000);
    assert_int_equal(alarms[1].rings, 1);
    assert_true(alarms[0].rings <= 1);
    unsigned before = alarms[0].rings;
    advance(c, 1000 + TURN_MS - WHEEL_TICK_MS);
    assert_int_equal(alarms[0].rings, before);
    advance(c, 1000 + TURN_MS);
    assert_int_equal(alarms[0].rings, before + 1);
    free(c);
}

static void more_than_a_turn_ahead(void **state)
{
    struct clockwork *c = clockwork_new(12345);
    struct alarm alarms[4] = {{.rings = 0}};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        set(c, &alarms[i], 12345 + (uint64_t)i * TURN_MS + 500);
    for (uint64_t now = 12345; now < 12345 + 4 * (uint64_t)TURN_MS; now += WHEEL_TICK_MS) {
        advance(c, now);
        for (unsigned i = 0; i < 4; i++)
            assert_true(alarms[i].rings == 1 || now < alarms[i].deadline + WHEEL_TICK_MS);
    }
    assert_int_equal(c->rings, 4);
    free(c);
}

/* The process stood still for several turns: all that came due rings, once, and nothing else. */
static void long_pause(void **state)
{
    enum { ALARMS = 5000 };
    struct clockwork *c = clockwork_new(0);
    struct alarm *alarms = calloc(ALARMS, sizeof(*alarms));
    uint64_t pause = 3 * (uint64_t)TURN_MS + 777;

    (void)state;
    assert_non_null(alarms);
    for (unsigned i = 0; i < ALARMS; i++)
        set(c, &alarms[i], (uint64_t)i * TURN_MS / 1000);
    advance(c, pause);
    for (unsigned i = 0; i < ALARMS; i++) {
        if (alarms[i].deadline + WHEEL_TICK_MS <= pause)
            assert_int_equal(alarms[i].rings, 1);
        if (alarms[i].deadline > pause)
            assert_int_equal(alarms[i].rings, 0);
    }
    advance(c, 6 * (uint64_t)TURN_MS);
    for (unsigned i = 0; i < ALARMS; i++)
        assert_int_equal(alarms[i].rings, 1);
    assert_int_equal(c->wheel.count, 0);
    free(alarms);
    free(c);
}

/* Timers at every tick, and a pause of any length: all that is due rings in one call. */
static void pauses_of_every_length(void **state)
{
    enum { ALARMS = 2 * WHEEL_SLOTS + 5 };
    struct alarm *alarms = calloc(ALARMS, sizeof(*alarms));

    (void)state;
    assert_non_null(alarms);
    for (unsigned pause = 1; pause < ALARMS; pause += 37) {
        struct clockwork *c = clockwork_new(0);
        memset(alarms, 0, ALARMS * sizeof(*alarms));
        for (unsigned i = 1; i < ALARMS; i++)
            set(c, &alarms[i], (uint64_t)i * WHEEL_TICK_MS);
        advance(c, (uint64_t)pause * WHEEL_TICK_MS);
        for (unsigned i = 1; i < ALARMS; i++)
            assert_int_equal(alarms[i].rings, i <= pause);
        free(c);
    }
    free(alarms);
}

static void agrees_with_a_simple_model(void **state)
{
    enum { ALARMS = 200 };
    struct clockwork *c = clockwork_new(999);
    struct alarm *alarms = calloc(ALARMS, sizeof(*alarms));
    uint64_t seed = 7;

    (void)state;
    assert_non_null(alarms);
    for (unsigned step = 0; step < 20000; step++) {
        struct alarm *alarm = &alarms[unit_random(&seed) % ALARMS];
        unsigned action = unit_random(&seed) % 8;
        if (action < 5)
            set(c, alarm, c->now + unit_random(&seed) % (action == 0 ? 3 * TURN_MS : 5000));
        else if (action == 5)
            wheel_cancel(&c->wheel, &alarm->timer);
        else
            advance(c, c->now + unit_random(&seed) % (action == 6 ? 100 : 2000));
        unsigned count = 0;
        for (unsigned i = 0; i < ALARMS; i++) {
            if (!wheel_is_set(&alarms[i].timer))
                continue;
            count++;
            assert_true(alarms[i].deadline + WHEEL_TICK_MS > c->now);
        }
        assert_int_equal(c->wheel.count, count);
    }
    assert_true(c->rings > 1000);
    free(alarms);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_is_never_early_and_at_most_a_tick_late),
        cmocka_unit_test(deadline_in_the_past_comes_next),
        cmocka_unit_test(moved_timer_rings_once),
        cmocka_unit_test(cancelled_timer_does_not_ring),
        cmocka_unit_test(callback_cancels_its_neighbour),
        cmocka_unit_test(callback_cancels_many_neighbours),
        cmocka_unit_test(callback_sets_its_own_timer_again),
        cmocka_unit_test(callback_moves_a_neighbour),
        cmocka_unit_test(more_than_a_turn_ahead),
        cmocka_unit_test(long_pause),
        cmocka_unit_test(pauses_of_every_length),
        cmocka_unit_test(agrees_with_a_simple_model),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
