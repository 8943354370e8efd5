#include "io_thread.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_conn.h"
#include "opening.h"
#include "server.h"
#include "socketio_client.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"
#include "tls.h"
#include "tls_context.h"

enum {
    IO_THREAD_GATHER_NS = 1000000,
    IO_THREAD_GATHER_POLLS = 20, /* in one tick: less than that are served as they come */
    IO_THREAD_MANY_LEFT = 250,   /* clients; the memory of less is not worth giving back */
    IO_THREAD_LARGE = 100000,    /* bytes; the allocator still takes them from an arena */
};

static void io_thread_on_reap(evutil_socket_t fd, short events, void *arg)
{
    struct io_thread *thread = arg;

    (void)fd;
    (void)events;
    conn_reap(&thread->dead);
    engine_reap(&thread->dead_engines);
}

static void io_thread_call_reaper(struct io_thread *thread)
{
    static const struct timeval now = {0, 0};

    if (TAILQ_EMPTY(&thread->dead) && TAILQ_EMPTY(&thread->dead_engines))
        evtimer_add(&thread->reaper, &now);
}

void io_thread_bury(struct io_thread *thread, struct conn *conn)
{
    io_thread_call_reaper(thread);
    TAILQ_INSERT_TAIL(&thread->dead, conn, link);
}

void io_thread_bury_engine(struct io_thread *thread, struct engine *engine)
{
    io_thread_call_reaper(thread);
    TAILQ_INSERT_TAIL(&thread->dead_engines, engine, link);
}

/* All that was ready has been served. */
static void io_thread_on_gather(evutil_socket_t fd, short events, void *arg)
{
    struct io_thread *thread = arg;

    (void)fd;
    (void)events;
    if (!delivery_busy(&thread->delivery) && !thread->poller.full)
        stage_rest(&thread->stage, IO_THREAD_GATHER_NS);
}

void io_thread_count_poll(struct io_thread *thread)
{
    stats_add(&thread->stats.polls, 1);
    thread->polls_in_tick++;
    if (thread->polls_come)
        event_active(&thread->gather, EV_TIMEOUT, 1); /* behind the events that are ready now */
}

/* malloc_trim leaves alone what is free at the end of another arena than the first one, and so of
 * each thread; there, it is when a large piece becomes free that memory is given back. */
static void io_thread_trim_arena(void)
{
    void *volatile large = malloc(IO_THREAD_LARGE);

    free(large);
}

/* When most of the clients have left, gives their memory back to the system: the allocator does so
 * by itself only where nothing lies behind it. It takes some milliseconds, and is left alone while
 * clients are still leaving. Those who remain lie far apart and keep a page each, or more, so that
 * it is done again when they leave, however few they are. */
static void io_thread_give_back(struct io_thread *thread)
{
    uint64_t held = stats_get(&thread->stats.connections) + thread->delivery.cursors.taken;
    bool leaving = held < thread->last_held;

    thread->last_held = held;
    if (held > thread->most_held)
        thread->most_held = held;
    if (leaving || held > thread->most_held / 2)
        return;
    if (held + IO_THREAD_MANY_LEFT > thread->most_held && !thread->scattered)
        return;
    thread->most_held = held;
    thread->scattered = held > 0;
    cursor_table_trim(&thread->delivery.cursors);
    malloc_trim(0);
    io_thread_trim_arena();
}

/* Drops what is too old. The same second on all threads, so that all of them hold the same window:
 * a client that is told a gap by one does not find the messages on another. */
static void io_thread_on_second(struct io_thread *thread, uint64_t now_ms)
{
    delivery_expire(&thread->delivery, now_ms);
    recovery_expire(thread, now_ms);
}

static void io_thread_on_tick(evutil_socket_t fd, short events, void *arg)
{
    struct io_thread *thread = arg;
    uint64_t now_ms = clock_ms(), begun_ns = load_begin();

    (void)fd;
    (void)events;
    wheel_advance(&thread->wheel, now_ms, conn_on_timer, thread);
    wheel_advance(&thread->engine_wheel, now_ms, engine_on_timer, thread);
    thread->polls_come = thread->polls_in_tick >= IO_THREAD_GATHER_POLLS;
    thread->polls_in_tick = 0;
    recovery_retry(thread);
    drain_tick(thread, now_ms);
    if (now_ms / 1000 != thread->second) {
        thread->second = now_ms / 1000;
        io_thread_on_second(thread, thread->second * 1000);
        io_thread_give_back(thread);
    }
    load_end(&thread->load, LOAD_TIMER, begun_ns);
    load_tick(&thread->load, thread->name);
}

static void io_thread_on_start(void *self)
{
    struct io_thread *thread = self;

    load_start(&thread->load, &thread->stats);
}

static void io_thread_before_mail(void *self)
{
    struct io_thread *thread = self;

    thread->mail_begun_ns = load_begin();
}

static void io_thread_after_mail(void *self)
{
    struct io_thread *thread = self;

    load_end(&thread->load, LOAD_MAIL, thread->mail_begun_ns);
    delivery_run(&thread->delivery);
}

static int io_thread_init_parts(struct io_thread *thread, uint64_t head)
{
    static const struct timeval tick = {0, WHEEL_TICK_MS * 1000};
    struct server *server = thread->server;

    load_start(&thread->load, &thread->stats); /* and again on the thread, whose time it takes */
    thread->scratch = malloc(IO_THREAD_SCRATCH);
    thread->inflater = inflater_new();
    if (thread->scratch == NULL || thread->inflater == NULL ||
        poller_init(&thread->poller, thread->stage.base, conn_on_ready) < 0 ||
        !recovery_table_init(&thread->recovery, socketio_connect_yield, socketio_keep_hold) ||
        !delivery_init(&thread->delivery, &thread->stage, thread->config, &thread->stats,
                       thread->index, server->dialect_users, head))
        return -1;
    evtimer_assign(&thread->reaper, thread->stage.base, io_thread_on_reap, thread);
    evtimer_assign(&thread->gather, thread->stage.base, io_thread_on_gather, thread);
    event_assign(&thread->tick, thread->stage.base, -1, EV_PERSIST, io_thread_on_tick, thread);
    return event_add(&thread->tick, &tick);
}

