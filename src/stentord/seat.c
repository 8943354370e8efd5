#include "seat.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

enum { SEAT_BLOCK = 128 }; /* seats of one allocation */

void seat_pool_init(struct seat_pool *pool)
{
    *pool = (struct seat_pool){.free = 0};
}

size_t seat_pool_bytes(const struct seat_pool *pool)
{
    return pool->block_count * (sizeof(struct seat *) + SEAT_BLOCK * sizeof(struct seat));
}

struct seat *seat_of(const struct seat_pool *pool, uint32_t number)
{
    return &pool->blocks[(number - 1) / SEAT_BLOCK][(number - 1) % SEAT_BLOCK];
}

/* A free seat holds the number of the next one. */
static uint32_t *seat_link(const struct seat_pool *pool, uint32_t number)
{
    return &seat_of(pool, number)->neighbours[0].place;
}

static bool seat_grow(struct seat_pool *pool)
{
    uint32_t first = pool->block_count * SEAT_BLOCK + 1;
    struct seat *block = malloc(SEAT_BLOCK * sizeof(*block));
    struct seat **blocks = realloc(pool->blocks, (pool->block_count + 1) * sizeof(*blocks));

    if (blocks != NULL)
        pool->blocks = blocks;
    if (block == NULL || blocks == NULL) {
        free(block);
        return false;
    }
    pool->blocks[pool->block_count++] = block;
    for (uint32_t number = first + SEAT_BLOCK; number-- > first;) {
        *seat_link(pool, number) = pool->free;
        pool->free = number;
    }
    return true;
}

uint32_t seat_take(struct seat_pool *pool)
{
    uint32_t number;

    if (pool->free == 0 && !seat_grow(pool))
        return 0;
    number = pool->free;
    pool->free = *seat_link(pool, number);
    pool->taken++;
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++)
        seat_of(pool, number)->neighbours[i] = (struct seat_neighbour){.place = SEAT_NOBODY};
    return number;
}

static void seat_free_blocks(struct seat_pool *pool)
{
    for (uint32_t i = 0; i < pool->block_count; i++)
        free(pool->blocks[i]);
    free(pool->blocks);
    seat_pool_init(pool);
}

void seat_give(struct seat_pool *pool, uint32_t number)
{
    ENSURE(pool->taken > 0);
    *seat_link(pool, number) = pool->free;
    pool->free = number;
    if (--pool->taken == 0)
        seat_free_blocks(pool);
}
