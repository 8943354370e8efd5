#include "stentor/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "stentor/base/clock.h"
#include "stentor/base/json.h"
#include "stentor/base/log_sink.h"

enum {
    LOG_TEXT = 1024,
    LOG_KINDS = 64,  /* of lines whose repetition is watched at a time */
    LOG_BURST = 100, /* lines of one kind within LOG_BURST_MS, before they are held back */
    LOG_BURST_MS = 1000,
};

/* Lines of one kind come from one place of the program, so they share their format. */
struct log_kind {
    const char *fmt;
    const char *token;
    enum log_level level;
    uint64_t begun_ms;
    unsigned count;
    unsigned held;       /* back */
    char last[LOG_TEXT]; /* the newest of these */
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    const char *program;
    const char *standard; /* where lines go unless configured */
    _Atomic(enum log_level) level;
    bool json;
    struct log_sink main;
    struct log_sink access;
    atomic_bool access_enabled;
    struct log_kind kinds[LOG_KINDS]; /* by a hash of the format */
} log_state = {
    .program = "",
    .standard = "stderr",
    .level = LOG_LEVEL_INFO,
    .main = {.kind = LOG_SINK_STDERR},
};

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
    log_state.program = program;
    log_state.standard = target == LOG_TARGET_SYSLOG ? "syslog" : "stderr";
    log_set_level(level);
    openlog(program, target == LOG_TARGET_SYSLOG ? LOG_PID | LOG_NDELAY | LOG_PERROR : LOG_PID,
            LOG_DAEMON);
    log_state.main.kind = target == LOG_TARGET_SYSLOG ? LOG_SINK_SYSLOG : LOG_SINK_STDERR;
}

static bool log_open_sink(struct log_sink *sink, const char *name, char *error)
{
    int result = log_sink_open(sink, name);

    if (result < 0)
        snprintf(error, LOG_ERROR, "%.150s cannot be opened: %s", name, strerror(-result));
    return result == 0;
}

bool log_check_target(const char *target, char *error)
{
    struct log_sink sink;

    if (*target == '\0')
        return true;
    if (!log_open_sink(&sink, target, error))
        return false;
    log_sink_close(&sink);
    return true;
}

/* Puts `fresh` in the place of `sink`, which is closed. */
static void log_replace(struct log_sink *sink, const struct log_sink *fresh)
{
    log_sink_close(sink);
    *sink = *fresh;
}

bool log_configure(const char *target, const char *access, bool json, char *error)
{
    struct log_sink fresh, fresh_access = {.kind = LOG_SINK_NONE};

    if (!log_open_sink(&fresh, *target != '\0' ? target : log_state.standard, error))
        return false;
    if (*access != '\0' && !log_open_sink(&fresh_access, access, error)) {
        log_sink_close(&fresh);
        return false;
    }
    pthread_mutex_lock(&log_lock);
    log_replace(&log_state.main, &fresh);
    log_replace(&log_state.access, &fresh_access);
    log_state.json = json;
    atomic_store_explicit(&log_state.access_enabled, *access != '\0', memory_order_relaxed);
    pthread_mutex_unlock(&log_lock);
    return true;
}

void log_reopen(void)
{
    int error, access_error;

    pthread_mutex_lock(&log_lock);
    error = log_sink_reopen(&log_state.main);
    access_error = log_sink_reopen(&log_state.access);
    pthread_mutex_unlock(&log_lock);
    if (error < 0)
        log_error("log", "%s cannot be opened anew: %s; lines go to the file that was there before",
                  log_state.main.path, strerror(-error));
    if (access_error < 0)
        log_error("log", "%s cannot be opened anew: %s; lines go to the file that was there before",
                  log_state.access.path, strerror(-access_error));
    if (error == 0 && access_error == 0)
        log_info("log", "files have been opened anew");
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_state.level, level, memory_order_relaxed);
}

int log_enabled(enum log_level level)
{
    return level <= atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

int log_level_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(log_levels); i++)
        if (strcmp(name, log_levels[i].name) == 0)
            return (int)i;
    return -1;
}

