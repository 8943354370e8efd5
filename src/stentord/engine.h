/*
 * engine.h - an Engine.IO session: a client of /socket.io/, by whatever transport it comes.
 *
 * It begins on HTTP long-polling or on WebSocket; one that polls may move to a WebSocket (upgrade).
 * What its packets mean is up to the application on top, a table of functions. Messages of the
 * broadcast reach it as any session; what is for this client alone goes to a WebSocket at once, or
 * waits in the private queue for the next poll.
 *
 * Owned by the I/O thread that is named in its id; requests of it come to that thread.
 *
 * Lifetime:
 *   open    from engine_new; known by its id
 *   closed  engine_close, from anywhere: unknown, application's on_close called, on the thread's
 *           list of dead engines
 *   freed   engine_reap, at the end of the tick
 *
 * Source: the engine.io-protocol documents, revisions 4 and 3.
 */
#ifndef STENTORD_ENGINE_H
#define STENTORD_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "heartbeat.h"
#include "session.h"
#include "stats.h"
#include "stentor/base/wheel.h"
#include "stentor/wire/engine_io.h"

struct engine;
struct http_conn;
struct io_thread;
struct ws_conn;

enum engine_transport { ENGINE_POLLING, ENGINE_WEBSOCKET };

struct engine_app {
    const char *name;
    /* A client has connected: set engine->client. False when memory is out. */
    bool (*on_open)(struct engine *engine);
    /* A message came. 0, or a WebSocket close code when it broke the protocol. */
    int (*on_message)(struct engine *engine, bool binary, const void *data, size_t len);
    /* As in struct session_ops; NULL: others cannot address the client. */
    const uint8_t *(*address)(const struct engine *engine, int namespace);
    enum directed_result (*on_directed)(struct engine *engine, const struct directed *directed);
    void (*on_neighbours)(struct engine *engine, int namespace, const struct neighbours_news *news,
                          const struct neighbours_asker *asker);
    /* Messages of the room from `from` to `to` will not come. */
    void (*on_gap)(struct engine *engine, const struct room *room, uint64_t from, uint64_t to);
    /* The client is lost, or its transport; let go, free nothing. */
    void (*on_close)(struct engine *engine, enum close_reason reason);
    void (*on_free)(struct engine *engine);
};

struct engine {
    unsigned magic;
    uint8_t protocol;  /* 4 or 3 */
    uint8_t transport; /* enum engine_transport */
    uint8_t corked;    /* packets are gathered in the queue */
    bool base64;       /* Engine.IO 3: the client takes no binary payloads */
    bool msgpack;      /* the application speaks MessagePack with it */
    bool opening;      /* the open packet has yet to be sent */
    bool unpolled;     /* in the thread's list of those */
    bool closed;
    bool leaving; /* the server drains, and it is the client's turn to go */
    bool left;    /* its last poll has given it everything; the next one tells it to go */
    struct io_thread *thread;
    struct session *session;
    const struct engine_app *app;
    void *client;               /* of the app */
    struct ws_conn *ws;         /* the transport; NULL while it polls */
    struct ws_conn *probe;      /* the WebSocket that it is about to move to; NULL: none */
    struct http_conn *poll;     /* a GET that waits; NULL: none */
    struct strbuf queue;        /* packets for this client alone (engine_queue.h) */
    struct wheel_timer timer;   /* while it polls, or opens */
    struct heartbeat heartbeat; /* while it polls */
    uint64_t noop_ms;           /* about to move: its polls are let go by then; 0: it is not */
    uint64_t limit_ms;          /* a deadline of the application; 0: none */
    uint64_t polled_ms;         /* the last GET; 0: none yet */
    TAILQ_ENTRY(engine) link;   /* in the list of those that have yet to poll, or of the dead */
};

#define ENGINE_MAGIC 0x656e6769u

TAILQ_HEAD(engine_list, engine);

/* A session on the thread, without a transport yet. NULL when memory is out. */
struct engine *engine_new(struct io_thread *thread, const struct engine_app *app, unsigned protocol,
                          bool base64) MUST_CHECK;

/* The open engine with that id, unless its time has run out. NULL without one. */
struct engine *engine_find(struct io_thread *thread, const uint8_t id[SESSION_ID_BYTES]);

/* Ends it; the client is told if its transport allows. Does nothing to a closed one. */
void engine_close(struct engine *engine, enum close_reason reason);

/* Frees the dead. At the end of a tick. */
void engine_reap(struct engine_list *dead);

/* Closes all engines of the thread that are left, as it ends. */
void engine_close_all(struct io_thread *thread);

/* The client is to go with its next poll that nothing is due to, at the latest with the second. */
void engine_leave(struct engine *engine);

/* A GET has come. */
void engine_polled(struct engine *engine);

/* Sends a packet to this client alone. */
void engine_send(struct engine *engine, const struct engine_io_packet *packet);

/* Does so much wait for this client alone that nothing may be added? */
bool engine_is_full(const struct engine *engine);

/* While corked, packets for a client that polls wait to go out together. */
void engine_cork(struct engine *engine);
void engine_uncork(struct engine *engine);

/* A packet came. 0, or a WebSocket close code when it broke the protocol. */
int engine_receive(struct engine *engine, const struct engine_io_packet *packet);

/* The application's parser is MessagePack's. */
void engine_use_msgpack(struct engine *engine);

/* Unless the limit is set to 0 before, the client is closed at that time (connect_timeout). */
void engine_set_limit(struct engine *engine, uint64_t limit_ms);

/* The transport has changed, or what is spoken over it: so does the session's dialect. */
void engine_update_dialect(struct engine *engine);

/* So many bytes of its queue have been sent. */
void engine_drained(struct engine *engine, size_t bytes);

/* Begins or ends the heartbeats of polling. */
void engine_start_timer(struct engine *engine);
void engine_stop_timer(struct engine *engine);

/* The client is about to move to its probe, for which it waits for its poll to end: from now on, a
 * poll that waits is answered ten times a second even if there is nothing. */
void engine_hurry_polls(struct engine *engine);

/* The JSON of its open packet, appended. */
void engine_append_open(const struct engine *engine, struct strbuf *out);

/* Hands a deadline that has come to its engine: the wheel's callback. */
void engine_on_timer(struct wheel_timer *timer, void *thread);

#endif
