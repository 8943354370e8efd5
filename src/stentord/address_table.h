/*
 * address_table.h - how many connections each address has.
 *
 * An address is an IPv4 address or the /64 of an IPv6 address. Each that has connections has one
 * record, dense in memory; a connection carries its record's number, so that whichever thread
 * closes it need not look it up.
 *
 * Belongs to the acceptor's thread, which alone finds, makes and reuses records. Other threads only
 * count down, which is atomic: a record that has been counted down to 0 is nobody's, and the
 * acceptor may give it to another address.
 */
#ifndef STENTORD_ADDRESS_TABLE_H
#define STENTORD_ADDRESS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "peer.h"
#include "stentor/base/compiler.h"

enum {
    ADDRESS_TABLE_BLOCK = 4096,  /* records */
    ADDRESS_TABLE_BLOCKS = 4096, /* so 16 million records, more than there can be descriptors */
};

struct address_record;

struct address_table {
    struct address_record *blocks[ADDRESS_TABLE_BLOCKS]; /* which do not move */
    uint32_t used;                                       /* records that ever were; 0 is none */
    uint32_t free;                                       /* the first that can be reused; 0: none */
    uint32_t *buckets;                                   /* the first record of each; 0: none */
    uint32_t bucket_count;                               /* a power of two */
    uint64_t seed;                                       /* of the hash, which nobody can foresee */
};

/* False when memory is out. */
bool address_table_init(struct address_table *table) MUST_CHECK;
void address_table_destroy(struct address_table *table);

/* A connection has come: returns the record that it counts in, and sets `count` to how many of its
 * address there are now. 0: it is not counted, having come by a unix socket, or memory is out. */
uint32_t address_table_enter(struct address_table *table, const struct peer *peer, unsigned *count);

/* Any thread: the connection that got this record, or 0, has gone. */
void address_table_leave(struct address_table *table, uint32_t record);

#endif
