/*
 * sse.h - Server-Sent Events: the text/event-stream format, written and read.
 *
 * Source: the HTML standard, section 9.2. Pure functions; any thread. A reader belongs to its
 * caller.
 */
#ifndef STENTOR_WIRE_SSE_H
#define STENTOR_WIRE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

#define SSE_CONTENT_TYPE "text/event-stream"

/* Appends one event. `id` 0: none. Line breaks in `event` become spaces, since they would end the
 * field; those in `data` are kept, one field a line. */
void sse_append_event(struct strbuf *out, uint64_t id, struct span event, struct span data);

/* Appends the field that tells clients how long to wait before they connect again. */
void sse_append_retry(struct strbuf *out, unsigned retry_ms);

/* A comment, which clients ignore: the heartbeat. */
#define SSE_COMMENT ":\n\n"

struct sse_event {
    struct span id; /* the last one that was given */
    struct span event;
    struct span data;
};

struct sse_reader {
    size_t max_event; /* bytes of data, and of one line */
    struct strbuf line, data, event, id;
    bool has_data;
    bool after_cr; /* an LF that comes now belongs to the line before */
    bool started;
};

void sse_reader_init(struct sse_reader *reader, size_t max_event);
void sse_reader_free(struct sse_reader *reader);

/* Reads on; `on_event` is called for each event that is complete, whose spans are valid during the
 * call. False when an event is too large or memory is out. */
bool sse_reader_feed(struct sse_reader *reader, const void *data, size_t len,
                     void (*on_event)(void *arg, const struct sse_event *event),
                     void *arg) MUST_CHECK;

#endif
