#include "recovery.h"

#include <stdlib.h>
#include <string.h>

#include "engine_queue.h"
#include "handover.h"
#include "io_thread.h"
#include "server.h"
#include "stentor/base/clock.h"

/* Where the client with a pid is. */
struct recovery_entry {
    struct idtable_node node;          /* the pid */
    struct idtable_node address;       /* the id of its socket */
    struct io_thread *thread;          /* that it is connected to, */
    uint8_t session[SESSION_ID_BYTES]; /* and its session there */
    struct recovery_record *record;    /* what is kept of it; NULL: it is connected */
    struct recovery_claim *claim;      /* that waits for the client to be given up */
    uint64_t kept_until_ms;
    TAILQ_ENTRY(recovery_entry) link; /* in the list of those that are kept */
};

/* All records together may take so much for each of recovery_sessions. */
enum { RECOVERY_MEAN_BYTES = 1024 };

/* How long after the last records of another server its clients may come before theirs, and how
 * long each waits. */
enum { RECOVERY_ADOPTING_MS = 10000, RECOVERY_EARLY_MS = 2000 };

enum recovery_notice_kind { RECOVERY_KEEP, RECOVERY_FORGET, RECOVERY_YIELD, RECOVERY_ADOPT };

/* The other mails. */
struct recovery_notice {
    struct mail mail;
    enum recovery_notice_kind kind;
    uint8_t pid[SESSION_ID_BYTES];
    uint8_t session[SESSION_ID_BYTES]; /* of a yield */
    struct recovery_record *record;
};

bool recovery_table_init(struct recovery_table *table, recovery_yield *yield, recovery_hold *hold)
{
    table->yield = yield;
    table->hold = hold;
    TAILQ_INIT(&table->kept);
    TAILQ_INIT(&table->deferred);
    TAILQ_INIT(&table->early);
    table->kept_count = 0;
    return idtable_init(&table->entries) && idtable_init(&table->addresses);
}

static struct recovery_entry *recovery_find(const struct recovery_table *table,
                                            const uint8_t pid[SESSION_ID_BYTES])
{
    struct idtable_node *node = idtable_find(&table->entries, pid);

    return node != NULL ? CONTAINER_OF(node, struct recovery_entry, node) : NULL;
}

/* Takes the record out of the entry; the client counts as connected. */
static struct recovery_record *recovery_take(struct io_thread *home, struct recovery_entry *entry)
{
    struct recovery_record *record = entry->record;

    if (record == NULL)
        return NULL;
    entry->record = NULL;
    TAILQ_REMOVE(&home->recovery.kept, entry, link);
    home->recovery.kept_count--;
    home->recovery.kept_bytes -= record->bytes + record->queue.len;
    stats_sub(&home->stats.recovery_kept, 1);
    return record;
}

static void recovery_answer(struct recovery_claim *claim, struct recovery_record *record)
{
    claim->record = record;
    claim->mail.open = claim->resume;
    stage_post(&claim->thread->stage, &claim->mail);
}

static void recovery_remove(struct io_thread *home, struct recovery_entry *entry)
{
    recovery_record_free(recovery_take(home, entry));
    if (entry->claim != NULL)
        recovery_answer(entry->claim, NULL);
    idtable_remove(&home->recovery.entries, &entry->node);
    idtable_remove(&home->recovery.addresses, &entry->address);
    free(entry);
}

static void recovery_claims_free(struct recovery_claim_list *claims)
{
    struct recovery_claim *claim;

    while ((claim = TAILQ_FIRST(claims)) != NULL) {
        TAILQ_REMOVE(claims, claim, link);
        recovery_claim_free(claim);
    }
}

void recovery_table_destroy(struct recovery_table *table)
{
    struct idtable_node *node;

    if (table->entries.buckets != NULL) {
        recovery_claims_free(&table->deferred);
        recovery_claims_free(&table->early);
    }
    while (table->entries.buckets != NULL && (node = idtable_any(&table->entries)) != NULL) {
        struct recovery_entry *entry = CONTAINER_OF(node, struct recovery_entry, node);

        idtable_remove(&table->entries, node);
        if (entry->claim != NULL)
            recovery_claim_free(entry->claim);
        recovery_record_free(entry->record);
        free(entry);
    }
    idtable_destroy(&table->entries);
    idtable_destroy(&table->addresses);
}

