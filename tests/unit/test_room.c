#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "delivery_fixture.h"

enum { FEW = 1000, MANY = 5000 };

static void intern(struct room_table *table, struct room **rooms, int from, int to)
{
    for (int i = from; i < to; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "room %d", i);

        rooms[i] = room_intern(table, 0, name, (size_t)len);
        assert_non_null(rooms[i]);
    }
}

static void release(struct room_table *table, struct room **rooms, int count)
{
    for (int i = 0; i < count; i++)
        room_release(table, rooms[i]);
}

static void count(unsigned *seen, const struct room *room)
{
    for (; room != NULL; room = room->next)
        if (room->name_len > 0)
            seen[atoi(room->name + strlen("room "))]++;
}

static void test_scan_sees_each_room_once(void **state)
{
    static struct fixture fixture;
    static struct room *rooms[FEW];
    static unsigned seen[FEW];
    struct room_table *table = &fixture.thread.delivery.rooms;
    uint32_t scan = 0;

    (void)state;
    fixture_open(&fixture, "");
    intern(table, rooms, 0, FEW);
    do {
        count(seen, room_table_scan(table, &scan));
    } while (scan != 0);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(seen[i], 1);
    release(table, rooms, FEW);
    fixture_close(&fixture);
}

/* The table grows after `step` buckets. */
static void scan_while_it_grows(unsigned step)
{
    static struct fixture fixture;
    static struct room *rooms[MANY];
    unsigned *seen = calloc(MANY, sizeof(*seen)), steps = 0;
    struct room_table *table = &fixture.thread.delivery.rooms;
    uint32_t scan = 0, buckets;

    fixture_open(&fixture, "");
    intern(table, rooms, 0, FEW);
    buckets = table->bucket_count;
    do {
        count(seen, room_table_scan(table, &scan));
        if (++steps == step)
            intern(table, rooms, FEW, MANY);
    } while (scan != 0);
    assert_true(table->bucket_count > buckets);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(seen[i], 1);
    for (int i = FEW; i < MANY; i++)
        assert_true(seen[i] <= 1);
    release(table, rooms, MANY);
    free(seen);
    fixture_close(&fixture);
}

static void test_scan_while_the_table_grows(void **state)
{
    (void)state;
    for (unsigned step = 1; step < FEW; step += 97)
        scan_while_it_grows(step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_sees_each_room_once),
        cmocka_unit_test(test_scan_while_the_table_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
