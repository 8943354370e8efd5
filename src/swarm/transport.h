/*
 * transport.h - the ways in which clients get messages, and the table of them.
 *
 * A transport is one line of transport.c: a name, what is asked for, and the functions that carry
 * it out, which transport_websocket.c, transport_polling.c and transport_sse.c have one table each
 * of. What the messages say is read by dialect.h, in the same way whatever carried them.
 * All of it is constant; the functions are called by client.c, in the crowd's thread.
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

    /* Says goodbye; the client ends now, or when the server has answered. */
    void (*close)(struct client *client);

    /* Frees what the client keeps in `extra`; NULL: never anything. */
    void (*release)(struct client *client);

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

/* Appends the target of the transport's requests, and all headers but those that change. */
void transport_append_target(const struct transport *transport, struct strbuf *out,
                             const struct options *options);
void transport_append_headers(const struct transport *transport, struct strbuf *out,
                              const struct options *options);

extern const struct transport_ops transport_websocket;
extern const struct transport_ops transport_polling;
extern const struct transport_ops transport_sse;

#endif
