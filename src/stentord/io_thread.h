/*
 * io_thread.h - one I/O thread: its event loop, its connections, its half of the broadcast.
 *
 * Everything in the struct belongs to the thread (to the main thread before it runs and after it
 * ended); from outside, mails may be posted to `stage`, and `stats` may be read.
 */
#ifndef STENTORD_IO_THREAD_H
#define STENTORD_IO_THREAD_H

#include <event2/event.h>

#include "conn.h"
#include "delivery.h"
#include "drain.h"
#include "engine.h"
#include "load.h"
#include "poller.h"
#include "recovery.h"
#include "seat.h"
#include "stage.h"
#include "stats.h"
#include "stentor/base/wheel.h"
#include "stentor/wire/deflate.h"

struct http_message;
struct server;
struct tls_context;
struct tls_thread;

enum {
    IO_THREAD_SCRATCH = 65536, /* bytes of one read */
    IO_THREAD_ACCEPTED = 64,   /* connections in one mail */
};

struct io_thread {
    struct stage stage;
    struct server *server;
    struct config *config; /* a reference */
    unsigned index;
    char name[16];
    struct stats stats;
    struct delivery delivery;
    struct conn_list conns;
    struct conn_list dead; /* emptied at the end of the tick */
    struct engine_list dead_engines;
    struct engine_list unpolled; /* sessions that have yet to poll; the oldest first */
    unsigned unpolled_count;
    size_t queued_bytes;  /* in private queues */
    struct poller poller; /* the sockets of connections */
    struct event reaper;
    struct wheel wheel;        /* deadlines of connections */
    struct wheel engine_wheel; /* and of Engine.IO sessions that poll */
    struct recovery_table recovery;
    struct seat_pool seats; /* of members of grid rooms */
    struct event tick;
    struct event gather;    /* the rest between two turns while polls come in numbers */
    unsigned polls_in_tick; /* since the last tick */
    bool polls_come;        /* the last tick had many */
    uint64_t second;        /* of the monotonic clock: the last one that has been looked after */
    struct farewell farewell;
    struct load load;
    uint64_t mail_begun_ns;
    uint32_t conn_numbers; /* that have been given out */
    uint64_t most_held;    /* connections and sessions, since memory was given back */
    uint64_t last_held;    /* a second ago */
    bool scattered;        /* those who have remained since then lie far apart */
    bool stopping;
    uint8_t *scratch; /* for reading; nothing stays in it between two events */
    struct inflater *inflater;
    struct tls_thread *tls;
    struct http_message *spare_message; /* for the next request; NULL: it is in use */
    uint64_t ping_phases;               /* how many phases have been given out */
};

/* What the acceptor hands over: up to IO_THREAD_ACCEPTED connections in one mail. */
struct accepted_conn {
    int fd;
    bool admin;
    bool proxied;            /* begins with a header of the PROXY protocol */
    uint16_t redirect;       /* the port of https that it is sent to; 0: it is served */
    uint32_t address_record; /* address_table.h; 0: none */
    struct peer peer;
    struct tls_context *tls; /* NULL: plain */
};

struct accepted_mail {
    struct mail mail;
    unsigned count;
    struct accepted_conn conns[IO_THREAD_ACCEPTED];
};

/* 0 or a negative errno. */
int io_thread_init(struct io_thread *thread, struct server *server, unsigned index,
                   uint64_t head) MUST_CHECK;
void io_thread_destroy(struct io_thread *thread);

/* The thread that an id names. (Another server, of whose client it is, may have had more of them.)
 */
struct io_thread *io_thread_of_id(const struct server *server, const uint8_t id[SESSION_ID_BYTES]);

/* Mails: new connections; a message. */
void io_thread_open_accepted(struct mail *mail, void *self);
void io_thread_open_message(struct mail *mail, void *self);

/* The server stops: tells everyone who is connected. */
void io_thread_say_goodbye(struct io_thread *thread);

/* Another configuration, before the message that comes next. */
void io_thread_set_config(struct io_thread *thread, struct config *config);

/* One connection more, or less. */
void io_thread_count_conn(struct io_thread *thread, int change);

/* Puts what is dead on the list that is emptied at the end of the tick. */
void io_thread_bury(struct io_thread *thread, struct conn *conn);
void io_thread_bury_engine(struct io_thread *thread, struct engine *engine);

/* A client polls. In the burst behind a fan-out, in which one poll follows the other, the thread
 * then rests for a moment, so that some of them share the waking up. */
void io_thread_count_poll(struct io_thread *thread);

/* A message for a request that begins, and back; most requests come whole, and share one. NULL when
 * memory is out. */
struct http_message *io_thread_take_message(struct io_thread *thread) MUST_CHECK;
void io_thread_give_message(struct io_thread *thread, struct http_message *message);

/* The monotonic time at which a client that connects now gets its first ping. Phases are spread
 * evenly over the interval, however many clients connect at once. */
uint64_t io_thread_first_ping(struct io_thread *thread, uint64_t now_ms);

#endif
