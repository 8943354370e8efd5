#include "grid.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

enum { GRID_FIRST_CAPACITY = 16, GRID_SMALL = 128 };

static const char *const grid_names[] = {
    [GRID_NORTH] = "north",
    [GRID_EAST] = "east",
    [GRID_SOUTH] = "south",
    [GRID_WEST] = "west",
};

const char *grid_direction_name(enum grid_direction direction)
{
    return grid_names[direction];
}

bool grid_direction_parse(const char *text, size_t len, enum grid_direction *direction)
{
    for (size_t i = 0; i < GRID_DIRECTIONS; i++) {
        if (strlen(grid_names[i]) == len && memcmp(grid_names[i], text, len) == 0) {
            *direction = (enum grid_direction)i;
            return true;
        }
    }
    return false;
}

void grid_init(struct grid *grid, unsigned columns, bool wrap)
{
    *grid = (struct grid){.columns = columns, .wrap = wrap};
}

void grid_destroy(struct grid *grid)
{
    free(grid->members);
    free(grid->table);
    grid->members = NULL;
    grid->table = NULL;
}

size_t grid_bytes(const struct grid *grid)
{
    return sizeof(*grid) + grid->capacity * sizeof(*grid->members) +
           grid->table_size * sizeof(*grid->table);
}

/* --- Finding members by their ids: a table with linear probing */

/* Where the search for the id begins. The end of an id is random, so it is its own hash. */
static uint32_t grid_slot(const struct grid *grid, const uint8_t id[SESSION_ID_BYTES])
{
    uint32_t hash;

    memcpy(&hash, id + SESSION_ID_BYTES - sizeof(hash), sizeof(hash));
    return (uint32_t)((uint64_t)hash * grid->table_size >> 32);
}

static uint32_t grid_next_slot(const struct grid *grid, uint32_t slot)
{
    return slot + 1 < grid->table_size ? slot + 1 : 0;
}

/* The slot with the id, or the free one where it belongs. */
static uint32_t grid_search(const struct grid *grid, const uint8_t id[SESSION_ID_BYTES])
{
    uint32_t slot = grid_slot(grid, id);

    while (grid->table[slot] != 0 &&
           memcmp(grid->members[grid->table[slot] - 1].id, id, SESSION_ID_BYTES) != 0)
        slot = grid_next_slot(grid, slot);
    return slot;
}

uint32_t grid_find(const struct grid *grid, const uint8_t id[SESSION_ID_BYTES])
{
    return grid->count > 0 ? grid->table[grid_search(grid, id)] - 1 : GRID_NONE;
}

/* How far behind the slot where its search begins does the entry lie? */
static uint32_t grid_distance(const struct grid *grid, uint32_t slot)
{
    uint32_t home = grid_slot(grid, grid->members[grid->table[slot] - 1].id);

    return slot >= home ? slot - home : slot + grid->table_size - home;
}

/* Frees the slot, and moves those that were behind it for its sake. */
static void grid_vacate(struct grid *grid, uint32_t slot)
{
    uint32_t next = slot, gap = 0;

    for (;;) {
        grid->table[slot] = 0;
        do {
            next = grid_next_slot(grid, next);
            gap++;
            if (grid->table[next] == 0)
                return;
        } while (grid_distance(grid, next) < gap);
        grid->table[slot] = grid->table[next];
        slot = next;
        gap = 0;
    }
}

/* A table of that size with all members; false when memory is out. */
static bool grid_rehash(struct grid *grid, uint32_t size)
{
    uint32_t *old = grid->table, *table = calloc(size, sizeof(*table));

    if (table == NULL)
        return false;
    grid->table = table;
    grid->table_size = size;
    for (uint32_t cell = 0; cell < grid->count; cell++)
        table[grid_search(grid, grid->members[cell].id)] = cell + 1;
    free(old);
    return true;
}

/* --- Memory: it follows the number of members closely, since there may be many */

static bool grid_resize(struct grid *grid, uint32_t capacity)
{
    struct grid_member *members = realloc(grid->members, capacity * sizeof(*members));

    if (members == NULL)
        return false;
    grid->members = members;
    grid->capacity = capacity;
    return true;
}

