#define _GNU_SOURCE /* strerrorname_np */
#include "tally.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct tally_entry *tally_find(struct tally *tally, const char *label)
{
    for (unsigned i = 0; i < tally->used; i++)
        if (strcmp(tally->entries[i].label, label) == 0)
            return &tally->entries[i];
    return NULL;
}

static void tally_add_many(struct tally *tally, const char *label, uint64_t count)
{
    char cut[TALLY_MAX_LABEL];
    struct tally_entry *entry;

    snprintf(cut, sizeof(cut), "%s", label);
    entry = tally_find(tally, cut);
    tally->total += count;
    if (entry == NULL && tally->used == TALLY_MAX - 1)
        strcpy(cut, "other"); /* the last place is kept for it */
    if (entry == NULL)
        entry = tally_find(tally, cut);
    if (entry == NULL) {
        entry = &tally->entries[tally->used++];
        strcpy(entry->label, cut);
    }
    entry->count += count;
}

void tally_add(struct tally *tally, const char *label)
{
    tally_add_many(tally, label, 1);
}

void tally_merge(struct tally *tally, const struct tally *from)
{
    for (unsigned i = 0; i < from->used; i++)
        tally_add_many(tally, from->entries[i].label, from->entries[i].count);
}

void tally_archive(struct archive *archive, struct tally *tally)
{
    archive_count(archive, &tally->used, TALLY_MAX);
    for (unsigned i = 0; i < tally->used; i++) {
        archive_text(archive, tally->entries[i].label, TALLY_MAX_LABEL);
        archive_u64(archive, &tally->entries[i].count);
    }
    archive_u64(archive, &tally->total);
}

uint64_t tally_count(const struct tally *tally, const char *label)
{
    for (unsigned i = 0; i < tally->used; i++)
        if (strcmp(tally->entries[i].label, label) == 0)
            return tally->entries[i].count;
    return 0;
}

const char *tally_errno(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "refused";
    case ECONNRESET:
    case EPIPE:
        return "reset";
    case ETIMEDOUT:
        return "timeout";
    case EMFILE:
    case ENFILE:
        return "no_descriptors";
    case EADDRNOTAVAIL:
        return "no_local_port";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "unreachable";
    case ENOBUFS:
    case ENOMEM:
        return "no_memory";
    default:
        return strerrorname_np(error) != NULL ? strerrorname_np(error) : "unknown_error";
    }
}
