#include "delivery.h"

#include <assert.h>
#include <stdlib.h>

#include "catch_up.h"
#include "cors.h"
#include "fanout.h"
#include "poll_response.h"
#include "publish.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

enum {
    DELIVERY_OWED = 16,       /* owed sessions between two looks at the clock */
    DELIVERY_SLICE_US = 2000, /* nothing else on the thread waits longer than about this */
};

static void delivery_on_slice(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    delivery_run(arg);
}

/* A message without rooms has one target: everyone, whose room has an empty name. */
static size_t delivery_target_count(const struct message *message)
{
    return message->room_count > 0 ? message->room_count : 1;
}

static struct span delivery_target(const struct message *message, size_t i)
{
    return message->room_count > 0 ? message->rooms[i] : (struct span){"", 0};
}

/* The journal gives up its oldest message. */
static void delivery_drop(void *item, uint64_t seq, void *arg)
{
    struct delivery *delivery = arg;
    struct message *message = item;

    ENSURE(message->seq == seq);
    for (size_t i = 0; i < delivery_target_count(message); i++) {
        struct span name = delivery_target(message, i);
        struct room *room = room_find(&delivery->rooms, message->namespace, name.ptr, name.len);
        if (room == NULL)
            continue;
        room_chain_trim(room, message);
        room_release(&delivery->rooms, room);
    }
    room_table_evict(&delivery->rooms);
    message_unref(&message);
}

static struct journal_limits delivery_limits(const struct config *config)
{
    return (struct journal_limits){
        .count = (size_t)config->journal_messages,
        .bytes = (size_t)config->journal_bytes,
        .age_ms = (uint64_t)config->journal_age * 1000,
    };
}

bool delivery_init(struct delivery *delivery, struct stage *stage, const struct config *config,
                   struct stats *stats, unsigned io_thread, atomic_uint *dialect_users,
                   uint64_t head)
{
    struct journal_limits limits = delivery_limits(config);

    *delivery = (struct delivery){
        .stage = stage,
        .owner = &stage->owner,
        .config = config,
        .stats = stats,
        .io_thread = io_thread,
        .id_pool.io_thread = (uint8_t)io_thread,
        .dialect_users = dialect_users,
    };
    TAILQ_INIT(&delivery->running);
    TAILQ_INIT(&delivery->resting);
    TAILQ_INIT(&delivery->owed);
    TAILQ_INIT(&delivery->blocked);
    STAILQ_INIT(&delivery->held);
    encoder_init(&delivery->encoder, config, stats);
    cursor_table_init(&delivery->cursors);
    journal_init(&delivery->journal, &limits, head, delivery_drop, delivery);
    evtimer_assign(&delivery->slice, stage->base, delivery_on_slice, delivery);
    return room_table_init(&delivery->rooms, config, stats, head);
}

void delivery_destroy(struct delivery *delivery)
{
    delivery_stop(delivery);
    event_del(&delivery->slice);
    journal_destroy(&delivery->journal);
    room_table_destroy(&delivery->rooms);
    encoder_destroy(&delivery->encoder);
    cursor_table_destroy(&delivery->cursors);
    free(delivery->sources);
}

/* Polls that wait are to be answered for the page that asked, by whatever number that has now. */
static void delivery_renumber_origins(struct delivery *delivery, const struct config *config)
{
    for (uint32_t i = 0; i < delivery->cursors.count; i++) {
        struct cursor *cursor = &delivery->cursors.cursors[i];

        if (cursor->session != NULL && cursor->answer != 0)
            cursor->answer = poll_response_renumber(
                cursor->answer,
                cors_renumber(delivery->config, config, poll_response_cors(cursor->answer)));
    }
}

void delivery_set_config(struct delivery *delivery, const struct config *config)
{
    struct journal_limits limits = delivery_limits(config);

    OWNER_ASSERT(delivery->owner);
    delivery_renumber_origins(delivery, config);
    delivery->config = config;
    delivery->encoder.config = config;
    journal_set_limits(&delivery->journal, &limits);
    room_table_set_config(&delivery->rooms, config, &delivery->journal);
}

void delivery_dialect_join(struct delivery *delivery, enum dialect dialect)
{
    atomic_fetch_add_explicit(&delivery->dialect_users[dialect], 1, memory_order_relaxed);
}

