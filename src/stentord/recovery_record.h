/*
 * recovery_record.h - what is kept of a client in a namespace, so that it can go on where it was.
 *
 * A plain struct that can be written out and read back (MessagePack), so that another server can
 * take the client over. A record has one owner at a time, which mails hand it on between; no other
 * state. See recovery.h for its way.
 */
#ifndef STENTORD_RECOVERY_RECORD_H
#define STENTORD_RECOVERY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session_id.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

struct config;

struct recovery_room {
    struct span name; /* empty: everyone */
    uint64_t from;    /* messages up to here were not meant for it */
    uint64_t told;    /* a gap up to here has been told, which may not have arrived */
};

struct recovery_record {
    size_t bytes; /* that it takes, but for the queue */
    int namespace;
    uint8_t id[SESSION_ID_BYTES]; /* of its socket */
    uint64_t given;               /* everything up to here has been sent to it, */
    uint64_t last;                /* of which that was the last for it; 0: nothing was */
    bool msgpack;                 /* what the queue is written in */
    struct strbuf queue;          /* packets for it alone (engine_queue.h) */
    char *names;                  /* where the next name goes */
    size_t room_count;
    struct recovery_room rooms[];
};

/* For so many rooms, whose names take so many bytes. NULL when memory is out. */
struct recovery_record *recovery_record_new(int namespace, const uint8_t id[SESSION_ID_BYTES],
                                            size_t rooms, size_t name_bytes) MUST_CHECK;

/* Copies the room into the record, which has place for it. */
void recovery_record_add(struct recovery_record *record, const struct recovery_room *room);

/* NULL is none. */
void recovery_record_free(struct recovery_record *record);

/* Appends the client with that pid: [pid, id, namespace, given, last, msgpack, queue, rooms], with
 * the queue as [packet, ...], texts and binary ones, and the rooms as [name, from, told, ...]. */
void recovery_record_pack(struct strbuf *out, const uint8_t pid[SESSION_ID_BYTES],
                          const struct recovery_record *record, const struct config *config);

/* Reads it back. NULL, with a sentence in `error`, when it is malformed, there is no such
 * namespace, or memory is out. */
struct recovery_record *recovery_record_unpack(struct span packed, uint8_t pid[SESSION_ID_BYTES],
                                               const struct config *config,
                                               const char **error) MUST_CHECK;

#endif