/* An entry for the client with that pid and that address; NULL when memory is out. */
static struct recovery_entry *recovery_add(struct io_thread *home,
                                           const uint8_t pid[SESSION_ID_BYTES],
                                           const uint8_t address[SESSION_ID_BYTES])
{
    struct recovery_entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL)
        return NULL;
    entry->thread = home;
    memcpy(entry->node.id, pid, SESSION_ID_BYTES);
    idtable_add(&home->recovery.entries, &entry->node);
    memcpy(entry->address.id, address, SESSION_ID_BYTES);
    idtable_add(&home->recovery.addresses, &entry->address);
    return entry;
}

bool recovery_register(struct io_thread *thread, const uint8_t session[SESSION_ID_BYTES],
                       const uint8_t address[SESSION_ID_BYTES], uint8_t pid[SESSION_ID_BYTES])
{
    struct recovery_entry *entry;

    OWNER_ASSERT(&thread->stage.owner);
    session_id_make(&thread->delivery.id_pool, pid);
    entry = recovery_add(thread, pid, address);
    if (entry == NULL)
        return false;
    memcpy(entry->session, session, SESSION_ID_BYTES);
    return true;
}

/* --- On the home thread */

/* How many may be kept here. */
static unsigned recovery_limit(const struct io_thread *home)
{
    unsigned limit = (unsigned)home->config->recovery_sessions / home->server->io_thread_count;

    return limit > 0 ? limit : 1;
}

/* And how many bytes they may take. */
static size_t recovery_budget(const struct io_thread *home)
{
    return (size_t)recovery_limit(home) * RECOVERY_MEAN_BYTES;
}

static void recovery_put(struct io_thread *home, struct recovery_entry *entry,
                         struct recovery_record *record)
{
    struct recovery_table *table = &home->recovery;

    recovery_record_free(recovery_take(home, entry));
    entry->record = record;
    entry->kept_until_ms = clock_ms() + (uint64_t)home->config->recovery_time * 1000;
    TAILQ_INSERT_TAIL(&table->kept, entry, link);
    table->kept_count++;
    table->kept_bytes += record->bytes + record->queue.len;
    stats_add(&home->stats.recovery_kept, 1);
    while (table->kept_count > recovery_limit(home) || table->kept_bytes > recovery_budget(home))
        recovery_remove(home, TAILQ_FIRST(&table->kept));
}

/* The entry's client is the claimant's from now on. */
static void recovery_grant(struct recovery_entry *entry, struct recovery_claim *claim,
                           struct recovery_record *record)
{
    entry->thread = claim->thread;
    memcpy(entry->session, claim->session, SESSION_ID_BYTES);
    recovery_answer(claim, record);
}

static void recovery_on_keep(struct io_thread *home, const uint8_t pid[SESSION_ID_BYTES],
                             struct recovery_record *record)
{
    struct recovery_entry *entry = recovery_find(&home->recovery, pid);
    struct recovery_claim *claim = entry != NULL ? entry->claim : NULL;

    if (entry == NULL) {
        recovery_record_free(record);
    } else if (claim != NULL) {
        entry->claim = NULL;
        recovery_grant(entry, claim, record);
    } else if (handover_active(&home->server->handover)) {
        handover_give(&home->server->handover, home, pid, record);
        recovery_remove(home, entry);
    } else {
        recovery_put(home, entry, record);
    }
}

/* The claim that has come before its record; NULL when there is none. */
static struct recovery_claim *recovery_take_early(struct recovery_table *table,
                                                  const uint8_t pid[SESSION_ID_BYTES])
{
    struct recovery_claim *claim;

    TAILQ_FOREACH (claim, &table->early, link)
        if (memcmp(claim->pid, pid, SESSION_ID_BYTES) == 0)
            break;
    if (claim != NULL)
        TAILQ_REMOVE(&table->early, claim, link);
    return claim;
}

static void recovery_on_adopt(struct io_thread *home, const uint8_t pid[SESSION_ID_BYTES],
                              struct recovery_record *record)
{
    struct recovery_entry *entry = recovery_find(&home->recovery, pid);

    if (entry == NULL)
        entry = recovery_add(home, pid, record->id);
    if (entry == NULL) {
        recovery_record_free(record);
        return;
    }
    stats_add(&home->stats.adopted, 1);
    if (entry->claim == NULL)
        entry->claim = recovery_take_early(&home->recovery, pid);
    recovery_on_keep(home, pid, record);
}

static void recovery_on_forget(struct io_thread *home, const uint8_t pid[SESSION_ID_BYTES])
{
    struct recovery_entry *entry = recovery_find(&home->recovery, pid);

    if (entry != NULL)
        recovery_remove(home, entry);
}