void delivery_dialect_leave(struct delivery *delivery, enum dialect dialect)
{
    atomic_fetch_sub_explicit(&delivery->dialect_users[dialect], 1, memory_order_relaxed);
}

static struct session_list *delivery_list(struct delivery *delivery, enum session_lag lag)
{
    switch (lag) {
    case SESSION_OWED:
        return &delivery->owed;
    case SESSION_BLOCKED:
        return &delivery->blocked;
    case SESSION_CURRENT:
    case SESSION_AWAY:
    case SESSION_GONE:
        break;
    }
    return NULL;
}

void delivery_set_lag(struct delivery *delivery, struct session *session, enum session_lag lag)
{
    struct cursor *cursor = session_cursor(session);
    struct session_list *from = delivery_list(delivery, (enum session_lag)cursor->lag);
    struct session_list *to = delivery_list(delivery, lag);

    if (cursor->lag == lag)
        return;
    if (from != NULL)
        TAILQ_REMOVE(from, session, link);
    if (to != NULL)
        TAILQ_INSERT_TAIL(to, session, link);
    if (lag == SESSION_BLOCKED)
        stats_add(&delivery->stats->blocked, 1);
    delivery->moved_count -= cursor->moved;
    cursor->moved = false;
    cursor->lag = (uint8_t)lag;
}

static void delivery_schedule(struct delivery *delivery, uint64_t delay_ns)
{
    struct timeval delay = {0, (suseconds_t)(delay_ns / 1000)};

    evtimer_add(&delivery->slice, &delay);
}

void delivery_member_moved(struct delivery *delivery, struct room *room, struct session *moved)
{
    struct cursor *cursor = session_cursor(moved);

    if (room->fanout.state != ROOM_FANOUT_RUNNING || cursor->lag != SESSION_CURRENT ||
        cursor->seq >= room->fanout.last)
        return;
    delivery_set_lag(delivery, moved, SESSION_OWED);
    cursor->moved = true;
    delivery->moved_count++;
    delivery_schedule(delivery, 0);
}

/* All threads hold the same window; one of them counts it. */
static void delivery_count_journal(struct delivery *delivery)
{
    if (delivery->io_thread != 0)
        return;
    stats_set(&delivery->stats->journal_messages, journal_count(&delivery->journal));
    stats_set(&delivery->stats->journal_bytes, delivery->journal.bytes);
}

unsigned delivery_accept(struct delivery *delivery, struct message *message)
{
    unsigned clients = 0;

    OWNER_ASSERT(delivery->owner);
    OBJ_CHECK(message, MESSAGE_MAGIC);
    journal_append(&delivery->journal, message, message->seq, message->cost, message->time_ms);
    delivery_count_journal(delivery);
    for (size_t i = 0; i < delivery_target_count(message); i++) {
        struct span name = delivery_target(message, i);
        struct room *room = room_intern(&delivery->rooms, message->namespace, name.ptr, name.len);

        /* A room that was named twice has it already. */
        if (room == NULL || room_chain_last(room) == message->seq ||
            !room_chain_append(room, message))
            continue;
        clients += room->member_count;
        fanout_start(delivery, room, message->seq);
    }
    return clients;
}

static void delivery_accept_mail(struct delivery *delivery, struct message_mail *mail)
{
    struct publish_request *request = mail->message->receipt;
    unsigned index = mail->message->receipt_index;
    unsigned clients = delivery_accept(delivery, mail->message);

    if (request != NULL)
        publish_request_accepted(request, index, clients);
}

/* Would the message push something out of the window that somebody who keeps up has yet to get:
 * from a fan-out, or because he was moved past one? */
static bool delivery_too_soon(const struct delivery *delivery, const struct message *message)
{
    uint64_t first = journal_first_after(&delivery->journal, message->cost);

    return !delivery->stopping && first > journal_first(&delivery->journal) &&
           (delivery->moved_count > 0 || fanout_owes(delivery, first));
}

void delivery_receive(struct delivery *delivery, struct message_mail *mail)
{
    OWNER_ASSERT(delivery->owner);
    if (STAILQ_EMPTY(&delivery->held) && !delivery_too_soon(delivery, mail->message)) {
        delivery_accept_mail(delivery, mail);
        return;
    }
    STAILQ_INSERT_TAIL(&delivery->held, mail, link);
    stats_add(&delivery->stats->held, 1);
}