const char *log_level_name(enum log_level level)
{
    return log_levels[level].name;
}

static void log_time(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Under the lock. */
static void log_write(struct log_sink *sink, enum log_level level, const char *token,
                      const char *text)
{
    char time[40], plain[LOG_TEXT + 64];
    struct strbuf line = STRBUF_INIT;

    log_time(time, sizeof(time));
    snprintf(plain, sizeof(plain), "%.40s: %s", token, text);
    if (log_state.json) {
        strbuf_printf(&line,
                      "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%.40s\",\"message\":", time,
                      log_levels[level].name, token);
        json_append_string(&line, text, strlen(text));
        strbuf_append_char(&line, '}');
    } else {
        strbuf_printf(&line, "%s %s %s", time, log_levels[level].name, plain);
    }
    log_sink_write(sink, log_levels[level].priority, line.failed ? plain : strbuf_cstr(&line),
                   plain);
    strbuf_free(&line);
}

/* Under the lock: says what was held back of a kind, and begins to count anew. */
static void log_release(struct log_kind *kind, uint64_t now_ms)
{
    char text[LOG_TEXT + 64];

    if (kind->held == 1)
        log_write(&log_state.main, kind->level, kind->token, kind->last);
    if (kind->held > 1) {
        snprintf(text, sizeof(text), "%u more like this: %s", kind->held, kind->last);
        log_write(&log_state.main, kind->level, kind->token, text);
    }
    kind->held = 0;
    kind->count = 0;
    kind->begun_ms = now_ms;
}

/* Under the lock: is it one too many of its kind? Then it is kept, to be told of later. */
static bool log_hold_back(enum log_level level, const char *token, const char *fmt,
                          const char *text)
{
    struct log_kind *kind = &log_state.kinds[((uintptr_t)fmt >> 3) % LOG_KINDS];
    uint64_t now_ms = clock_ms();

    if (kind->fmt != fmt || now_ms - kind->begun_ms >= LOG_BURST_MS)
        log_release(kind, now_ms);
    kind->fmt = fmt;
    kind->token = token;
    kind->level = level;
    if (++kind->count <= LOG_BURST)
        return false;
    kind->held++;
    snprintf(kind->last, sizeof(kind->last), "%s", text);
    return true;
}

void log_flush(void)
{
    uint64_t now_ms = clock_ms();

    pthread_mutex_lock(&log_lock);
    for (size_t i = 0; i < LOG_KINDS; i++)
        if (log_state.kinds[i].held > 0 && now_ms - log_state.kinds[i].begun_ms >= LOG_BURST_MS)
            log_release(&log_state.kinds[i], now_ms);
    pthread_mutex_unlock(&log_lock);
}

/* What a client sent may be quoted in a line; it must not be able to forge another. */
static void log_format(char *text, size_t size, const char *fmt, va_list args)
{
    if (vsnprintf(text, size, fmt, args) < 0)
        *text = '\0';
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void log_line(enum log_level level, const char *token, const char *fmt, va_list args)
{
    char text[LOG_TEXT];

    if (!log_enabled(level))
        return;
    log_format(text, sizeof(text), fmt, args);
    pthread_mutex_lock(&log_lock);
    if (level == LOG_LEVEL_DEBUG || !log_hold_back(level, token, fmt, text))
        log_write(&log_state.main, level, token, text);
    pthread_mutex_unlock(&log_lock);
}

bool log_access_enabled(void)
{
    return atomic_load_explicit(&log_state.access_enabled, memory_order_relaxed);
}

void log_access(const char *fmt, ...)
{
    char text[LOG_TEXT];
    va_list args;

    if (!log_access_enabled())
        return;
    va_start(args, fmt);
    log_format(text, sizeof(text), fmt, args);
    va_end(args);
    pthread_mutex_lock(&log_lock);
    log_write(&log_state.access, LOG_LEVEL_INFO, "access", text);
    pthread_mutex_unlock(&log_lock);
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
