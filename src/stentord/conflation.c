#include "conflation.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

void conflation_store_init(struct conflation_store *store, size_t max_bytes)
{
    *store = (struct conflation_store){.max_bytes = max_bytes};
    TAILQ_INIT(&store->retained);
}

void conflation_init(struct conflation *conflation, struct conflation_store *store)
{
    *conflation = (struct conflation){.store = store};
    TAILQ_INIT(&conflation->retained);
}

static int conflation_compare(const void *a, const void *b)
{
    const struct span *x = &((const struct conflation_entry *)a)->message->key;
    const struct span *y = &((const struct conflation_entry *)b)->message->key;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return memcmp(x->ptr, y->ptr, x->len);
}

static struct conflation_entry *conflation_find(const struct conflation *conflation,
                                                struct message *message)
{
    struct conflation_entry wanted = {.message = message};
    void *node = tfind(&wanted, (void *const *)&conflation->keys, conflation_compare);

    return node != NULL ? *(struct conflation_entry **)node : NULL;
}

static void conflation_release(struct conflation *conflation, struct conflation_entry *entry)
{
    if (!entry->retained)
        return;
    TAILQ_REMOVE(&conflation->retained, entry, link);
    TAILQ_REMOVE(&conflation->store->retained, entry, store_link);
    conflation->retained_count--;
    conflation->store->bytes -= entry->message->cost;
    entry->retained = false;
}

/* Forgets a key; its entry is gone afterwards. */
static void conflation_forget(struct conflation *conflation, struct conflation_entry *entry)
{
    bool retained = entry->retained;

    conflation_release(conflation, entry);
    tdelete(entry, &conflation->keys, conflation_compare);
    if (retained)
        message_unref(&entry->message);
    free(entry);
}

void conflation_destroy(struct conflation *conflation)
{
    while (conflation->keys != NULL)
        conflation_forget(conflation, *(struct conflation_entry **)conflation->keys);
}

uint64_t conflation_forget_all(struct conflation *conflation)
{
    const struct conflation_entry *newest = TAILQ_LAST(&conflation->retained, conflation_list);
    uint64_t seq = newest != NULL ? newest->message->seq : 0;

    conflation_destroy(conflation);
    return seq;
}

void conflation_append(struct conflation *conflation, struct message *message)
{
    struct conflation_entry *entry;

    if (message->key.len == 0)
        return;
    entry = conflation_find(conflation, message);
    if (entry != NULL) {
        struct message *older = entry->message;
        bool retained = entry->retained;

        conflation_release(conflation, entry);
        entry->message = message; /* an equal key: the tree's order stays */
        if (retained)
            message_unref(&older);
        return;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return; /* without memory there is no conflation for this key, and no harm */
    entry->message = message;
    entry->owner = conflation;
    if (tsearch(entry, &conflation->keys, conflation_compare) == NULL)
        free(entry);
}

/* Returns its seq. */
static uint64_t conflation_forget_oldest(struct conflation *conflation)
{
    struct conflation_entry *oldest = TAILQ_FIRST(&conflation->retained);
    uint64_t seq = oldest->message->seq;

    conflation_forget(conflation, oldest);
    return seq;
}

struct conflation *conflation_store_evict(struct conflation_store *store, uint64_t *seq)
{
    struct conflation_entry *oldest = TAILQ_FIRST(&store->retained);

    if (oldest == NULL || store->bytes <= store->max_bytes)
        return NULL;
    struct conflation *owner = oldest->owner;
    *seq = conflation_forget_oldest(owner); /* the oldest of all is the oldest there */
    return owner;
}

uint64_t conflation_trim(struct conflation *conflation, struct message *message)
{
    struct conflation_entry *entry;

    if (message->key.len == 0)
        return message->seq;
    entry = conflation_find(conflation, message);
    if (entry == NULL)
        return message->seq;
    if (entry->message != message)
        return 0;
    message_ref(message, 1);
    entry->retained = true;
    TAILQ_INSERT_TAIL(&conflation->retained, entry, link);
    TAILQ_INSERT_TAIL(&conflation->store->retained, entry, store_link);
    conflation->retained_count++;
    conflation->store->bytes += message->cost;
    return conflation->retained_count > CONFLATION_MAX_KEYS ? conflation_forget_oldest(conflation)
                                                            : 0;
}

bool conflation_superseded(const struct conflation *conflation, const struct message *message)
{
    const struct conflation_entry *entry;

    if (message->key.len == 0)
        return false;
    entry = conflation_find(conflation, (struct message *)(uintptr_t)message);
    return entry != NULL && entry->message != message;
}

struct conflation_entry *conflation_first_after(const struct conflation *conflation, uint64_t seq)
{
    struct conflation_entry *entry, *found = NULL;

    TAILQ_FOREACH_REVERSE(entry, &conflation->retained, conflation_list, link)
    {
        if (entry->message->seq <= seq)
            break;
        found = entry;
    }
    return found;
}
