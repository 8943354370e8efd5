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
    if (slot != CURSOR_NONE)
        table->cursors[slot] = (struct cursor){.session = session};
    return slot;
}

void cursor_release(struct cursor_table *table, uint32_t slot)
{
    table->cursors[slot] = (struct cursor){.seq = table->free, .lag = SESSION_GONE};
    table->free = slot;
}
