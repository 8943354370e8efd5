/*
 * log.h - one line per event: time, level, the subsystem's token, what happened.
 *
 * Any thread may log. A line is one write(2) or one syslog(3) call, under a lock, so lines of
 * different threads do not mix. Lines of one kind that come too fast are held back and counted: who
 * provokes errors must not be able to fill the disk. Where lines go is set by the main thread.
 */
#ifndef STENTOR_BASE_LOG_H
#define STENTOR_BASE_LOG_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

/* Sets name, target and the least important level that is still written. */
void log_open(const char *program, enum log_target target, enum log_level level);

/* Other places for lines, by name: "stderr", "syslog", a path that begins with "/", or "" for that
 * of log_open; and the place of access lines, a path or "" for none. False, and everything is as
 * before, when a file cannot be opened; `error` (of LOG_ERROR bytes) says why. */
bool log_configure(const char *target, const char *access, bool json, char *error) MUST_CHECK;

enum { LOG_ERROR = 256 };

/* Can lines be written to that place? For what is to be configured later; as log_configure. */
bool log_check_target(const char *target, char *error) MUST_CHECK;

/* Opens all files anew by their names, since something has moved them away. Those that cannot be
 * opened are kept as they are, and the log says so. */
void log_reopen(void);

/* Writes what was held back. About once a second. */
void log_flush(void);

/* Another least important level. Any thread. */
void log_set_level(enum log_level level);

/* Would a line of that level be written? For those that are costly to put together. */
int log_enabled(enum log_level level);

/* A level by its name ("error", "warning", "info", "debug"); -1 for any other text. */
int log_level_from_name(const char *name) MUST_CHECK;
const char *log_level_name(enum log_level level);

void log_error(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warning(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *token, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A line of the access log. Without one nothing happens; log_access_enabled tells before. */
void log_access(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool log_access_enabled(void);

#endif
