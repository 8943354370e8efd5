/*
 * watch_line.h - a message of the native protocol as one line of output.
 *
 * Pure; the program has one thread.
 */
#ifndef STENTORCTL_WATCH_LINE_H
#define STENTORCTL_WATCH_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

/* Appends the JSON text with line breaks (which can only be white space between its tokens) made
 * spaces, and a newline. */
void watch_line_append_json(struct strbuf *out, struct span message);

/* Appends "time room event data" of a `message`, or the same of a `gap`, and a newline. `time_us`
 * is when it arrived. */
void watch_line_append_pretty(struct strbuf *out, struct span message, uint64_t time_us);

#endif
