#include "stentor/base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

static int log_sink_open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

    return fd < 0 ? -errno : fd;
}

int log_sink_open(struct log_sink *sink, const char *name)
{
    *sink = (struct log_sink){.kind = LOG_SINK_FILE, .fd = -1};
    if (strcmp(name, "stderr") == 0) {
        sink->kind = LOG_SINK_STDERR;
    } else if (strcmp(name, "syslog") == 0) {
        sink->kind = LOG_SINK_SYSLOG;
    } else if (strlen(name) >= sizeof(sink->path)) {
        return -ENAMETOOLONG;
    } else {
        strcpy(sink->path, name);
        sink->fd = log_sink_open_file(name);
        return sink->fd < 0 ? sink->fd : 0;
    }
    return 0;
}

void log_sink_close(struct log_sink *sink)
{
    if (sink->kind == LOG_SINK_FILE)
        close(sink->fd);
    sink->kind = LOG_SINK_NONE;
}

int log_sink_reopen(struct log_sink *sink)
{
    int fd;

    if (sink->kind != LOG_SINK_FILE)
        return 0;
    fd = log_sink_open_file(sink->path);
    if (fd < 0)
        return fd;
    close(sink->fd);
    sink->fd = fd;
    return 0;
}

/* All of the line, or an error: a part of one is ended, so that the next begins anew. */
static bool log_sink_write_fd(int fd, const char *line)
{
    size_t len = strlen(line);
    struct iovec iov[2] = {{(char *)(size_t)line, len}, {"\n", 1}};
    ssize_t n = writev(fd, iov, 2);

    if (n > 0 && (size_t)n < len + 1)
        (void)!write(fd, "\n", 1);
    return n == (ssize_t)len + 1;
}

/* Says how many lines are missing here, as soon as that can be said. */
static void log_sink_tell_lost(struct log_sink *sink)
{
    char text[160];

    snprintf(text, sizeof(text), "(%u lines could not be written here: %s)", sink->lost,
             strerror(sink->error));
    if (log_sink_write_fd(sink->fd, text))
        sink->lost = 0;
}

static void log_sink_write_file(struct log_sink *sink, const char *line)
{
    if (sink->lost > 0)
        log_sink_tell_lost(sink);
    if (log_sink_write_fd(sink->fd, line))
        return;
    sink->error = errno;
    sink->lost++;
}

void log_sink_write(struct log_sink *sink, int priority, const char *line, const char *plain)
{
    switch (sink->kind) {
    case LOG_SINK_NONE:
        break;
    case LOG_SINK_STDERR:
        (void)log_sink_write_fd(STDERR_FILENO, line); /* if not, nobody is left to be told */
        break;
    case LOG_SINK_SYSLOG:
        syslog(priority, "%s", plain);
        break;
    case LOG_SINK_FILE:
        log_sink_write_file(sink, line);
        break;
    }
}
