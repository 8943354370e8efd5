/*
 * grid.h - the members of a grid room, side by side in rows: who is whose neighbour.
 *
 * Members lie in one dense array, and the index of one is its cell, row by row: the grid has no
 * holes. Who joins gets the cell behind the last one; when one leaves, the last one moves into its
 * place. So both concern a handful of cells, however many there are, and an id is found by its
 * hash. What a member takes here is about 30 bytes.
 *
 * Plain data without threads; a grid belongs to its room's home (neighbours.h).
 */
#ifndef STENTORD_GRID_H
#define STENTORD_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session_id.h"
#include "stentor/base/compiler.h"

enum grid_direction { GRID_NORTH, GRID_EAST, GRID_SOUTH, GRID_WEST, GRID_DIRECTIONS };

#define GRID_NONE UINT32_MAX

struct grid_member {
    uint8_t id[SESSION_ID_BYTES]; /* its address */
    uint32_t place;               /* where its session is (neighbours.h) */
};

struct grid {
    uint32_t columns;
    bool wrap; /* whoever is at an edge has the one at the other end for a neighbour */
    struct grid_member *members;
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* cells + 1, by the hash of the member's id; 0: free */
    uint32_t table_size;
};

/* Cells whose neighbours, or whose member, have changed. */
enum { GRID_MAX_CHANGES = 1 + 2 * GRID_DIRECTIONS };

struct grid_changes {
    unsigned count;
    uint32_t cells[GRID_MAX_CHANGES];
};

/* The name of a direction, and back; false for any other text. */
const char *grid_direction_name(enum grid_direction direction);
bool grid_direction_parse(const char *text, size_t len, enum grid_direction *direction) MUST_CHECK;

/* An empty grid; no memory is taken before somebody joins. */
void grid_init(struct grid *grid, unsigned columns, bool wrap);
void grid_destroy(struct grid *grid);

/* Adds one that is not a member; returns its cell, or GRID_NONE when memory is out. */
uint32_t grid_join(struct grid *grid, const struct grid_member *member,
                   struct grid_changes *changes) MUST_CHECK;

/* Takes out the member in that cell. */
void grid_leave(struct grid *grid, uint32_t cell, struct grid_changes *changes);

/* The cell of the member with that address; GRID_NONE without one. */
uint32_t grid_find(const struct grid *grid, const uint8_t id[SESSION_ID_BYTES]);

/* The cell next to it; GRID_NONE at an edge. Nobody is his own neighbour. */
uint32_t grid_neighbour(const struct grid *grid, uint32_t cell, enum grid_direction direction);

/* The bytes that it takes. */
size_t grid_bytes(const struct grid *grid);

#endif
