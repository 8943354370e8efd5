/*
 * A grid against a model of it: whoever has other neighbours than before, and nobody who is not
 * told so; one move at most; and what a hundred thousand members cost.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/stentord/grid.h"
#include "../../src/stentord/seat.h"

enum { MODEL_MAX = 64 };

static uint32_t random_state = 1;

static uint32_t random_number(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static struct grid_member new_member(uint32_t number)
{
    struct grid_member member = {.place = number};

    for (int i = 0; i < SESSION_ID_BYTES; i++)
        member.id[i] = (uint8_t)random_number();
    memcpy(member.id, &number, sizeof(number));
    return member;
}

/* --- The model: cells in rows, looked at by their coordinates */

/* The place of whoever is at x, y; GRID_NONE for nobody. */
static uint32_t model_at(const struct grid *grid, long x, long y)
{
    long cell = y * (long)grid->columns + x;

    if (x < 0 || y < 0 || x >= (long)grid->columns || cell >= (long)grid->count)
        return GRID_NONE;
    return grid->members[cell].place;
}

/* Walks in a direction; where nobody is, back to the last one at the other end. */
static uint32_t model_neighbour(const struct grid *grid, uint32_t cell, long dx, long dy)
{
    long x = cell % grid->columns, y = cell / grid->columns;
    uint32_t self = grid->members[cell].place, found = model_at(grid, x + dx, y + dy);

    if (found != GRID_NONE)
        return found;
    if (!grid->wrap)
        return GRID_NONE;
    while (model_at(grid, x - dx, y - dy) != GRID_NONE) {
        x -= dx;
        y -= dy;
    }
    found = model_at(grid, x, y);
    return found == self ? GRID_NONE : found;
}

/* What a member sees: its cell and its neighbours' places. */
struct view {
    uint32_t cell;
    uint32_t neighbours[GRID_DIRECTIONS];
};

static struct view look(const struct grid *grid, uint32_t cell)
{
    static const long dx[] = {0, 1, 0, -1}, dy[] = {-1, 0, 1, 0};
    struct view view = {.cell = cell};

    for (unsigned i = 0; i < GRID_DIRECTIONS; i++) {
        uint32_t neighbour = grid_neighbour(grid, cell, (enum grid_direction)i);

        view.neighbours[i] = neighbour == GRID_NONE ? GRID_NONE : grid->members[neighbour].place;
        assert_int_equal(view.neighbours[i], model_neighbour(grid, cell, dx[i], dy[i]));
    }
    return view;
}

/* What all members see, by their places. */
static void look_at_all(const struct grid *grid, struct view views[MODEL_MAX])
{
    for (uint32_t i = 0; i < MODEL_MAX; i++)
        views[i].cell = GRID_NONE;
    for (uint32_t cell = 0; cell < grid->count; cell++) {
        views[grid->members[cell].place] = look(grid, cell);
        assert_int_equal(grid_find(grid, grid->members[cell].id), cell);
    }
}

static bool is_changed(const struct grid_changes *changes, uint32_t cell)
{
    for (unsigned i = 0; i < changes->count; i++)
        if (changes->cells[i] == cell)
            return true;
    return false;
}

/* Compares before and after; returns how many members have moved. */
static unsigned compare(const struct grid *grid, const struct view *before,
                        const struct view *after, const struct grid_changes *changes)
{
    unsigned moved = 0;

    for (unsigned i = 0; i < changes->count; i++)
        assert_true(changes->cells[i] < grid->count);
    for (uint32_t place = 0; place < MODEL_MAX; place++) {
        if (after[place].cell == GRID_NONE)
            continue;
        if (memcmp(&before[place], &after[place], sizeof(before[place])) != 0)
            assert_true(is_changed(changes, after[place].cell));
        if (before[place].cell != GRID_NONE && before[place].cell != after[place].cell)
            moved++;
    }
    return moved;
}

