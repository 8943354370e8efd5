#include "drain.h"

#include <stdlib.h>

#include "handover.h"
#include "io_thread.h"
#include "notify.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"

enum {
    DRAIN_POLL_MS = 20,
    DRAIN_STOP_MS = 3000, /* how long clients may take to go when the server stops */
};

struct drain_mail {
    struct mail mail;
    uint64_t end_ms;
};

/* --- The main thread */

static void drain_on_poll(evutil_socket_t fd, short events, void *arg);

bool drain_init(struct server *server)
{
    struct drain *drain = &server->drain;

    drain->running = calloc(server->io_thread_count, sizeof(*drain->running));
    drain->stopping = calloc(server->io_thread_count, sizeof(*drain->stopping));
    evtimer_assign(&drain->poll, server->main.base, drain_on_poll, server);
    return drain->running != NULL && drain->stopping != NULL;
}

void drain_destroy(struct server *server)
{
    event_del(&server->drain.poll);
    free(server->drain.running);
    free(server->drain.stopping);
}

static void drain_poll_later(struct server *server)
{
    static const struct timeval later = {0, DRAIN_POLL_MS * 1000};

    evtimer_add(&server->drain.poll, &later);
}

static unsigned long long drain_clients(const struct server *server)
{
    struct stats sum;

    server_sum_stats(server, &sum);
    return (unsigned long long)stats_clients(&sum);
}

static void drain_open_running(struct mail *mail, void *self)
{
    struct io_thread *thread = self;

    OWNER_ASSERT(&thread->stage.owner);
    thread->farewell.last_ms = clock_ms();
    thread->farewell.end_ms = CONTAINER_OF(mail, struct drain_mail, mail)->end_ms;
    thread->farewell.draining = true;
    if (handover_active(&thread->server->handover))
        recovery_hand_over(thread);
}

static void drain_open_acceptor(struct mail *mail, void *self)
{
    (void)mail;
    acceptor_refuse_clients(self);
}

/* Closes the listeners for clients as soon as nobody needs them: each poll of a client that polls
 * may come by a connection of its own. */
static void drain_close_listeners(struct server *server)
{
    struct drain *drain = &server->drain;

    for (unsigned i = 0; i < DIALECT_COUNT; i++)
        if (dialect_is_polling((enum dialect)i) &&
            server_dialect_users(server, (enum dialect)i) > 0)
            return;
    if (drain->to_acceptor.open != NULL)
        return;
    drain->to_acceptor.open = drain_open_acceptor;
    stage_post(&server->acceptor.stage, &drain->to_acceptor);
}

static void drain_start(struct server *server, unsigned seconds)
{
    struct drain *drain = &server->drain;

    log_info("server", "draining: %llu clients leave within %u seconds", drain_clients(server),
             seconds);
    notify_stopping(seconds + DRAIN_STOP_MS / 1000 + 1);
    if (handover_start(server))
        log_info("server", "what is kept of them goes to %s", server->config->successor);
    drain->phase = DRAIN_RUNNING;
    drain->end_ms = clock_ms() + (uint64_t)seconds * 1000;
    for (unsigned i = 0; i < server->io_thread_count; i++) {
        drain->running[i].end_ms = drain->end_ms;
        drain->running[i].mail.open = drain_open_running;
        stage_post(&server->io_threads[i].stage, &drain->running[i].mail);
    }
    drain_close_listeners(server);
    drain_poll_later(server);
}

static void drain_open_stopping(struct mail *mail, void *self)
{
    (void)mail;
    io_thread_say_goodbye(self);
}

