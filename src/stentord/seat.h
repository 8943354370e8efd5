/*
 * seat.h - what a member of a grid room knows on its own thread: where its neighbours are.
 *
 * 32 bytes a member, in blocks, so that nothing is lost to each allocation; a membership holds the
 * number of its seat. One pool for each I/O thread, which alone touches it.
 */
#ifndef STENTORD_SEAT_H
#define STENTORD_SEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grid.h"
#include "stentor/base/compiler.h"

/* A neighbour's session: its I/O thread and its place there, and a part of its address, by which it
 * is seen whether it is still there. */
struct seat_neighbour {
    uint32_t place; /* SEAT_NOBODY: none */
    uint32_t tag;
};

#define SEAT_NOBODY UINT32_MAX

enum {
    SEAT_SLOT_BITS = 26, /* of a place: 64 threads, with up to 67 million sessions each */
    SEAT_TAG_AT =
        SESSION_ID_BYTES - sizeof(uint32_t), /* in an address: all of it is random there */
};

struct seat {
    struct seat_neighbour neighbours[GRID_DIRECTIONS];
};

struct seat_pool {
    struct seat **blocks;
    uint32_t block_count;
    uint32_t taken;
    uint32_t free; /* the first free one; 0: none */
};

void seat_pool_init(struct seat_pool *pool);

/* The bytes that it takes. */
size_t seat_pool_bytes(const struct seat_pool *pool);

/* The number of a seat without neighbours; 0 when memory is out. */
uint32_t seat_take(struct seat_pool *pool) MUST_CHECK;

/* Gives it back; with the last one the memory goes. */
void seat_give(struct seat_pool *pool, uint32_t number);

struct seat *seat_of(const struct seat_pool *pool, uint32_t number);

/* The place of a session, and its parts. */
static inline uint32_t seat_place(uint8_t thread, uint32_t slot)
{
    return (uint32_t)thread << SEAT_SLOT_BITS | slot;
}

static inline uint8_t seat_place_thread(uint32_t place)
{
    return (uint8_t)(place >> SEAT_SLOT_BITS);
}

static inline uint32_t seat_place_slot(uint32_t place)
{
    return place & ((1u << SEAT_SLOT_BITS) - 1);
}

#endif
