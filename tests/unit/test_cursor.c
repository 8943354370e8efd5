#include "unit.h"

#include "../../src/stentord/cursor.h"

enum { MANY = 1000 };

static struct session *const somebody = (struct session *)(uintptr_t)16;

static void take_all(struct cursor_table *table, uint32_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slots[i] = cursor_take(table, somebody);
        assert_int_not_equal(slots[i], CURSOR_NONE);
    }
}

static void test_slots_are_used_again(void **state)
{
    struct cursor_table table;
    uint32_t slots[MANY];

    (void)state;
    cursor_table_init(&table);
    take_all(&table, slots, MANY);
    assert_int_equal(table.count, MANY);
    cursor_release(&table, slots[7]);
    cursor_release(&table, slots[500]);
    assert_int_equal(cursor_take(&table, somebody), slots[500]);
    assert_int_equal(cursor_take(&table, somebody), slots[7]);
    assert_int_equal(cursor_take(&table, somebody), MANY);
    cursor_table_destroy(&table);
}

static void test_trim_keeps_who_is_there(void **state)
{
    struct cursor_table table;
    uint32_t slots[MANY];

    (void)state;
    cursor_table_init(&table);
    take_all(&table, slots, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        table.cursors[slots[i]].seq = i;
        if (i % 100 != 50 || i > 500)
            cursor_release(&table, slots[i]);
    }
    cursor_table_trim(&table);
    assert_int_equal(table.count, 451);
    assert_int_equal(table.taken, 5);
    assert_int_equal(table.capacity, 512);
    for (uint32_t i = 50; i <= 450; i += 100) {
        assert_ptr_equal(table.cursors[slots[i]].session, somebody);
        assert_int_equal(table.cursors[slots[i]].seq, i);
    }
    /* Every slot but these five is free, from the first one on, and is given out once. */
    bool seen[MANY] = {false};
    for (uint32_t i = 0; i < MANY - 5; i++) {
        uint32_t slot = cursor_take(&table, somebody);

        assert_in_range(slot, 0, MANY - 1);
        assert_false(seen[slot]);
        assert_true(slot > 450 || slot % 100 != 50);
        seen[slot] = true;
    }
    assert_int_equal(table.count, MANY);
    cursor_table_destroy(&table);
}

static void test_trim_gives_all_back(void **state)
{
    struct cursor_table table;
    uint32_t slots[MANY];

    (void)state;
    cursor_table_init(&table);
    cursor_table_trim(&table);
    assert_int_equal(table.capacity, 0);
    take_all(&table, slots, MANY);
    for (size_t i = 0; i < MANY; i++)
        cursor_release(&table, slots[i]);
    cursor_table_trim(&table);
    assert_int_equal(table.count, 0);
    assert_int_equal(table.taken, 0);
    assert_int_equal(table.capacity, 64);
    assert_int_equal(cursor_take(&table, somebody), 0);
    cursor_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_used_again),
        cmocka_unit_test(test_trim_keeps_who_is_there),
        cmocka_unit_test(test_trim_gives_all_back),
    };

    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
