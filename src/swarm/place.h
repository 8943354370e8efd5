/*
 * place.h - who is next to a client in a grid, as the server has told it.
 *
 * A place belongs to its client and exists from the first time that the client is told; one thread.
 */
#ifndef STENTOR_SWARM_PLACE_H
#define STENTOR_SWARM_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"

enum {
    PLACE_NAME = 24,  /* bytes; the ids of Stentor's sessions have 22 */
    PLACE_LATELY = 5, /* seconds in which messages may still go to who was there before */
};

enum place_way { PLACE_NORTH, PLACE_EAST, PLACE_SOUTH, PLACE_WEST, PLACE_WAYS };

struct place {
    char names[PLACE_WAYS][PLACE_NAME]; /* "": nobody is there */
    uint64_t changed_ns;
};

extern const char *const place_way_names[PLACE_WAYS];

static inline enum place_way place_opposite(enum place_way way)
{
    return (enum place_way)((way + PLACE_WAYS / 2) % PLACE_WAYS);
}

/* Reads what the server says: an object with a member for each way. It makes the place if there is
 * none; false if it is no such object. */
bool place_take(struct place **place, struct span object, uint64_t now_ns) MUST_CHECK;

/* Is `name` there, as far as is known? */
bool place_has(const struct place *place, enum place_way way, struct span name) MUST_CHECK;

/* Any way in which there is somebody, by chance; PLACE_WAYS without one. */
enum place_way place_choose(const struct place *place, uint64_t random) MUST_CHECK;

bool place_changed_lately(const struct place *place, uint64_t now_ns) MUST_CHECK;

#endif