/* Accepts what had to wait, as far as there is room now. */
static void delivery_accept_held(struct delivery *delivery)
{
    struct message_mail *mail;

    while ((mail = STAILQ_FIRST(&delivery->held)) != NULL &&
           !delivery_too_soon(delivery, mail->message)) {
        STAILQ_REMOVE_HEAD(&delivery->held, link);
        stats_sub(&delivery->stats->held, 1);
        delivery_accept_mail(delivery, mail);
    }
}

void delivery_catch_up(struct delivery *delivery, struct session *session)
{
    uint64_t before = session_cursor(session)->seq;

    OWNER_ASSERT(delivery->owner);
    switch (catch_up_session(delivery, session)) {
    case CATCH_UP_CURRENT:
        delivery_set_lag(delivery, session, SESSION_CURRENT);
        break;
    case CATCH_UP_BLOCKED:
        if (session_is_attached(session)) /* or else it was answered, and is AWAY */
            delivery_blocked(delivery, session);
        break;
    case CATCH_UP_MORE: /* to the end of the list, so that others have their turn */
        delivery_set_lag(delivery, session, SESSION_CURRENT);
        delivery_set_lag(delivery, session, SESSION_OWED);
        delivery_schedule(delivery, 0);
        break;
    }
    assert(session_cursor(session)->seq >= before);
    (void)before;
}

void delivery_catch_up_all(struct delivery *delivery)
{
    for (uint32_t slot = 0; slot < delivery->cursors.count; slot++) {
        const struct cursor *cursor = &delivery->cursors.cursors[slot];

        do {
            if (cursor->lag == SESSION_CURRENT || cursor->lag == SESSION_OWED)
                delivery_catch_up(delivery, cursor->session);
        } while (cursor->lag == SESSION_OWED);
    }
}

void delivery_blocked(struct delivery *delivery, struct session *session)
{
    if (!session_is_gone(session))
        delivery_set_lag(delivery, session, SESSION_BLOCKED);
}

void delivery_drained(struct delivery *delivery, struct session *session)
{
    if (session_cursor(session)->lag == SESSION_BLOCKED)
        delivery_catch_up(delivery, session);
}

void delivery_stop(struct delivery *delivery)
{
    delivery->stopping = true;
    fanout_abandon_all(delivery);
    delivery_accept_held(delivery);
}

/* Goes on with some of the sessions that are owed; with one only, if that one takes much. */
static void delivery_run_owed(struct delivery *delivery)
{
    for (int i = 0; i < DELIVERY_OWED; i++) {
        struct session *session = TAILQ_FIRST(&delivery->owed);

        if (session == NULL)
            return;
        delivery_catch_up(delivery, session);
        if (session_cursor(session)->lag == SESSION_OWED)
            return;
    }
}

bool delivery_busy(const struct delivery *delivery)
{
    return !TAILQ_EMPTY(&delivery->running) || !TAILQ_EMPTY(&delivery->owed);
}

void delivery_run(struct delivery *delivery)
{
    uint64_t now_ns = clock_ns(), end_ns = now_ns + DELIVERY_SLICE_US * 1000, wait_ns;

    OWNER_ASSERT(delivery->owner);
    delivery_accept_held(delivery); /* whoever they waited for may have left */
    wait_ns = fanout_wake(delivery, now_ns);
    if (delivery_busy(delivery))
        stats_add(&delivery->stats->slices, 1);
    while (delivery_busy(delivery) && now_ns < end_ns) {
        delivery_run_owed(delivery);
        if (!TAILQ_EMPTY(&delivery->running))
            fanout_run(delivery);
        delivery_accept_held(delivery);
        now_ns = clock_ns();
        wait_ns = fanout_wake(delivery, now_ns);
        if (stage_has_mail(delivery->stage)) /* which may be for one client, who waits for it */
            break;
    }
    if (delivery_busy(delivery))
        delivery_schedule(delivery, 0);
    else if (wait_ns > 0)
        delivery_schedule(delivery, wait_ns);
}

void delivery_expire(struct delivery *delivery, uint64_t now_ms)
{
    struct session *session, *next;

    OWNER_ASSERT(delivery->owner);
    journal_expire(&delivery->journal, now_ms);
    delivery_count_journal(delivery);
    for (session = TAILQ_FIRST(&delivery->blocked); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (catch_up_too_slow(session))
            session->ops->too_slow(session);
    }
}
