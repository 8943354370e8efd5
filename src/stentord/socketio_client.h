/*
 * socketio_client.h - /socket.io/: unmodified socket.io-client 4.x over the WebSocket transport.
 *
 * A client is one Engine.IO session, in which it is connected to any number of the declared
 * namespaces. Its session (rooms, cursor) is one for all of them. Owned by the connection's I/O
 * thread.
 */
#ifndef STENTORD_SOCKETIO_CLIENT_H
#define STENTORD_SOCKETIO_CLIENT_H

#include "envelope.h"
#include "http_conn.h"
#include "session.h"
#include "stentor/wire/socket_io.h"
#include "ws_conn.h"

extern const struct endpoint socketio_endpoint;

/* The client's connection to one namespace; Socket.IO calls it a socket. */
struct socketio_socket {
    int namespace;
    uint8_t id[SESSION_ID_BYTES];
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
    struct ws_conn *ws;
    struct session *session;
    struct socketio_socket *sockets; /* `first` while there is at most one */
    struct socketio_socket first;
    struct socketio_partial *partial; /* NULL: no packet is incomplete */
};

#define SOCKETIO_CLIENT_MAGIC 0x73696f63u

/* An event that a client sent, complete. */
struct socketio_event {
    struct socket_io_packet packet;
    int namespace;
    struct refbuf *const *attachments;
    size_t attachment_count;
};

/* Does what the event asks for and answers its acknowledgement (socketio_events.c). */
void socketio_event_handle(struct socketio_client *client, const struct socketio_event *event);

/* Joins a room by a client's wish; NULL or what is wrong (socketio_events.c). */
const char *socketio_event_join(struct socketio_client *client, int namespace, struct span room);

/* Sends a Socket.IO packet to this client: its head, then `data`, raw JSON. */
void socketio_client_send(struct socketio_client *client, const struct socket_io_packet *head,
                          struct span data);

#endif
