/*
 * client.h - one simulated client: it connects, joins, receives, and says goodbye.
 *
 * How that is done is its transport's business (transport.h), which moves it through its states:
 *   unused      zeroed; client_start
 *   connecting  ... opening ... joining: ends in crowd_on_joined or crowd_on_failed
 *   joined      receives; ends in crowd_on_lost, or in closing
 *   closing     after client_close: ends in client_end
 *   closed      has no descriptor and no memory; client_start begins its next life
 * A client is one element of its crowd's array and belongs to the crowd's thread. Memory for half
 * a frame, half an answer or unsent bytes exists only while there are such.
 */
#ifndef STENTOR_SWARM_CLIENT_H
#define STENTOR_SWARM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/wheel.h"
#include "stentor/wire/http.h"

#include "behaviour.h"
#include "link.h"
#include "measure.h"

struct audience;
struct crowd;
struct place;

enum client_state {
    CLIENT_UNUSED,
    CLIENT_CONNECTING,
    CLIENT_OPENING, /* the first request is under way */
    CLIENT_JOINING, /* it was answered */
    CLIENT_JOINED,
    CLIENT_CLOSING,
    CLIENT_CLOSED,
};

struct client {
    unsigned magic;
    uint8_t state;         /* enum client_state */
    uint8_t kind;          /* enum behaviour_kind */
    bool speaker;          /* not one of the crowd: it only publishes */
    bool beating;          /* its turn for a heartbeat will come (crowd_beat) */
    bool returning;        /* will have another life */
    uint32_t life;         /* how many times it has come back */
    uint32_t last_ping_ms; /* since the crowd's start; 0: none yet */
    uint64_t beat_ns;      /* when */
    TAILQ_ENTRY(client) beats;
    TAILQ_ENTRY(client) queue; /* of those that return, or read slowly */
    struct wheel_timer timer;  /* for what its behaviour, or its return, wants next */
    uint64_t left_ns;          /* when it left, if it is returning */
    struct crowd *crowd;
    struct audience *audience;
    struct link link;
    struct measure_track track;
    struct http_message *answer; /* while one is half read */
    void *extra;                 /* what its transport keeps */
    void *upgrade;               /* while its connection becomes a WebSocket */
    bool upgraded;               /* it has */
    char *session;               /* its name on the server, if anybody wants to know it */
    struct place *place;         /* in a grid; NULL: it has not been told one */
};

/* Begins to connect. */
void client_start(struct client *client);

/* Replaces the connection by a new one. NULL, or the cause for which it cannot be. */
const char *client_reconnect(struct client *client) MUST_CHECK;

/* Goes on with the connection of another link. */
void client_adopt(struct client *client, struct link *link);

/* Gives up, for the cause that is named: a failed connect or a lost connection. */
void client_drop(struct client *client, const char *cause);

/* Says goodbye, as its transport does. */
void client_close(struct client *client);

/* Closes at once and frees everything, in any state. */
void client_end(struct client *client);

/* The server has told the client its name. */
void client_name(struct client *client, struct span session);

/* Does anybody want to know who is next to the client in a grid? If so: the server has told it. */
bool client_has_place(const struct client *client) MUST_CHECK;
void client_place(struct client *client, struct span neighbours);

/* Does it count what the client gets? Not of those that do not read as they could. */
static inline bool client_measured(const struct client *client)
{
    return !client->speaker && client->kind <= BEHAVIOUR_CHURN;
}

/* The number of the client within its crowd. */
unsigned client_number(const struct client *client);

/* A published message has come; anything else passes unnoticed. */
void client_deliver(struct client *client, struct span text);

/* A notice has come that messages will not come. */
void client_note_gap(struct client *client);

static inline bool client_settled(const struct client *client)
{
    return client->state >= CLIENT_JOINED;
}

#endif
