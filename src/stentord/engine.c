#include "engine.h"

#include <stdlib.h>

#include "engine_polling.h"
#include "engine_queue.h"
#include "engine_websocket.h"
#include "io_thread.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"
#include "ws_conn.h"

enum {
    ENGINE_NOOP_MS = 100,
    ENGINE_MAX_UNPOLLED = 65536, /* sessions of a thread that have not polled yet */
    ENGINE_QUEUE_MODEST = 4096,  /* bytes that any of them may hold */
    ENGINE_QUEUE_SHARE = 4,      /* all private queues of a thread: so much of journal.bytes */
};

static const struct config *engine_config(const struct engine *engine)
{
    return engine->thread->config;
}

static void engine_on_gap(struct session *session, const struct room *room, uint64_t from,
                          uint64_t to)
{
    struct engine *engine = session->client;

    engine->app->on_gap(engine, room, from, to);
}

static void engine_on_too_slow(struct session *session)
{
    engine_close(session->client, CLOSE_TOO_SLOW);
}

static const uint8_t *engine_address(const struct session *session, int namespace)
{
    const struct engine *engine = session->client;

    return engine->app->address != NULL ? engine->app->address(engine, namespace) : NULL;
}

/* Who does not fetch what is for him alone is closed, as with any packet of his own. */
static enum directed_result engine_directed(struct session *session,
                                            const struct directed *directed)
{
    struct engine *engine = session->client;

    if (engine_is_full(engine)) {
        engine_close(engine, CLOSE_QUEUE_FULL);
        return DIRECTED_FULL;
    }
    return engine->app->on_directed(engine, directed);
}

static void engine_neighbours(struct session *session, int namespace,
                              const struct neighbours_news *news,
                              const struct neighbours_asker *asker)
{
    struct engine *engine = session->client;

    if (engine_is_full(engine))
        engine_close(engine, CLOSE_QUEUE_FULL);
    else
        engine->app->on_neighbours(engine, namespace, news, asker);
}

static void engine_on_kick(struct session *session)
{
    engine_close(session->client, CLOSE_KICKED);
}

static const struct session_ops engine_session_ops = {
    .neighbours = engine_neighbours,
    .address = engine_address,
    .directed = engine_directed,
    .gap = engine_on_gap,
    .too_slow = engine_on_too_slow,
    .kick = engine_on_kick,
    .answer = engine_polling_answer,
    .answered = engine_polling_answered,
};

/* What the client is to be told in. */
static enum dialect engine_dialect(const struct engine *engine)
{
    bool polls = engine->transport == ENGINE_POLLING;

    if (polls && engine->protocol == ENGINE_IO_PROTOCOL_OLD)
        return engine->base64 ? DIALECT_POLLING3 : DIALECT_POLLING3_BINARY;
    if (polls)
        return engine->msgpack ? DIALECT_POLLING_MSGPACK : DIALECT_POLLING;
    if (engine->protocol == ENGINE_IO_PROTOCOL_OLD)
        return dialect_with_deflate(DIALECT_SOCKETIO3, engine->ws->deflate);
    return dialect_with_deflate(engine->msgpack ? DIALECT_SOCKETIO_MSGPACK : DIALECT_SOCKETIO,
                                engine->ws->deflate);
}

void engine_update_dialect(struct engine *engine)
{
    session_set_dialect(engine->session, engine_dialect(engine));
}

struct engine *engine_new(struct io_thread *thread, const struct engine_app *app, unsigned protocol,
                          bool base64)
{
    struct delivery *delivery = &thread->delivery;
    struct engine *engine = calloc(1, sizeof(*engine));

    OWNER_ASSERT(&thread->stage.owner);
    if (engine == NULL)
        return NULL;
    OBJ_INIT(engine, ENGINE_MAGIC);
    engine->protocol = (uint8_t)protocol;
    engine->base64 = base64;
    engine->thread = thread;
    engine->app = app;
    engine->session = session_new(delivery, NULL, engine_dialect(engine), &engine_session_ops,
                                  engine, journal_head(&delivery->journal));
    if (engine->session == NULL || !app->on_open(engine)) {
        if (engine->session != NULL)
            session_close(engine->session);
        session_free(&engine->session);
        free(engine);
        return NULL;
    }
    return engine->closed ? NULL : engine; /* without memory it may have been closed again */
}