static void recovery_open_notice(struct mail *mail, void *self)
{
    struct recovery_notice *notice = CONTAINER_OF(mail, struct recovery_notice, mail);
    struct io_thread *thread = self;

    switch (notice->kind) {
    case RECOVERY_KEEP:
        recovery_on_keep(thread, notice->pid, notice->record);
        break;
    case RECOVERY_FORGET:
        recovery_on_forget(thread, notice->pid);
        break;
    case RECOVERY_ADOPT:
        recovery_on_adopt(thread, notice->pid, notice->record);
        break;
    case RECOVERY_YIELD:
        thread->recovery.yield(thread, notice->session, notice->pid);
        break;
    }
    free(notice);
}

/* A mail about the client with that pid; NULL when memory is out. */
static struct recovery_notice *recovery_new_notice(enum recovery_notice_kind kind,
                                                   const uint8_t pid[SESSION_ID_BYTES])
{
    struct recovery_notice *notice = calloc(1, sizeof(*notice));

    if (notice == NULL)
        return NULL;
    notice->mail.open = recovery_open_notice;
    notice->kind = kind;
    memcpy(notice->pid, pid, SESSION_ID_BYTES);
    return notice;
}

/* Asks the client's thread to give it up. */
static void recovery_ask(const struct recovery_entry *entry)
{
    struct recovery_notice *notice = recovery_new_notice(RECOVERY_YIELD, entry->node.id);

    if (notice == NULL)
        return; /* the claim waits until the old connection is found to be dead */
    memcpy(notice->session, entry->session, SESSION_ID_BYTES);
    stage_post(&entry->thread->stage, &notice->mail);
}

/* Clients of another server that hands over may be a little faster than their records. */
static void recovery_claim_unknown(struct io_thread *home, struct recovery_claim *claim)
{
    uint64_t now_ms = clock_ms();

    if (atomic_load(&home->server->adopting_until_ms) <= now_ms) {
        recovery_answer(claim, NULL);
        return;
    }
    claim->until_ms = now_ms + RECOVERY_EARLY_MS;
    TAILQ_INSERT_TAIL(&home->recovery.early, claim, link);
}

static void recovery_open_claim(struct mail *mail, void *self)
{
    struct recovery_claim *claim = CONTAINER_OF(mail, struct recovery_claim, mail);
    struct io_thread *home = self;
    struct recovery_entry *entry;

    OWNER_ASSERT(&home->stage.owner);
    recovery_expire(home, clock_ms());
    entry = recovery_find(&home->recovery, claim->pid);
    if (entry == NULL) {
        recovery_claim_unknown(home, claim);
    } else if (entry->record != NULL) {
        recovery_grant(entry, claim, recovery_take(home, entry));
    } else if (entry->claim != NULL) {
        recovery_answer(entry->claim, NULL); /* the newest transport is the one that lives */
        entry->claim = claim;
    } else {
        entry->claim = claim;
        recovery_ask(entry);
    }
}

/* --- From any thread */

static struct io_thread *recovery_home(const struct io_thread *thread,
                                       const uint8_t pid[SESSION_ID_BYTES])
{
    return io_thread_of_id(thread->server, pid);
}

/* Tells the home; takes over the record. */
static void recovery_notify(struct io_thread *thread, enum recovery_notice_kind kind,
                            const uint8_t pid[SESSION_ID_BYTES], struct recovery_record *record)
{
    struct recovery_notice *notice = recovery_new_notice(kind, pid);

    if (notice == NULL) {
        recovery_record_free(record);
        return;
    }
    notice->record = record;
    stage_post(&recovery_home(thread, pid)->stage, &notice->mail);
}

void recovery_keep(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES],
                   struct recovery_record *record)
{
    recovery_notify(thread, record != NULL ? RECOVERY_KEEP : RECOVERY_FORGET, pid, record);
}

void recovery_forget(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES])
{
    recovery_notify(thread, RECOVERY_FORGET, pid, NULL);
}

void recovery_expect(struct io_thread *thread)
{
    atomic_store(&thread->server->adopting_until_ms, clock_ms() + RECOVERY_ADOPTING_MS);
}

void recovery_adopt(struct io_thread *thread, const uint8_t pid[SESSION_ID_BYTES],
                    struct recovery_record *record)
{
    recovery_notify(thread, RECOVERY_ADOPT, pid, record);
}

void recovery_hand_over(struct io_thread *home)
{
    struct recovery_entry *entry;

    OWNER_ASSERT(&home->stage.owner);
    while ((entry = TAILQ_FIRST(&home->recovery.kept)) != NULL) {
        handover_give(&home->server->handover, home, entry->node.id, recovery_take(home, entry));
        recovery_remove(home, entry);
    }
}

