/*
 * log.h - one line per event: time, level, the subsystem's token, what happened.
 *
 * The target is set once, before other threads exist (log_open), and is owned by log.c; every
 * other function may be called from any thread. A line is written with one write(2) or one
 * syslog(3) call, so lines of different threads do not mix.
 */
#ifndef STENTOR_BASE_LOG_H
#define STENTOR_BASE_LOG_H

#include "stentor/base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

/* Sets name, target and the least important level that is still written. */
void log_open(const char *program, enum log_target target, enum log_level level);

/* Would a line of that level be written? For those that are costly to put together. */
int log_enabled(enum log_level level);

/* A level by its name ("error", "warning", "info", "debug"); -1 for any other text. */
int log_level_from_name(const char *name) MUST_CHECK;

void log_error(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warning(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
