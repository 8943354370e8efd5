/*
 * packarray.h - a MessagePack array, element by element, so that each can be decoded by itself.
 *
 * Source: the MessagePack specification. Pure functions; any thread.
 */
#ifndef STENTOR_WIRE_PACKARRAY_H
#define STENTOR_WIRE_PACKARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"

struct packarray {
    struct span rest;
    uint32_t left; /* elements */
};

/* False when the bytes do not begin with an array. */
bool packarray_begin(struct packarray *array, struct span data) MUST_CHECK;

/* The bytes of the next element. False behind the last one; and when the array is malformed, which
 * packarray_complete tells. */
bool packarray_next(struct packarray *array, struct span *element);

/* Have all elements been read, and nothing been left over? */
bool packarray_complete(const struct packarray *array);

#endif
