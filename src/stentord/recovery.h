/*
 * recovery.h - clients that lost their transport: what is needed to go on where they were.
 *
 * Socket.IO's connection state recovery: at its first connect a client is given a secret, the pid.
 * When its transport is lost, its rooms and its place in the journal are kept for recovery_time
 * seconds. With another transport it presents the pid and the offset of the last message that it
 * has, and gets what it missed from the journal.
 *
 * A pid is at home on the I/O thread that made it, which knows where its client is now: connected,
 * on any thread, or kept here. A client may come back on another thread, and before the server has
 * noticed that its old transport is dead. So everything goes by mail to the home, and from there:
 *
 *   keep    the client's thread  -> home       here is what to keep of it
 *   forget  the client's thread  -> home       it has left for good
 *   claim   the returning thread -> home       it is back: let me have it
 *   yield   home -> the client's thread        give it up; a keep or a forget follows
 *   answer  home -> the returning thread       what was kept; or nothing
 *
 * Clients may come from another server, which drains and hands over what it keeps (handover.h):
 *
 *   adopt   any thread          -> home        as if it had been kept here
 *
 * One that comes back a moment before its record waits for it.
 *
 * The client's address is of the same home. So a directed message finds there what is kept of a
 * client that is lost, and waits with it; or the way to where it came back (recovery_redirect).
 *
 * Each I/O thread owns one table. Mails of one thread arrive in order, so a yield that finds no
 * client has been overtaken by a keep or a forget.
 */
#ifndef STENTORD_RECOVERY_H
#define STENTORD_RECOVERY_H

#include <sys/queue.h>

#include "recovery_record.h"
#include "session.h"
#include "stentor/base/idtable.h"
#include "stentor/base/mailbox.h"

struct io_thread;

/* A claim; it travels to the home and comes back as the answer. */
struct recovery_claim {
    struct mail mail;
    void (*resume)(struct mail *mail, void *thread); /* opens the answer */
    uint8_t pid[SESSION_ID_BYTES];
    struct io_thread *thread;          /* of the returning client */
    uint8_t session[SESSION_ID_BYTES]; /* its Engine.IO session */
    int namespace;
    bool has_offset;
    uint64_t offset;
    struct strbuf auth;               /* of its CONNECT packet */
    struct recovery_record *record;   /* in the answer; NULL: nothing was found */
    uint64_t wait_for;                /* a deferred answer is opened again with that seq */
    uint64_t until_ms;                /* an early one waits for its record until then */
    TAILQ_ENTRY(recovery_claim) link; /* while it is deferred, or early */
};

TAILQ_HEAD(recovery_list, recovery_entry);
TAILQ_HEAD(recovery_claim_list, recovery_claim);

/* Closes the session, of this thread, if it is still the one of the client with that pid. */
typedef void recovery_yield(struct io_thread *thread, const uint8_t session[SESSION_ID_BYTES],
                            const uint8_t pid[SESSION_ID_BYTES]);

/* Adds a directed message to what waits for the client; false when memory is out. */
typedef bool recovery_hold(struct io_thread *thread, struct recovery_record *record,
                           const struct directed *directed);

struct recovery_table {
    recovery_yield *yield;
    recovery_hold *hold;
    struct idtable entries;    /* by pid */
    struct idtable addresses;  /* the same, by the sockets' ids */
    struct recovery_list kept; /* of these, those of lost clients; the oldest first */
    unsigned kept_count;
    size_t kept_bytes;
    struct recovery_claim_list deferred; /* answers that are to be opened again */
    struct recovery_claim_list early;    /* claims that have come before their records */
};

/* False when memory is out. */
bool recovery_table_init(struct recovery_table *table, recovery_yield *yield,
                         recovery_hold *hold) MUST_CHECK;
void recovery_table_destroy(struct recovery_table *table);

/* A client connects, and is addressed by that id of this thread: gives it a pid, at home here.
 * False when memory is out. */
bool recovery_register(struct io_thread *thread, const uint8_t session[SESSION_ID_BYTES],
                       const uint8_t address[SESSION_ID_BYTES],
                       uint8_t pid[SESSION_ID_BYTES]) MUST_CHECK;

/* Takes over the record (NULL: memory is out, and it is forgotten). */
void recovery_keep(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES],
                   struct recovery_record *record);

/* Another server hands over: its clients may be faster than their records. */
void recovery_expect(struct io_thread *thread);

/* Takes over a record of another server. */
void recovery_adopt(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES],
                    struct recovery_record *record);

/* Gives all that is kept here to the server that takes over. */
void recovery_hand_over(struct io_thread *home);

void recovery_forget(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES]);

/* Takes over the claim; `resume` is called with it on the client's thread, and frees it. */
void recovery_submit(struct recovery_claim *claim);
void recovery_claim_free(struct recovery_claim *claim);

/* A directed message has not found its addressee on this thread: keeps it for a lost client, or
 * sends it after one that has come back elsewhere. */
void recovery_redirect(struct io_thread *thread, struct directed *directed);

/* The client is ahead of this thread, having been given more by another one: the answer is opened
 * again once this thread has come so far. */
void recovery_defer(struct io_thread *thread, struct recovery_claim *claim);

/* Opens what was deferred, if its time has come. Each tick. */
void recovery_retry(struct io_thread *thread);

/* Forgets what has been kept for too long, and lets claims go that have waited for too long. Each
 * second. */
void recovery_expire(struct io_thread *thread, uint64_t now_ms);

#endif
