#include "room.h"

#include <stdlib.h>
#include <string.h>

#include "grid.h"
#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"

enum { ROOM_FIRST_BUCKETS = 64, ROOM_FIRST_MEMBERS = 4, ROOM_FIRST_CHAIN = 8 };

/* What conflating rooms may keep beyond the window: this part of the journal's bytes. */
enum { ROOM_RETAINED_PART = 8 };

static size_t room_retained_bytes(const struct config *config)
{
    return (size_t)config->journal_bytes / ROOM_RETAINED_PART;
}

bool room_table_init(struct room_table *table, const struct config *config, struct stats *stats,
                     uint64_t head)
{
    *table = (struct room_table){.config = config, .stats = stats, .forgotten = head};
    crypto_random(&table->seed, sizeof(table->seed));
    conflation_store_init(&table->retained, room_retained_bytes(config));
    table->bucket_count = ROOM_FIRST_BUCKETS;
    table->buckets = calloc(table->bucket_count, sizeof(*table->buckets));
    return table->buckets != NULL;
}

static void room_free_grid(struct room *room)
{
    if (room->grid != NULL)
        grid_destroy(room->grid);
    free(room->grid);
    room->grid = NULL;
}

static void room_free(struct room *room)
{
    room_free_grid(room);
    conflation_destroy(&room->conflation);
    OBJ_CLEAR(room);
    free(room->members);
    free(room->chain);
    free(room);
}

void room_table_destroy(struct room_table *table)
{
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        struct room *room = table->buckets[i];

        while (room != NULL) {
            struct room *next = room->next;
            ENSURE(room->member_count == 0 && room->chain_begin == room->chain_end);
            room_free(room);
            room = next;
        }
    }
    free(table->buckets);
}

/* A seeded FNV-1a with a final mix. */
static uint32_t room_hash(const struct room_table *table, int namespace, const char *name,
                          size_t len)
{
    uint32_t hash = table->seed ^ 2166136261u ^ (uint32_t) namespace * 0x9e3779b1u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    hash ^= table->seed >> 7 ^ hash >> 15;
    hash *= 0x2c1b3c6du;
    return hash ^ hash >> 12;
}

static struct room **room_bucket(const struct room_table *table, uint32_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static struct room *room_lookup(const struct room_table *table, uint32_t hash, int namespace,
                                const char *name, size_t len)
{
    struct room *room = *room_bucket(table, hash);

    while (room != NULL && !(room->hash == hash && room->namespace == namespace &&
                             room->name_len == len && memcmp(room->name, name, len) == 0))
        room = room->next;
    return room;
}

struct room *room_find(const struct room_table *table, int namespace, const char *name, size_t len)
{
    return room_lookup(table, room_hash(table, namespace, name, len), namespace, name, len);
}

/* Doubles the buckets; without memory the table stays as it is, only slower. */
static void room_table_grow(struct room_table *table)
{
    uint32_t old_count = table->bucket_count;
    struct room **old = table->buckets;
    struct room **buckets = calloc((size_t)old_count * 2, sizeof(*buckets));

    if (buckets == NULL)
        return;
    table->buckets = buckets;
    table->bucket_count = old_count * 2;
    for (uint32_t i = 0; i < old_count; i++) {
        struct room *room = old[i];

        while (room != NULL) {
            struct room *next = room->next;
            struct room **bucket = room_bucket(table, room->hash);
            room->next = *bucket;
            *bucket = room;
            room = next;
        }
    }
    free(old);
}

struct room *room_intern(struct room_table *table, int namespace, const char *name, size_t len)
{
    uint32_t hash = room_hash(table, namespace, name, len);
    struct room *room = room_lookup(table, hash, namespace, name, len);

    if (room != NULL)
        return room;
    room = calloc(1, sizeof(*room) + len + 1);
    if (room == NULL)
        return NULL;
    OBJ_INIT(room, ROOM_MAGIC);
    room->hash = hash;
    room->namespace = namespace;
    room->name_len = len;
    memcpy(room->name, name, len);
    room->policy = config_room_policy(table->config, room_name(room));
    room->is_grid = config_room_is_grid(table->config, room_name(room));
    room->trimmed = table->forgotten;
    conflation_init(&room->conflation, &table->retained);
    if (table->count >= table->bucket_count)
        room_table_grow(table);
    struct room **bucket = room_bucket(table, hash);
    room->next = *bucket;
    *bucket = room;
    table->count++;
    stats_add(&table->stats->rooms, 1);
    return room;
}

/* Counts from the highest bit on: the two buckets that one becomes when the table grows follow each
 * other then, and are both behind the scan or both before it. */
struct room *room_table_scan(const struct room_table *table, uint32_t *scan)
{
    struct room *first = table->buckets[*scan];
    uint32_t bit = table->bucket_count / 2;

    while ((*scan & bit) != 0) {
        *scan ^= bit;
        bit /= 2;
    }
    *scan |= bit;
    return first;
}

void room_release(struct room_table *table, struct room *room)
{
    struct room **link;

    OBJ_CHECK(room, ROOM_MAGIC);
    if (room->member_count > 0 || room->grid != NULL || room->chain_begin != room->chain_end ||
        room->fanout.state != ROOM_FANOUT_IDLE || !conflation_empty(&room->conflation))
        return;
    if (room->trimmed > table->forgotten)
        table->forgotten = room->trimmed;
    for (link = room_bucket(table, room->hash); *link != room; link = &(*link)->next)
        continue;
    *link = room->next;
    table->count--;
    stats_sub(&table->stats->rooms, 1);
    room_free(room);
}

void room_end_grid(struct room_table *table, struct room *room)
{
    room_free_grid(room);
    room_release(table, room);
}

void room_table_evict(struct room_table *table)
{
    struct conflation *conflation;
    uint64_t seq;

    while ((conflation = conflation_store_evict(&table->retained, &seq)) != NULL) {
        struct room *room = CONTAINER_OF(conflation, struct room, conflation);

        if (seq > room->trimmed)
            room->trimmed = seq;
        room_release(table, room);
    }
}

/* Which message of a key is the newest is known of rooms that conflate, and of no others. */
static void room_set_policy(struct room *room, enum slow_policy policy,
                            const struct journal *journal)
{
    if (room->policy == policy)
        return;
    if (room->policy == SLOW_CONFLATE) {
        uint64_t lost = conflation_forget_all(&room->conflation);

        if (lost > room->trimmed)
            room->trimmed = lost;
    }
    room->policy = policy;
    if (policy != SLOW_CONFLATE)
        return;
    for (uint64_t i = room->chain_begin; i != room->chain_end; i++)
        conflation_append(&room->conflation, journal_get(journal, room_chain_seq(room, i)));
}

void room_table_set_config(struct room_table *table, const struct config *config,
                           const struct journal *journal)
{
    table->config = config;
    table->retained.max_bytes = room_retained_bytes(config);
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        struct room *room = table->buckets[i];

        while (room != NULL) {
            struct room *next = room->next;
            room_set_policy(room, config_room_policy(config, room_name(room)), journal);
            room_release(table, room);
            room = next;
        }
    }
    room_table_evict(table);
}