static bool grid_reserve(struct grid *grid)
{
    if (grid->count == grid->capacity &&
        !grid_resize(grid, grid->count + grid->count / 8 + GRID_FIRST_CAPACITY))
        return false;
    /* At most four of five slots are taken. */
    return ((uint64_t)grid->count + 1) * 5 <= (uint64_t)grid->table_size * 4 ||
           grid_rehash(grid, grid->count + grid->count / 2 + GRID_FIRST_CAPACITY * 2);
}

/* Without memory it stays as it is. */
static void grid_shrink(struct grid *grid)
{
    uint32_t count = grid->count;

    if (grid->capacity > GRID_SMALL && count < grid->capacity / 2)
        (void)!grid_resize(grid, count + count / 8 + GRID_FIRST_CAPACITY);
    if (grid->table_size > GRID_SMALL && count < grid->table_size / 4)
        (void)!grid_rehash(grid, count + count / 2 + GRID_FIRST_CAPACITY * 2);
}

/* --- Neighbours */

static uint32_t grid_other(uint32_t cell, uint32_t neighbour)
{
    return neighbour != cell ? neighbour : GRID_NONE;
}

uint32_t grid_neighbour(const struct grid *grid, uint32_t cell, enum grid_direction direction)
{
    uint32_t columns = grid->columns, x = cell % columns, y = cell / columns;
    uint32_t last_row = (grid->count - 1) / columns;
    uint32_t last_width = grid->count - last_row * columns;
    uint32_t width = y == last_row ? last_width : columns;
    uint32_t height = x < last_width ? last_row + 1 : last_row;

    switch (direction) {
    case GRID_EAST:
        if (x + 1 < width)
            return cell + 1;
        return grid->wrap ? grid_other(cell, cell - x) : GRID_NONE;
    case GRID_WEST:
        if (x > 0)
            return cell - 1;
        return grid->wrap ? grid_other(cell, cell + width - 1) : GRID_NONE;
    case GRID_SOUTH:
        if (y + 1 < height)
            return cell + columns;
        return grid->wrap ? grid_other(cell, x) : GRID_NONE;
    case GRID_NORTH:
        if (y > 0)
            return cell - columns;
        return grid->wrap ? grid_other(cell, x + (height - 1) * columns) : GRID_NONE;
    case GRID_DIRECTIONS:
        break;
    }
    return GRID_NONE;
}

static void grid_note(struct grid_changes *changes, uint32_t cell)
{
    if (cell == GRID_NONE)
        return;
    for (unsigned i = 0; i < changes->count; i++)
        if (changes->cells[i] == cell)
            return;
    changes->cells[changes->count++] = cell;
}

static void grid_note_neighbours(const struct grid *grid, uint32_t cell,
                                 struct grid_changes *changes)
{
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++)
        grid_note(changes, grid_neighbour(grid, cell, (enum grid_direction)i));
}

/* Takes out a cell that is not there any more. */
static void grid_forget(struct grid_changes *changes, uint32_t cell)
{
    for (unsigned i = 0; i < changes->count; i++)
        if (changes->cells[i] == cell)
            changes->cells[i] = changes->cells[--changes->count];
}

uint32_t grid_join(struct grid *grid, const struct grid_member *member,
                   struct grid_changes *changes)
{
    uint32_t cell = grid->count;

    changes->count = 0;
    if (cell == GRID_NONE - 1 || !grid_reserve(grid))
        return GRID_NONE;
    grid->table[grid_search(grid, member->id)] = cell + 1;
    grid->members[cell] = *member;
    grid->count++;
    /* Those who were each other's neighbours across the new cell are its neighbours now. */
    grid_note(changes, cell);
    grid_note_neighbours(grid, cell, changes);
    return cell;
}

void grid_leave(struct grid *grid, uint32_t cell, struct grid_changes *changes)
{
    uint32_t last = grid->count - 1;

    ENSURE(cell <= last);
    changes->count = 0;
    grid_note_neighbours(grid, last, changes);
    grid_vacate(grid, grid_search(grid, grid->members[cell].id));
    if (cell != last) {
        grid->table[grid_search(grid, grid->members[last].id)] = cell + 1;
        grid->members[cell] = grid->members[last];
    }
    grid->count--;
    if (cell != last) {
        grid_note(changes, cell);
        grid_note_neighbours(grid, cell, changes);
    }
    grid_forget(changes, last);
    grid_shrink(grid);
}
