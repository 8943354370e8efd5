/*
 * tls_pace.h - how many handshakes there may be between two looks at everything else.
 *
 * A handshake takes as long as a hundred deliveries. Each turn of the event loop has time for some
 * of them; the others wait in line, without an event, until it is their turn. While messages are
 * being delivered the share of handshakes is smaller.
 *
 * On the I/O thread.
 */
#ifndef STENTORD_TLS_PACE_H
#define STENTORD_TLS_PACE_H

#include "tls_conn.h"

void tls_pace_init(struct tls_thread *tls);
void tls_pace_destroy(struct tls_thread *tls);

/* May the handshake begin, or go on, now? If not, the connection waits in line, and is read from
 * later. */
bool tls_pace_step(struct tls_conn *tc) MUST_CHECK;

/* A part of a handshake took so long. */
void tls_pace_spent(struct tls_thread *tls, uint64_t ns);

/* The peer's end, which came behind the last bytes, is to be told after those. */
void tls_pace_tell_end(struct tls_conn *tc);

/* Takes the connection off all lists. */
void tls_pace_forget(struct tls_conn *tc);

#endif