int io_thread_init(struct io_thread *thread, struct server *server, unsigned index, uint64_t head)
{
    int error;

    thread->server = server;
    thread->config = config_ref(server->config);
    thread->index = index;
    snprintf(thread->name, sizeof(thread->name), "io-%u", index);
    TAILQ_INIT(&thread->conns);
    TAILQ_INIT(&thread->dead);
    TAILQ_INIT(&thread->dead_engines);
    TAILQ_INIT(&thread->unpolled);
    seat_pool_init(&thread->seats);
    wheel_init(&thread->wheel, clock_ms());
    wheel_init(&thread->engine_wheel, clock_ms());
    error = stage_init(&thread->stage, thread->name, thread);
    if (error < 0)
        return error;
    thread->stage.on_start = io_thread_on_start;
    thread->stage.before_mail = io_thread_before_mail;
    thread->stage.after_mail = io_thread_after_mail;
    thread->tls = tls_thread_new(thread);
    if (thread->tls == NULL)
        return -ENOMEM;
    return io_thread_init_parts(thread, head) == 0 ? 0 : -ENOMEM;
}

void io_thread_destroy(struct io_thread *thread)
{
    struct conn *conn;

    while ((conn = TAILQ_FIRST(&thread->conns)) != NULL)
        conn_close(conn, CLOSE_SHUTDOWN);
    engine_close_all(thread);
    conn_reap(&thread->dead);
    engine_reap(&thread->dead_engines);
    recovery_table_destroy(&thread->recovery);
    poller_destroy(&thread->poller);
    event_del(&thread->reaper);
    event_del(&thread->gather);
    event_del(&thread->tick);
    delivery_destroy(&thread->delivery);
    inflater_free(&thread->inflater);
    tls_thread_free(thread->tls);
    if (thread->spare_message != NULL)
        http_message_free(thread->spare_message);
    free(thread->spare_message);
    free(thread->scratch);
    stage_destroy(&thread->stage);
    config_unref(&thread->config);
}

struct http_message *io_thread_take_message(struct io_thread *thread)
{
    struct http_message *message = thread->spare_message;

    thread->spare_message = NULL;
    return message != NULL ? message : calloc(1, sizeof(*message));
}

void io_thread_give_message(struct io_thread *thread, struct http_message *message)
{
    if (thread->spare_message == NULL) {
        thread->spare_message = message;
        return;
    }
    http_message_free(message);
    free(message);
}

struct io_thread *io_thread_of_id(const struct server *server, const uint8_t id[SESSION_ID_BYTES])
{
    return &server->io_threads[id[0] % server->io_thread_count];
}

void io_thread_open_accepted(struct mail *mail, void *self)
{
    struct io_thread *thread = self;
    struct accepted_mail *accepted = CONTAINER_OF(mail, struct accepted_mail, mail);

    OWNER_ASSERT(&thread->stage.owner);
    for (unsigned i = 0; i < accepted->count; i++) {
        opening_accept(thread, &accepted->conns[i]);
        tls_context_unref(&accepted->conns[i].tls);
    }
    free(accepted);
}

void io_thread_open_message(struct mail *mail, void *self)
{
    struct io_thread *thread = self;

    delivery_receive(&thread->delivery, CONTAINER_OF(mail, struct message_mail, mail));
}

void io_thread_say_goodbye(struct io_thread *thread)
{
    uint64_t left = stats_get(&thread->stats.connections);
    struct conn *conn;

    OWNER_ASSERT(&thread->stage.owner);
    thread->stopping = true;
    delivery_catch_up_all(&thread->delivery);
    /* One goodbye may close other connections: the next to be told is always the first in the list.
     */
    for (; left > 0 && (conn = TAILQ_FIRST(&thread->conns)) != NULL; left--) {
        TAILQ_REMOVE(&thread->conns, conn, link);
        TAILQ_INSERT_TAIL(&thread->conns, conn, link);
        if (conn_is_open(conn))
            conn->protocol->on_goodbye(conn);
    }
}

void io_thread_set_config(struct io_thread *thread, struct config *config)
{
    struct config *old = thread->config;

    OWNER_ASSERT(&thread->stage.owner);
    thread->config = config_ref(config);
    delivery_set_config(&thread->delivery, config);
    config_unref(&old);
}

void io_thread_count_conn(struct io_thread *thread, int change)
{
    stats_add(&thread->stats.connections, (uint64_t)(int64_t)change);
    if (change < 0) /* the acceptor has counted it in */
        server_count_conn(thread->server, change);
}

uint64_t io_thread_first_ping(struct io_thread *thread, uint64_t now_ms)
{
    uint64_t interval = (uint64_t)thread->config->ping_interval;

    if (!thread->config->ping_spread)
        return now_ms + interval;
    /* Multiples of the golden ratio, modulo one, stay evenly spread however many there are; each
     * thread begins at a different place. */
    uint64_t k = thread->ping_phases++ * thread->server->io_thread_count + thread->index;
    uint64_t fraction = (k * UINT64_C(11400714819323198485)) >> 32;
    uint64_t phase = fraction * interval >> 32;
    uint64_t since = now_ms % interval;

    return now_ms - since + phase + (phase > since ? 0 : interval);
}
