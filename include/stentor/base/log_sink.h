/*
 * log_sink.h - a place that lines of a log go to: standard error, syslog, or a file that can be
 * opened anew and may be full.
 *
 * Owned by log.c, which serialises all calls.
 */
#ifndef STENTOR_BASE_LOG_SINK_H
#define STENTOR_BASE_LOG_SINK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"

enum log_sink_kind { LOG_SINK_NONE, LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_FILE };

struct log_sink {
    enum log_sink_kind kind;
    int fd; /* of a file */
    char path[PATH_MAX];
    unsigned lost; /* lines that could not be written since the last one that could */
    int error;     /* why not */
};

/* "stderr", "syslog", or a path. 0 or a negative errno. */
int log_sink_open(struct log_sink *sink, const char *name) MUST_CHECK;
void log_sink_close(struct log_sink *sink);

/* Opens the file anew; after a failure (a negative errno) the old one is kept. */
int log_sink_reopen(struct log_sink *sink) MUST_CHECK;

/* Writes a line without its end. `priority` is syslog's; `plain` is what syslog gets, which adds
 * time and program itself. */
void log_sink_write(struct log_sink *sink, int priority, const char *line, const char *plain);

#endif
