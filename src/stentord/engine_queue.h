/*
 * engine_queue.h - packets for one client alone, until its transport takes them.
 *
 * A strbuf of records, which holds memory only while it holds packets. It belongs to the engine; no
 * calls but on its thread.
 */
#ifndef STENTORD_ENGINE_QUEUE_H
#define STENTORD_ENGINE_QUEUE_H

#include "stentor/wire/engine_io.h"

enum { ENGINE_QUEUE_MAX = 262144 };

/* Does so much wait that nothing may be added? What one request of the client causes may go beyond
 * that; its next request may not, unless the client has fetched what waits. */
static inline bool engine_queue_is_full(const struct strbuf *queue)
{
    return queue->len > ENGINE_QUEUE_MAX;
}

/* False when memory is out. */
bool engine_queue_add(struct strbuf *queue, const struct engine_io_packet *packet) MUST_CHECK;

/* The next packet from `*pos` on, which is 0 at first; false behind the last one. */
bool engine_queue_next(const struct strbuf *queue, size_t *pos, struct engine_io_packet *packet);

/* Moves up to `max` packets to a payload. Engine.IO 3's binary form is used only if there is binary
 * data among them. */
void engine_queue_drain(struct strbuf *queue, enum engine_io_payload form, size_t max,
                        struct strbuf *payload);

#endif