/* Everyone who is still there is told, and has a moment to go. */
static void drain_stop(struct server *server)
{
    struct drain *drain = &server->drain;

    log_info("server", "stopping: %d connections are told", server_open_conns(server));
    notify_stopping(DRAIN_STOP_MS / 1000 + 1);
    stage_stop(&server->acceptor.stage);
    stage_join(&server->acceptor.stage);
    acceptor_close(&server->acceptor);
    drain->phase = DRAIN_STOPPING;
    drain->end_ms = clock_ms() + DRAIN_STOP_MS;
    for (unsigned i = 0; i < server->io_thread_count; i++) {
        drain->stopping[i].open = drain_open_stopping;
        stage_post(&server->io_threads[i].stage, &drain->stopping[i]);
    }
    drain_poll_later(server);
}

static void drain_on_poll(evutil_socket_t fd, short events, void *arg)
{
    struct server *server = arg;
    struct drain *drain = &server->drain;
    bool over = clock_ms() >= drain->end_ms;
    unsigned handed = handover_outstanding(&server->handover);

    (void)fd;
    (void)events;
    if (drain->phase == DRAIN_RUNNING && !over && drain_clients(server) + handed > 0) {
        drain_close_listeners(server);
        drain_poll_later(server);
    } else if (drain->phase == DRAIN_RUNNING) {
        drain_stop(server);
    } else if (!over && (handed > 0 || server_open_conns(server) > 0)) {
        drain_poll_later(server);
    } else {
        event_base_loopbreak(server->main.base);
    }
}

void drain_begin(struct server *server, unsigned seconds)
{
    OWNER_ASSERT(&server->main.owner);
    switch (server->drain.phase) {
    case DRAIN_NONE:
        if (seconds > 0)
            drain_start(server, seconds);
        else
            drain_stop(server);
        break;
    case DRAIN_RUNNING: /* asked again: enough of that */
        drain_stop(server);
        break;
    case DRAIN_STOPPING:
        event_base_loopbreak(server->main.base);
        break;
    }
}

/* --- An I/O thread */

static uint32_t drain_count_sessions(const struct cursor_table *table)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < table->count; slot++)
        count += table->cursors[slot].lag != SESSION_GONE;
    return count;
}

/* A client that is between two polls is told with the next one. */
static bool drain_tell_away(struct session *session)
{
    struct engine *engine = session->client;

    if (!dialect_is_polling((enum dialect)session_cursor(session)->dialect) || engine->leaving)
        return false;
    engine_leave(engine);
    return true;
}

/* Brings the session up to date and lets it go. False when it has to be waited for: its socket is
 * full, or it is a stream that just begins. */
static bool drain_tell(struct session *session)
{
    const struct cursor *cursor = session_cursor(session);

    if (cursor->lag == SESSION_CURRENT)
        delivery_catch_up(session->delivery, session); /* may answer a poll, or close */
    if (cursor->lag == SESSION_AWAY)
        return drain_tell_away(session);
    if (cursor->lag != SESSION_CURRENT || session->conn == NULL)
        return false;
    session->conn->protocol->on_goodbye(session->conn);
    return true;
}

/* Tells the next one whose turn it is. */
static bool drain_tell_next(struct io_thread *thread)
{
    const struct cursor_table *table = &thread->delivery.cursors;
    uint32_t slot = thread->farewell.next_slot++;

    if (slot >= table->count) {
        thread->farewell.next_slot = 1;
        slot = 0;
    }
    return table->cursors[slot].lag != SESSION_GONE && drain_tell(table->cursors[slot].session);
}

void drain_tick(struct io_thread *thread, uint64_t now_ms)
{
    struct farewell *farewell = &thread->farewell;
    uint32_t count, left;

    if (!farewell->draining || thread->stopping || now_ms <= farewell->last_ms)
        return;
    count = drain_count_sessions(&thread->delivery.cursors);
    farewell->due += (double)count * (double)(now_ms - farewell->last_ms) /
                     (double)(farewell->end_ms > now_ms ? farewell->end_ms - now_ms : 1);
    farewell->last_ms = now_ms;
    if (farewell->due > count)
        farewell->due = count;
    for (left = thread->delivery.cursors.count; left > 0 && farewell->due >= 1; left--)
        if (drain_tell_next(thread))
            farewell->due--;
}
