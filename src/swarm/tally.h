/*
 * tally.h - how often each of a few causes came: why connects failed, why connections ended.
 *
 * A tally belongs to whoever declares it (zeroed is empty), and has no locks. It has room for
 * TALLY_MAX labels; further ones are counted together as "other".
 */
#ifndef STENTOR_SWARM_TALLY_H
#define STENTOR_SWARM_TALLY_H

#include <stdint.h>

#include "stentor/base/compiler.h"

#include "archive.h"

enum { TALLY_MAX = 32, TALLY_MAX_LABEL = 48 };

struct tally_entry {
    char label[TALLY_MAX_LABEL];
    uint64_t count;
};

struct tally {
    struct tally_entry entries[TALLY_MAX];
    unsigned used;
    uint64_t total;
};

void tally_add(struct tally *tally, const char *label);

/* Adds what another one has counted. */
void tally_merge(struct tally *tally, const struct tally *from);

void tally_archive(struct archive *archive, struct tally *tally);

/* How often the label came. */
uint64_t tally_count(const struct tally *tally, const char *label) MUST_CHECK;

/* The label of an errno that a socket call gave; "refused", "reset", "timeout"... */
const char *tally_errno(int error);

#endif
