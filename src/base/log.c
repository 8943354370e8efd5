#include "stentor/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static struct {
    enum log_target target;
    enum log_level level;
} log_state = {LOG_TARGET_STDERR, LOG_LEVEL_INFO};

static const struct {
    const char *name;
    int priority;
} log_levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void log_open(const char *program, enum log_target target, enum log_level level)
{
    log_state.target = target;
    log_state.level = level;
    if (target == LOG_TARGET_SYSLOG)
        openlog(program, LOG_PID | LOG_NDELAY | LOG_PERROR, LOG_DAEMON);
}

int log_enabled(enum log_level level)
{
    return level <= log_state.level;
}

int log_level_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(log_levels); i++)
        if (strcmp(name, log_levels[i].name) == 0)
            return (int)i;
    return -1;
}

static void log_to_stderr(enum log_level level, const char *token, char *text, size_t len)
{
    char head[96];
    struct timespec now;
    struct tm utc;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(head + n, sizeof(head) - n, ".%03ldZ %s %.40s: ", now.tv_nsec / 1000000,
                          log_levels[level].name, token);
    text[len++] = '\n';
    struct iovec iov[2] = {{head, n}, {text, len}};
    if (writev(STDERR_FILENO, iov, 2) < 0)
        return; /* nobody is left to be told */
}

static void log_line(enum log_level level, const char *token, const char *fmt, va_list args)
{
    char text[1024];
    int n;

    if (level > log_state.level)
        return;
    n = vsnprintf(text, sizeof(text) - 1, fmt, args);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof(text) - 1 ? (size_t)n : sizeof(text) - 2;
    /* What a client sent may be quoted in a line; it must not be able to forge another. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    if (log_state.target == LOG_TARGET_SYSLOG)
        syslog(log_levels[level].priority, "%s: %.*s", token, (int)len, text);
    else
        log_to_stderr(level, token, text, len);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *token, const char *fmt, ...)                                             \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, fmt);                                                                       \
        log_line(level, token, fmt, args);                                                         \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