static void run_model(unsigned columns, bool wrap)
{
    struct view before[MODEL_MAX], after[MODEL_MAX];
    struct grid_changes changes;
    struct grid grid;

    grid_init(&grid, columns, wrap);
    look_at_all(&grid, before);
    for (int step = 0; step < 1000; step++) {
        uint32_t place = random_number() % MODEL_MAX;
        unsigned most_moves = 0;

        if (before[place].cell == GRID_NONE) {
            struct grid_member member = new_member(place);
            assert_int_equal(grid_find(&grid, member.id), GRID_NONE);
            uint32_t cell = grid_join(&grid, &member, &changes);
            assert_int_equal(cell, grid.count - 1);
        } else {
            grid_leave(&grid, before[place].cell, &changes);
            most_moves = 1;
        }
        look_at_all(&grid, after);
        assert_true(compare(&grid, before, after, &changes) <= most_moves);
        memcpy(before, after, sizeof(before));
    }
    grid_destroy(&grid);
}

static void test_model(void **state)
{
    static const unsigned columns[] = {1, 2, 3, 5, 7, 63, 64, 1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        run_model(columns[i], true);
        run_model(columns[i], false);
    }
}

static void test_two_windows(void **state)
{
    struct grid_member a = new_member(0), b = new_member(1);
    struct grid_changes changes;
    struct grid grid;

    (void)state;
    grid_init(&grid, 316, true);
    assert_int_equal(grid_join(&grid, &a, &changes), 0);
    assert_int_equal(changes.count, 1);
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++)
        assert_int_equal(grid_neighbour(&grid, 0, (enum grid_direction)i), GRID_NONE);
    assert_int_equal(grid_join(&grid, &b, &changes), 1);
    assert_int_equal(changes.count, 2);
    assert_int_equal(grid_neighbour(&grid, 0, GRID_EAST), 1);
    assert_int_equal(grid_neighbour(&grid, 0, GRID_WEST), 1);
    assert_int_equal(grid_neighbour(&grid, 1, GRID_EAST), 0);
    assert_int_equal(grid_neighbour(&grid, 0, GRID_SOUTH), GRID_NONE);
    grid_leave(&grid, 0, &changes);
    assert_int_equal(grid_find(&grid, b.id), 0);
    assert_int_equal(grid_find(&grid, a.id), GRID_NONE);
    grid_leave(&grid, 0, &changes);
    assert_int_equal(changes.count, 0);
    assert_int_equal(grid_find(&grid, b.id), GRID_NONE);
    grid_destroy(&grid);
}

static void test_directions(void **state)
{
    enum grid_direction direction;

    (void)state;
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++) {
        const char *name = grid_direction_name((enum grid_direction)i);
        assert_true(grid_direction_parse(name, strlen(name), &direction));
        assert_int_equal(direction, i);
        assert_false(grid_direction_parse(name, strlen(name) - 1, &direction));
    }
    assert_false(grid_direction_parse("", 0, &direction));
    assert_false(grid_direction_parse("East", 4, &direction));
}

/* Less than 64 bytes a member, at any size, here and on its own thread together; and given back. */
static void test_many(void **state)
{
    enum { MANY = 100000 };
    struct grid_member *members = malloc(MANY * sizeof(*members));
    struct grid_changes changes;
    struct seat_pool seats;
    struct grid grid;

    (void)state;
    grid_init(&grid, 316, true);
    seat_pool_init(&seats);
    for (uint32_t i = 0; i < MANY; i++) {
        members[i] = new_member(i);
        assert_int_equal(grid_join(&grid, &members[i], &changes), i);
        assert_true(changes.count <= 5);
        assert_int_equal(seat_take(&seats), i + 1);
        if (i >= 10000)
            assert_true((grid_bytes(&grid) + seat_pool_bytes(&seats)) / (i + 1) < 64);
    }
    print_message("%zu bytes a member\n", (grid_bytes(&grid) + seat_pool_bytes(&seats)) / MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t cell = grid_find(&grid, members[i].id);
        assert_int_not_equal(cell, GRID_NONE);
        grid_leave(&grid, cell, &changes);
        assert_true(changes.count <= GRID_MAX_CHANGES);
        seat_give(&seats, i + 1);
    }
    assert_int_equal(grid.count, 0);
    assert_true(grid_bytes(&grid) < 4096);
    assert_int_equal(seat_pool_bytes(&seats), 0);
    grid_destroy(&grid);
    free(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_two_windows),
        cmocka_unit_test(test_directions),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
