/*
 * client.h - one simulated client: connect, WebSocket handshake, join, receive, answer pings.
 *
 * Lifetime:
 *   unused      zeroed; client_start
 *   connecting  ... upgrading ... joining: ends in crowd_on_joined or crowd_on_failed
 *   joined      receives; ends in crowd_on_lost, or in closing
 *   closing     after client_close: waits for the server to close
 *   closed      has no descriptor and no memory
 * A client is one element of its crowd's array and belongs to the crowd's thread. Memory for half
 * a frame, half an answer or unsent bytes exists only while there are such.
 */
#ifndef STENTOR_SWARM_CLIENT_H
#define STENTOR_SWARM_CLIENT_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/websocket.h"

#include "measure.h"

struct crowd;

enum client_state {
    CLIENT_UNUSED,
    CLIENT_CONNECTING,
    CLIENT_UPGRADING,
    CLIENT_JOINING,
    CLIENT_JOINED,
    CLIENT_CLOSING,
    CLIENT_CLOSED,
};

struct client {
    unsigned magic;
    uint8_t state;         /* enum client_state */
    uint8_t opcode;        /* of the message that is being handled */
    uint32_t last_ping_ms; /* since the crowd's start; 0: none yet */
    struct crowd *crowd;
    struct event event;
    struct measure_track track;
    struct ws_reader *reader; /* while a frame is half read */
    struct strbuf *answer;    /* while the answer to the handshake is half read */
    struct strbuf *unsent;    /* while the socket takes no more */
};

/* Begins to connect. */
void client_start(struct client *client, struct crowd *crowd);

/* Gives up, for the cause that is named: a failed connect or a lost connection. */
void client_drop(struct client *client, const char *cause);

/* Says goodbye (close code 1000) and waits for the server to close. */
void client_close(struct client *client);

/* Closes at once and frees everything, in any state. */
void client_end(struct client *client);

/* Sends a masked frame. */
void client_send(struct client *client, enum ws_opcode opcode, const void *payload, size_t len);

static inline bool client_settled(const struct client *client)
{
    return client->state >= CLIENT_JOINED;
}

#endif
