#include "address_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/crypto.h"

enum { ADDRESS_TABLE_FIRST_BUCKETS = ADDRESS_TABLE_BLOCK };

struct address_record {
    uint64_t address;
    atomic_uint connections;
    uint32_t next; /* in its bucket, or of those that can be reused */
};

/* Whoever has one address of a /64 has all of them. No /64 in use begins like the others here. */
static bool address_table_key(const struct peer *peer, uint64_t *key)
{
    uint32_t v4;

    if (peer->family == AF_INET6) {
        memcpy(key, peer->address, sizeof(*key));
        return true;
    }
    memcpy(&v4, peer->address, sizeof(v4));
    *key = UINT64_C(0x1) << 32 | v4;
    return peer->family == AF_INET;
}

static uint32_t address_table_bucket(const struct address_table *table, uint64_t key)
{
    uint64_t hash = (key ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 32) & (table->bucket_count - 1);
}

static struct address_record *address_table_at(const struct address_table *table, uint32_t record)
{
    return &table->blocks[record / ADDRESS_TABLE_BLOCK][record % ADDRESS_TABLE_BLOCK];
}

bool address_table_init(struct address_table *table)
{
    memset(table, 0, sizeof(*table));
    crypto_random(&table->seed, sizeof(table->seed));
    table->bucket_count = ADDRESS_TABLE_FIRST_BUCKETS;
    table->buckets = calloc(table->bucket_count, sizeof(*table->buckets));
    table->blocks[0] = calloc(ADDRESS_TABLE_BLOCK, sizeof(**table->blocks));
    table->used = 1;
    return table->buckets != NULL && table->blocks[0] != NULL;
}

void address_table_destroy(struct address_table *table)
{
    for (size_t i = 0; i < ADDRESS_TABLE_BLOCKS; i++)
        free(table->blocks[i]);
    free(table->buckets);
}

static void address_table_link(struct address_table *table, uint32_t record)
{
    uint32_t *bucket =
        &table->buckets[address_table_bucket(table, address_table_at(table, record)->address)];

    address_table_at(table, record)->next = *bucket;
    *bucket = record;
}

/* Puts all records into their buckets, anew; those that nobody counts in can be reused. Returns how
 * many these are. */
static uint32_t address_table_sweep(struct address_table *table)
{
    uint32_t found = 0;

    memset(table->buckets, 0, table->bucket_count * sizeof(*table->buckets));
    table->free = 0;
    for (uint32_t record = 1; record < table->used; record++) {
        struct address_record *at = address_table_at(table, record);

        if (atomic_load_explicit(&at->connections, memory_order_acquire) > 0) {
            address_table_link(table, record);
            continue;
        }
        at->next = table->free;
        table->free = record;
        found++;
    }
    return found;
}

/* A chain has one record on average; without memory for more buckets they get longer. */
static void address_table_grow_buckets(struct address_table *table)
{
    uint32_t count = table->bucket_count;
    uint32_t *buckets;

    while (count <= table->used)
        count *= 2;
    buckets = count > table->bucket_count ? malloc(count * sizeof(*buckets)) : NULL;
    if (buckets == NULL)
        return;
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
}

/* Is there room for one more? When a block is full, first looks for records that nobody counts in,
 * and takes another block unless a good part of all can be reused. So a record is looked at now and
 * then, not with each connection. */
static bool address_table_make_room(struct address_table *table)
{
    uint32_t block = table->used / ADDRESS_TABLE_BLOCK;

    if (table->free != 0 || block == ADDRESS_TABLE_BLOCKS)
        return table->free != 0;
    if (table->blocks[block] == NULL) {
        address_table_grow_buckets(table);
        if (address_table_sweep(table) < table->used / 4)
            table->blocks[block] = calloc(ADDRESS_TABLE_BLOCK, sizeof(**table->blocks));
    }
    return table->free != 0 || table->blocks[block] != NULL;
}

static uint32_t address_table_find(const struct address_table *table, uint64_t key)
{
    uint32_t record = table->buckets[address_table_bucket(table, key)];

    while (record != 0 && address_table_at(table, record)->address != key)
        record = address_table_at(table, record)->next;
    return record;
}

/* 0 when memory is out. */
static uint32_t address_table_make(struct address_table *table, uint64_t key)
{
    uint32_t record;

    if (!address_table_make_room(table))
        return 0;
    if (table->free != 0) {
        record = table->free;
        table->free = address_table_at(table, record)->next;
    } else {
        record = table->used++;
    }
    address_table_at(table, record)->address = key;
    address_table_link(table, record);
    return record;
}

uint32_t address_table_enter(struct address_table *table, const struct peer *peer, unsigned *count)
{
    uint64_t key;
    uint32_t record;

    *count = 0;
    if (!address_table_key(peer, &key))
        return 0;
    record = address_table_find(table, key);
    if (record == 0)
        record = address_table_make(table, key);
    if (record != 0)
        *count = atomic_fetch_add_explicit(&address_table_at(table, record)->connections, 1,
                                           memory_order_relaxed) +
                 1;
    return record;
}

void address_table_leave(struct address_table *table, uint32_t record)
{
    if (record != 0)
        atomic_fetch_sub_explicit(&address_table_at(table, record)->connections, 1,
                                  memory_order_release);
}
