/*
 * opening.h - what a new connection does before it speaks HTTP: the header of the PROXY protocol,
 * and the TLS handshake.
 *
 * On the I/O thread that the connection was given to.
 */
#ifndef STENTORD_OPENING_H
#define STENTORD_OPENING_H

struct accepted_conn;
struct io_thread;

/* Begins with a new connection; takes over the descriptor. */
void opening_accept(struct io_thread *thread, const struct accepted_conn *accepted);

#endif