/* --- Heartbeats while it polls: pings of the server in protocol 4, of the client in protocol 3. */

static uint64_t engine_sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the engine is closed unless it polls before: whoever only posts must not live for ever. */
static uint64_t engine_unpolled_doom_ms(const struct engine *engine)
{
    if (engine->transport != ENGINE_POLLING || engine->polled_ms == 0 ||
        session_is_attached(engine->session))
        return UINT64_MAX;
    return engine->polled_ms + (uint64_t)engine_config(engine)->ping_interval +
           (uint64_t)engine_config(engine)->ping_timeout;
}

/* When the engine is closed unless something is heard of it before; UINT64_MAX: not at all. */
static uint64_t engine_doom_ms(const struct engine *engine)
{
    uint64_t doom = heartbeat_doom_ms(&engine->heartbeat, engine->thread);

    if (engine->limit_ms != 0 && engine->limit_ms < doom)
        doom = engine->limit_ms;
    return engine_sooner(doom, engine_unpolled_doom_ms(engine));
}

static void engine_arm(struct engine *engine)
{
    uint64_t deadline = engine_sooner(engine_doom_ms(engine),
                                      heartbeat_deadline_ms(&engine->heartbeat, engine->thread));

    if (engine->transport != ENGINE_POLLING)
        return;
    if (engine->noop_ms != 0 && engine->noop_ms < deadline)
        deadline = engine->noop_ms;
    wheel_set(&engine->thread->engine_wheel, &engine->timer, deadline);
}

/* Remembers a session that has yet to poll. There are not many at a time but in an attack: then the
 * oldest go. */
static void engine_add_unpolled(struct engine *engine)
{
    struct io_thread *thread = engine->thread;

    TAILQ_INSERT_TAIL(&thread->unpolled, engine, link);
    engine->unpolled = true;
    if (++thread->unpolled_count > ENGINE_MAX_UNPOLLED)
        engine_close(TAILQ_FIRST(&thread->unpolled), CLOSE_CONNECT_TIMEOUT);
}

static void engine_remove_unpolled(struct engine *engine)
{
    if (!engine->unpolled)
        return;
    engine->unpolled = false;
    TAILQ_REMOVE(&engine->thread->unpolled, engine, link);
    engine->thread->unpolled_count--;
}

void engine_leave(struct engine *engine)
{
    engine->leaving = true;
}

void engine_polled(struct engine *engine)
{
    engine_remove_unpolled(engine);
    engine->polled_ms = clock_ms();
}

void engine_start_timer(struct engine *engine)
{
    engine_add_unpolled(engine);
    heartbeat_start(&engine->heartbeat, engine->thread, engine->protocol == ENGINE_IO_PROTOCOL_OLD);
    engine_arm(engine);
}

void engine_stop_timer(struct engine *engine)
{
    engine_remove_unpolled(engine);
    wheel_cancel(&engine->thread->engine_wheel, &engine->timer);
    heartbeat_stop(&engine->heartbeat);
}

/* A sign of life; of a session that does not poll its WebSocket has seen it. */
static void engine_heard(struct engine *engine)
{
    (void)heartbeat_heard(&engine->heartbeat, engine->thread);
    engine_arm(engine);
}

static void engine_ping(struct engine *engine)
{
    heartbeat_sent(&engine->heartbeat, engine->thread);
    engine_arm(engine);
    engine_send(engine, &(struct engine_io_packet){.type = ENGINE_IO_PING, .data = {"", 0}});
}

/* Closes the engine if its time has run out. */
static bool engine_expire(struct engine *engine)
{
    uint64_t now_ms = clock_ms();

    if (now_ms < engine_doom_ms(engine))
        return false;
    engine_close(engine, engine->limit_ms != 0 && now_ms >= engine->limit_ms ? CLOSE_CONNECT_TIMEOUT
                                                                             : CLOSE_PING_TIMEOUT);
    return true;
}

