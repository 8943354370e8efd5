#include "stentor/base/idtable.h"

#include <stdlib.h>
#include <string.h>

enum { IDTABLE_FIRST_BUCKETS = 64 };

bool idtable_init(struct idtable *table)
{
    table->bucket_count = IDTABLE_FIRST_BUCKETS;
    table->count = 0;
    table->start = 0;
    table->buckets = calloc(table->bucket_count, sizeof(*table->buckets));
    return table->buckets != NULL;
}

void idtable_destroy(struct idtable *table)
{
    free(table->buckets);
    table->buckets = NULL;
}

static size_t idtable_index(const struct idtable *table, const uint8_t id[IDTABLE_ID])
{
    uint64_t hash;

    memcpy(&hash, id + IDTABLE_ID - sizeof(hash), sizeof(hash));
    return (size_t)hash & (table->bucket_count - 1);
}

static struct idtable_node **idtable_bucket(const struct idtable *table,
                                            const uint8_t id[IDTABLE_ID])
{
    return &table->buckets[idtable_index(table, id)];
}

/* Twice as many buckets; without memory for them the chains grow longer instead. */
static void idtable_grow(struct idtable *table)
{
    struct idtable grown = {.bucket_count = table->bucket_count * 2, .count = table->count};

    grown.buckets = calloc(grown.bucket_count, sizeof(*grown.buckets));
    if (grown.buckets == NULL)
        return;
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct idtable_node *node = table->buckets[i], *next;

        for (; node != NULL; node = next) {
            struct idtable_node **bucket = idtable_bucket(&grown, node->id);
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(table->buckets);
    *table = grown;
}

void idtable_add(struct idtable *table, struct idtable_node *node)
{
    struct idtable_node **bucket;

    if (table->count >= table->bucket_count)
        idtable_grow(table);
    bucket = idtable_bucket(table, node->id);
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

void idtable_remove(struct idtable *table, struct idtable_node *node)
{
    struct idtable_node **at = idtable_bucket(table, node->id);

    while (*at != NULL && *at != node)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = node->next;
    node->next = NULL;
    table->count--;
    table->start = idtable_index(table, node->id);
}

struct idtable_node *idtable_find(const struct idtable *table, const uint8_t id[IDTABLE_ID])
{
    struct idtable_node *node = *idtable_bucket(table, id);

    while (node != NULL && memcmp(node->id, id, IDTABLE_ID) != 0)
        node = node->next;
    return node;
}

/* Begins where something was removed last. Who empties the table passes each bucket once that way;
 * from the first bucket on it would be a square of their number. */
struct idtable_node *idtable_any(const struct idtable *table)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        size_t index = (table->start + i) & (table->bucket_count - 1);

        if (table->buckets[index] != NULL)
            return table->buckets[index];
    }
    return NULL;
}
