/*
 * idtable.h - finds objects by their random ids.
 *
 * An id is 16 bytes of which the last eight are unpredictable, so they serve as their own hash. A
 * node is embedded in its object; the table holds no memory but its buckets. Belongs to one thread.
 */
#ifndef STENTOR_BASE_IDTABLE_H
#define STENTOR_BASE_IDTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum { IDTABLE_ID = 16 };

struct idtable_node {
    struct idtable_node *next;
    uint8_t id[IDTABLE_ID];
};

struct idtable {
    struct idtable_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t start; /* where idtable_any begins to look */
};

/* False when memory is out. */
bool idtable_init(struct idtable *table) MUST_CHECK;
void idtable_destroy(struct idtable *table);

/* The node's id is set and not in the table yet. */
void idtable_add(struct idtable *table, struct idtable_node *node);

/* Does nothing to a node that is not in the table. */
void idtable_remove(struct idtable *table, struct idtable_node *node);

/* NULL when there is none. */
struct idtable_node *idtable_find(const struct idtable *table, const uint8_t id[IDTABLE_ID]);

/* Any node; NULL when the table is empty. For those who empty it. */
struct idtable_node *idtable_any(const struct idtable *table);

#endif