bool room_add_member(struct room *room, uint32_t slot)
{
    if (room->member_count == room->member_capacity) {
        uint32_t capacity =
            room->member_capacity > 0 ? room->member_capacity * 2 : ROOM_FIRST_MEMBERS;
        uint32_t *members = realloc(room->members, capacity * sizeof(*members));

        if (members == NULL)
            return false;
        room->members = members;
        room->member_capacity = capacity;
    }
    room->members[room->member_count++] = slot;
    /* The new place may lie inside the arc that a running fan-out has yet to visit. */
    if (room->fanout.state == ROOM_FANOUT_RUNNING && room->fanout.remaining < room->member_count)
        room->fanout.remaining++;
    return true;
}

/* Gives memory back when most of it is unused. */
static void room_shrink_members(struct room *room)
{
    uint32_t capacity = room->member_capacity / 2;

    if (capacity < ROOM_FIRST_MEMBERS || room->member_count > capacity / 2)
        return;
    uint32_t *members = realloc(room->members, capacity * sizeof(*members));
    if (members != NULL) {
        room->members = members;
        room->member_capacity = capacity;
    }
}

uint32_t room_remove_member(struct room *room, uint32_t index)
{
    uint32_t moved = CURSOR_NONE;

    ENSURE(index < room->member_count);
    room->member_count--;
    if (index != room->member_count) {
        moved = room->members[room->member_count];
        room->members[index] = moved;
    }
    if (room->fanout.remaining > room->member_count)
        room->fanout.remaining = room->member_count;
    if (room->fanout.pos >= room->member_count)
        room->fanout.pos = 0;
    room_shrink_members(room);
    return moved;
}

static bool room_chain_grow(struct room *room)
{
    uint32_t capacity = room->chain_capacity > 0 ? room->chain_capacity * 2 : ROOM_FIRST_CHAIN;
    uint64_t *chain = malloc(capacity * sizeof(*chain));

    if (chain == NULL)
        return false;
    for (uint64_t i = room->chain_begin; i != room->chain_end; i++)
        chain[i & (capacity - 1)] = room_chain_seq(room, i);
    free(room->chain);
    room->chain = chain;
    room->chain_capacity = capacity;
    return true;
}

bool room_chain_append(struct room *room, struct message *message)
{
    if (room->chain_end - room->chain_begin == room->chain_capacity && !room_chain_grow(room)) {
        room->trimmed = message->seq;
        return false;
    }
    room->chain[room->chain_end & (room->chain_capacity - 1)] = message->seq;
    room->chain_end++;
    if (room->policy == SLOW_CONFLATE)
        conflation_append(&room->conflation, message);
    return true;
}

void room_chain_trim(struct room *room, struct message *message)
{
    uint64_t lost = message->seq;

    if (room->chain_begin == room->chain_end ||
        room_chain_seq(room, room->chain_begin) != message->seq)
        return; /* it never came in: room_chain_append had no memory */
    room->chain_begin++;
    if (room->policy == SLOW_CONFLATE)
        lost = conflation_trim(&room->conflation, message);
    if (lost > room->trimmed)
        room->trimmed = lost;
}

uint64_t room_chain_after(const struct room *room, uint64_t seq)
{
    uint64_t low = room->chain_begin, high = room->chain_end, step = 1;

    /* What is due lies at the end, mostly: gallop backwards from there, then halve. */
    while (high - low > step && room_chain_seq(room, high - step) > seq) {
        high -= step;
        step *= 2;
    }
    if (high - low > step)
        low = high - step;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (room_chain_seq(room, middle) > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