void recovery_submit(struct recovery_claim *claim)
{
    claim->mail.open = recovery_open_claim;
    stage_post(&recovery_home(claim->thread, claim->pid)->stage, &claim->mail);
}

void recovery_claim_free(struct recovery_claim *claim)
{
    strbuf_free(&claim->auth);
    recovery_record_free(claim->record);
    free(claim);
}

void recovery_defer(struct io_thread *thread, struct recovery_claim *claim)
{
    TAILQ_INSERT_TAIL(&thread->recovery.deferred, claim, link);
}

void recovery_retry(struct io_thread *thread)
{
    uint64_t head = journal_head(&thread->delivery.journal);
    struct recovery_claim *claim, *next;

    for (claim = TAILQ_FIRST(&thread->recovery.deferred); claim != NULL; claim = next) {
        next = TAILQ_NEXT(claim, link);
        if (claim->wait_for > head)
            continue;
        TAILQ_REMOVE(&thread->recovery.deferred, claim, link);
        claim->resume(&claim->mail, thread);
    }
}

/* --- Directed messages for clients that are not where their address says */

/* Adds to what is kept of the client; who has too much already is not the one to make others be
 * forgotten. */
static enum directed_result recovery_hold_directed(struct io_thread *thread,
                                                   struct recovery_record *record,
                                                   const struct directed *directed)
{
    if (engine_queue_is_full(&record->queue))
        return DIRECTED_FULL;
    return thread->recovery.hold(thread, record, directed) ? DIRECTED_QUEUED : DIRECTED_NO_MEMORY;
}

static enum directed_result recovery_hold_kept(struct io_thread *home,
                                               struct recovery_record *record,
                                               const struct directed *directed)
{
    size_t before = record->queue.len;
    enum directed_result result;

    if (home->recovery.kept_bytes + directed->bytes > recovery_budget(home))
        return DIRECTED_FULL;
    result = recovery_hold_directed(home, record, directed);
    home->recovery.kept_bytes += record->queue.len - before;
    return result;
}

/* What is kept of a client that has come back to this thread and has to wait a moment. */
static struct recovery_record *recovery_find_deferred(const struct io_thread *thread,
                                                      const uint8_t address[SESSION_ID_BYTES])
{
    struct recovery_claim *claim;

    TAILQ_FOREACH (claim, &thread->recovery.deferred, link)
        if (claim->record != NULL && memcmp(claim->record->id, address, SESSION_ID_BYTES) == 0)
            return claim->record;
    return NULL;
}

/* On the home thread. A client that is not where it is said to be has been closed: the mail that
 * says so is on its way, and the message arrives behind it. */
static void recovery_redirect_home(struct io_thread *home, struct directed *directed)
{
    struct idtable_node *node = idtable_find(&home->recovery.addresses, directed->to);
    struct recovery_entry *entry =
        node != NULL ? CONTAINER_OF(node, struct recovery_entry, address) : NULL;
    struct session *session = NULL;

    if (entry == NULL) {
        directed_finish(directed, home, DIRECTED_UNKNOWN);
        return;
    }
    if (entry->record != NULL) {
        directed_finish(directed, home, recovery_hold_kept(home, entry->record, directed));
        return;
    }
    if (entry->thread == home)
        session = session_addressed(&home->delivery, directed->message->namespace, entry->session,
                                    directed->to, 0);
    if (session != NULL)
        directed_give(directed, home, session);
    else
        directed_forward(directed, entry->thread, entry->session);
}

void recovery_redirect(struct io_thread *thread, struct directed *directed)
{
    struct recovery_record *record = recovery_find_deferred(thread, directed->to);
    struct io_thread *home = recovery_home(thread, directed->to);

    if (record != NULL)
        directed_finish(directed, thread, recovery_hold_directed(thread, record, directed));
    else if (thread == home)
        recovery_redirect_home(thread, directed);
    else
        directed_forward(directed, home, directed->to);
}

void recovery_expire(struct io_thread *thread, uint64_t now_ms)
{
    struct recovery_entry *entry;
    struct recovery_claim *claim;

    while ((entry = TAILQ_FIRST(&thread->recovery.kept)) != NULL && entry->kept_until_ms <= now_ms)
        recovery_remove(thread, entry);
    while ((claim = TAILQ_FIRST(&thread->recovery.early)) != NULL && claim->until_ms <= now_ms) {
        TAILQ_REMOVE(&thread->recovery.early, claim, link);
        recovery_answer(claim, NULL);
    }
}