void engine_hurry_polls(struct engine *engine)
{
    if (engine->probe != NULL) /* it may have failed meanwhile */
        engine_polling_finish(engine, ENGINE_IO_NOOP);
    if (engine->closed)
        return;
    engine->noop_ms = engine->probe != NULL ? clock_ms() + ENGINE_NOOP_MS : 0;
    engine_arm(engine);
}

void engine_on_timer(struct wheel_timer *timer, void *thread)
{
    struct engine *engine = CONTAINER_OF(timer, struct engine, timer);

    (void)thread;
    OBJ_CHECK(engine, ENGINE_MAGIC);
    if (engine->opening)
        engine_websocket_begin_late(engine);
    else if (engine_expire(engine))
        return;
    else if (engine->noop_ms != 0 && clock_ms() >= engine->noop_ms)
        engine_hurry_polls(engine);
    else if (heartbeat_is_due(&engine->heartbeat))
        engine_ping(engine);
    else
        engine_arm(engine); /* it was set for an end that has been put off by a poll */
}

void engine_set_limit(struct engine *engine, uint64_t limit_ms)
{
    engine->limit_ms = limit_ms;
    if (engine->ws != NULL)
        ws_conn_set_limit(engine->ws, limit_ms);
    else if (wheel_is_set(&engine->timer))
        engine_arm(engine);
}

struct engine *engine_find(struct io_thread *thread, const uint8_t id[SESSION_ID_BYTES])
{
    struct session *session = session_find(&thread->delivery, id);
    struct engine *engine;

    if (session == NULL || session->ops != &engine_session_ops)
        return NULL;
    OBJ_CAST(engine, session->client, ENGINE_MAGIC);
    /* The wheel's ticks are coarse: a request that comes too late is told so in any case. */
    return engine->transport == ENGINE_POLLING && engine_expire(engine) ? NULL : engine;
}

/* --- Packets */

/* Do the queues of this thread hold as much as all of them together may? Who has little in his own
 * is not the one to pay for that. */
static bool engine_over_budget(const struct engine *engine, const struct engine_io_packet *packet)
{
    return engine->thread->queued_bytes >
               (size_t)engine_config(engine)->journal_bytes / ENGINE_QUEUE_SHARE +
                   ENGINE_QUEUE_MAX &&
           engine->queue.len + packet->data.len > ENGINE_QUEUE_MODEST;
}

static bool engine_enqueue(struct engine *engine, const struct engine_io_packet *packet)
{
    size_t before = engine->queue.len;
    bool added = engine_queue_add(&engine->queue, packet);

    engine->thread->queued_bytes += engine->queue.len - before;
    return added;
}

void engine_drained(struct engine *engine, size_t bytes)
{
    engine->thread->queued_bytes -= bytes;
}

bool engine_is_full(const struct engine *engine)
{
    if (engine->transport == ENGINE_WEBSOCKET && !engine->opening)
        return outq_behind_first(engine->ws->conn->out) > ENGINE_QUEUE_MAX;
    return engine_queue_is_full(&engine->queue);
}

void engine_send(struct engine *engine, const struct engine_io_packet *packet)
{
    if (engine->closed)
        return;
    if (engine->transport == ENGINE_WEBSOCKET && !engine->opening) {
        engine_websocket_send(engine, engine->ws, packet);
        return;
    }
    if ((engine->corked == 0 && engine_queue_is_full(&engine->queue)) ||
        engine_over_budget(engine, packet))
        engine_close(engine, CLOSE_QUEUE_FULL);
    else if (!engine_enqueue(engine, packet))
        engine_close(engine, CLOSE_NO_MEMORY);
    else if (engine->corked == 0)
        engine_polling_flush(engine);
}

void engine_cork(struct engine *engine)
{
    engine->corked++;
}

void engine_uncork(struct engine *engine)
{
    engine->corked--;
    if (engine->corked == 0 && !engine->closed && engine->transport == ENGINE_POLLING)
        engine_polling_flush(engine);
}

