/*
 * transport.h - the ways in which clients get messages, and the table of them.
 *
 * A transport is one line of transport.c: a name, what is asked for, and the functions that carry
 * it out, which transport_websocket.c, transport_polling.c, transport_upgrade.c and transport_sse.c
 * have one table each of. What the messages say is read by dialect.h, in the same way whatever
 * carried them. All of it is constant; the functions are called by client.c, in the crowd's thread.
 */
#ifndef STENTOR_SWARM_TRANSPORT_H
#define STENTOR_SWARM_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/engine_io.h"
#include "stentor/wire/http.h"

struct client;
struct options;

/* Functions that return text return NULL, or the cause for which the client must be dropped. */
struct transport_ops {
    /* The client's link is connected: for the first time, or again after client_reconnect. */
    void (*connected)(struct client *client);

    void (*received)(struct client *client, uint8_t *data, size_t len);

    /* The link has ended. NULL: so the client is lost. */
    void (*ended)(struct client *client, const char *cause);

    /* Sends a packet of Engine.IO; NULL where there are none. */
    const char *(*send)(struct client *client, const struct engine_io_packet *packet);

    /* Sends a message of a WebSocket; NULL where there are none. */
    void (*say)(struct client *client, bool binary, struct span data);

    /* Says goodbye; the client ends now, or when the server has answered. */
    void (*close)(struct client *client);

    /* Frees what the client keeps in `extra`; NULL: never anything. */
    void (*release)(struct client *client);

    /* A POST of a polling client has been answered; NULL: nobody wants to know. */
    void (*rested)(struct client *client);

    bool extra_links; /* clients open a second link now and then */
};

struct transport {
    const char *name;    /* as --transports takes it */
    const char *path;    /* unless another one is given */
    const char *query;   /* that is asked for besides; NULL: none */
    const char *headers; /* whole lines of each request */
    const struct transport_ops *ops;

    /* A message from a WebSocket; NULL: the transport reads what it gets by itself. */
    const char *(*message)(struct client *client, bool binary, struct span data);

    uint8_t engine_io;        /* the protocol's version; 0: another one */
    bool msgpack;             /* messages are MessagePack */
    bool room_in_query;       /* the room is named in the query, not by a message */
    bool joined_by_handshake; /* no further message says that the client has joined */
};

/* NULL when there is none of that name. */
const struct transport *transport_find(const char *name);

/* The names of all, with commas between them. */
void transport_append_names(struct strbuf *out);

/* Can clients send messages to each other, or events of any name? */
bool transport_can_send(const struct transport *transport) MUST_CHECK;
bool transport_can_emit(const struct transport *transport) MUST_CHECK;

/* Appends the target of the transport's requests, and all headers but those that change. */
void transport_append_target(const struct transport *transport, struct strbuf *out,
                             const struct options *options);
void transport_append_headers(const struct transport *transport, struct strbuf *out,
                              const struct options *options);

/* What moving from polling to a WebSocket (transport_upgrade.c) needs of both. While polling is
 * paused no GET is sent; it has come to rest when nothing is under way. */
void transport_polling_pause(struct client *client);
bool transport_polling_rests(const struct client *client) MUST_CHECK;
void transport_polling_append_sid(const struct client *client, struct strbuf *out);
void transport_websocket_append_key(const struct client *client, struct strbuf *out);
const char *transport_websocket_check(const struct client *client,
                                      const struct http_message *answer) MUST_CHECK;

extern const struct transport_ops transport_websocket;
extern const struct transport_ops transport_polling;
extern const struct transport_ops transport_upgrade;
extern const struct transport_ops transport_sse;

#endif
