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

void tally_add(struct tally *tally, const char *label)
{
    char cut[TALLY_MAX_LABEL];
    struct tally_entry *entry;

    snprintf(cut, sizeof(cut), "%s", label);
    entry = tally_find(tally, cut);
    tally->total++;
    if (entry == NULL && tally->used == TALLY_MAX - 1)
        strcpy(cut, "other"); /* the last place is kept for it */
    if (entry == NULL)
        entry = tally_find(tally, cut);
    if (entry == NULL) {
        entry = &tally->entries[tally->used++];
        strcpy(entry->label, cut);
    }
    entry->count++;
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