/* The client's ping: in protocol 3 alone it is his to send. */
static int engine_on_ping(struct engine *engine, const struct engine_io_packet *packet)
{
    struct engine_io_packet pong = *packet;

    if (engine->protocol != ENGINE_IO_PROTOCOL_OLD)
        return WS_CODE_PROTOCOL_ERROR;
    engine_heard(engine);
    pong.type = ENGINE_IO_PONG;
    engine_send(engine, &pong);
    return 0;
}

int engine_receive(struct engine *engine, const struct engine_io_packet *packet)
{
    switch (packet->type) {
    case ENGINE_IO_MESSAGE:
        return engine->app->on_message(engine, packet->binary, packet->data.ptr, packet->data.len);
    case ENGINE_IO_PING:
        return engine_on_ping(engine, packet);
    case ENGINE_IO_PONG:
        if (engine->protocol == ENGINE_IO_PROTOCOL_OLD)
            return WS_CODE_PROTOCOL_ERROR;
        engine_heard(engine);
        return 0;
    case ENGINE_IO_CLOSE:
        engine_close(engine, CLOSE_PEER);
        return 0;
    case ENGINE_IO_OPEN:
    case ENGINE_IO_UPGRADE:
    case ENGINE_IO_NOOP:
        break;
    }
    return 0;
}

void engine_use_msgpack(struct engine *engine)
{
    engine->msgpack = true;
    engine_update_dialect(engine);
}

void engine_append_open(const struct engine *engine, struct strbuf *out)
{
    const struct config *config = engine_config(engine);
    char id[SESSION_ID_TEXT];

    session_id_text(engine->session->id, id);
    engine_io_append_open(out, &(struct engine_io_handshake){
                                   .sid = id,
                                   .upgrades = engine->transport == ENGINE_POLLING,
                                   .ping_interval = (unsigned)config->ping_interval,
                                   .ping_timeout = (unsigned)config->ping_timeout,
                                   .max_payload = (size_t)config->max_message_size,
                               });
}

/* --- The end */

/* A poll that waits is told: by a close packet, or by a noop if the client closed by itself. */
static void engine_say_goodbye(struct engine *engine, enum close_reason reason)
{
    if (engine->transport == ENGINE_WEBSOCKET || engine->poll == NULL)
        return;
    engine_polling_finish(engine, reason == CLOSE_PEER ? ENGINE_IO_NOOP : ENGINE_IO_CLOSE);
}

void engine_close(struct engine *engine, enum close_reason reason)
{
    struct io_thread *thread = engine->thread;

    OBJ_CHECK(engine, ENGINE_MAGIC);
    OWNER_ASSERT(&thread->stage.owner);
    if (engine->closed)
        return;
    engine->closed = true;
    engine->app->on_close(engine, reason);
    session_close(engine->session);
    engine_stop_timer(engine);
    engine_say_goodbye(engine, reason);
    if (engine->transport == ENGINE_POLLING)
        stats_add(&thread->stats.closes[reason], 1);
    engine_websocket_close(engine, reason);
    io_thread_bury_engine(thread, engine);
}

void engine_reap(struct engine_list *dead)
{
    struct engine *engine;

    while ((engine = TAILQ_FIRST(dead)) != NULL) {
        OBJ_CHECK(engine, ENGINE_MAGIC);
        TAILQ_REMOVE(dead, engine, link);
        engine->app->on_free(engine);
        session_free(&engine->session);
        engine_drained(engine, engine->queue.len);
        strbuf_free(&engine->queue);
        OBJ_CLEAR(engine);
        free(engine);
    }
}

void engine_close_all(struct io_thread *thread)
{
    const struct cursor_table *table = &thread->delivery.cursors;

    for (uint32_t i = 0; i < table->count; i++) {
        if (table->cursors[i].lag == SESSION_GONE)
            continue;
        /* Others went with their connections. */
        ENSURE(table->cursors[i].session->ops == &engine_session_ops);
        engine_close(table->cursors[i].session->client, CLOSE_SHUTDOWN);
    }
}
