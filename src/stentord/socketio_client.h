/*
 * socketio_client.h - unmodified Socket.IO clients: what they say and are told, on any transport.
 *
 * A client is one Engine.IO session, in which it is connected to any number of the declared
 * namespaces. Its session (rooms, cursor) is one for all of them. It speaks the default parser's
 * text or MessagePack, whichever its first packet is in. Owned by the engine's I/O thread.
 */
#ifndef STENTORD_SOCKETIO_CLIENT_H
#define STENTORD_SOCKETIO_CLIENT_H

#include "engine.h"
#include "envelope.h"
#include "neighbours.h"
#include "recovery.h"
#include "session.h"
#include "stentor/wire/socket_io.h"

extern const struct engine_app socketio_client_app;

/* The client's connection to one namespace; Socket.IO calls it a socket. */
struct socketio_socket {
    int namespace;
    bool connecting; /* what is kept of it is being looked for (recovery.h) */
    bool has_pid;
    bool trusted; /* it has presented a key */
    uint8_t id[SESSION_ID_BYTES];
    uint8_t pid[SESSION_ID_BYTES]; /* by which it can be recovered */
};

/* A packet whose attachments have not all come yet. */
struct socketio_partial {
    struct strbuf text;
    unsigned expected;
    unsigned count;
    size_t bytes;
    struct refbuf *attachments[SOCKET_IO_MAX_ATTACHMENTS];
};

struct socketio_client {
    unsigned magic;
    uint32_t socket_count;
    bool decided; /* which parser it uses */
    struct engine *engine;
    struct socketio_socket *sockets; /* `first` while there is at most one */
    struct socketio_socket first;
    struct socketio_partial *partial; /* NULL: no packet is incomplete */
};

#define SOCKETIO_CLIENT_MAGIC 0x73696f63u

/* A packet that a client sent, complete. */
struct socketio_event {
    struct socket_io_packet packet;
    int namespace;
    bool limited; /* it is to be refused: the client says too much */
    struct refbuf *const *attachments;
    size_t attachment_count;
};

/* Sends a Socket.IO packet to this client: its head, then `data`, raw JSON (empty: none), whose
 * placeholders stand for the attachments. */
void socketio_client_send(struct socketio_client *client, const struct socket_io_packet *head,
                          struct span data, struct refbuf *const *attachments, size_t count);

/* The client's connection to a namespace; NULL without one. */
struct socketio_socket *socketio_client_find(const struct socketio_client *client, int namespace);

/* A CONNECT packet (socketio_connect.c). 0 or a close code. */
int socketio_connect_handle(struct socketio_client *client, const struct socket_io_packet *packet);

/* Engine.IO 3 clients are connected to "/" without asking for it. */
void socketio_connect_default(struct socketio_client *client);

/* A DISCONNECT packet: takes the client out of everything in the namespace. */
void socketio_connect_end(struct socketio_client *client, struct socketio_socket *socket);

/* Another transport of the same client wants the socket with that pid: gives it up. */
recovery_yield socketio_connect_yield;

/* The transport is lost: keeps what is needed to recover the client's sockets (socketio_keep.c). */
void socketio_keep_lost(struct socketio_client *client, enum close_reason reason);

/* A directed message waits for a client that is lost. */
recovery_hold socketio_keep_hold;

/* The client is back: gives it what waits for it alone. */
void socketio_keep_restore(struct socketio_client *client, const struct recovery_record *record);

/* A directed message as a packet: its head, and its data in `data`, which is failed without memory.
 */
struct socket_io_packet socketio_client_directed(const struct config *config,
                                                 const struct directed *directed,
                                                 struct strbuf *data);

/* Does what the event asks for and answers its acknowledgement, now or later (socketio_events.c).
 */
void socketio_event_handle(struct socketio_client *client, struct socketio_event *event);

/* Joins a room by a client's wish; NULL or what is wrong (socketio_events.c). `*later`: the answer
 * comes with the client's place in a grid. */
const char *socketio_event_join(struct socketio_client *client,
                                const struct socketio_socket *socket, struct span room,
                                const struct neighbours_asker *asker, bool *later);

/* In a grid room: tells the client where it is and who is next to it (socketio_events.c). */
void socketio_event_neighbours(struct socketio_client *client, int namespace,
                               const struct neighbours_news *news,
                               const struct neighbours_asker *asker);

#endif
