#include "cursor.h"

#include <stdlib.h>

enum { CURSOR_FIRST_CAPACITY = 64 };

void cursor_table_init(struct cursor_table *table)
{
    *table = (struct cursor_table){.free = CURSOR_NONE};
}

void cursor_table_destroy(struct cursor_table *table)
{
    free(table->cursors);
}

/* The capacity that so many slots need. */
static uint32_t cursor_capacity(uint32_t count)
{
    uint32_t capacity = CURSOR_FIRST_CAPACITY;

    while (capacity < count)
        capacity *= 2;
    return capacity;
}

static void cursor_put_free(struct cursor_table *table, uint32_t slot)
{
    table->cursors[slot] = (struct cursor){.seq = table->free, .lag = SESSION_GONE};
    table->free = slot;
}

/* Lists the free slots anew, the first ones first: those in use gather where the table begins. */
static void cursor_table_list_free(struct cursor_table *table)
{
    table->free = CURSOR_NONE;
    for (uint32_t slot = table->count; slot-- > 0;)
        if (table->cursors[slot].session == NULL)
            cursor_put_free(table, slot);
}

void cursor_table_trim(struct cursor_table *table)
{
    uint32_t count = table->count, capacity;
    struct cursor *cursors;

    while (count > 0 && table->cursors[count - 1].session == NULL)
        count--;
    table->count = count;
    cursor_table_list_free(table);
    capacity = cursor_capacity(count);
    if (capacity >= table->capacity)
        return;
    cursors = realloc(table->cursors, capacity * sizeof(*cursors));
    if (cursors == NULL)
        return;
    table->cursors = cursors;
    table->capacity = capacity;
}

static uint32_t cursor_take_new(struct cursor_table *table)
{
    if (table->count == table->capacity) {
        uint32_t capacity = table->capacity > 0 ? table->capacity * 2 : CURSOR_FIRST_CAPACITY;
        struct cursor *cursors = realloc(table->cursors, capacity * sizeof(*cursors));

        if (cursors == NULL)
            return CURSOR_NONE;
        table->cursors = cursors;
        table->capacity = capacity;
    }
    return table->count++;
}

uint32_t cursor_take(struct cursor_table *table, struct session *session)
{
    uint32_t slot = table->free;

    if (slot != CURSOR_NONE)
        table->free = (uint32_t)table->cursors[slot].seq;
    else
        slot = cursor_take_new(table);
    if (slot == CURSOR_NONE)
        return CURSOR_NONE;
    table->cursors[slot] = (struct cursor){.session = session};
    table->taken++;
    return slot;
}

void cursor_release(struct cursor_table *table, uint32_t slot)
{
    cursor_put_free(table, slot);
    table->taken--;
}
