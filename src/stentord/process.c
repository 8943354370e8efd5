#define _GNU_SOURCE /* close_range, pipe2 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stentor/base/log.h"

/* Waits until the daemon says that it serves, or ends; whoever started us then knows which. */
static int process_wait_ready(int fd, pid_t daemon)
{
    char byte;
    int status;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1)
        return EXIT_SUCCESS;
    return waitpid(daemon, &status, 0) == daemon && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                      : EXIT_FAILURE;
}

static int process_to_null(int fd, int flags)
{
    int null = open("/dev/null", flags | O_CLOEXEC);
    int result = null < 0 ? -1 : dup2(null, fd);

    if (null >= 0)
        close(null);
    return result;
}

bool process_daemonise(int *ready_fd, int *status)
{
    int fds[2];
    pid_t pid;

    /* Descriptors that a shell has left open, such as that of a lock, would be held for ever. */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    *status = EXIT_FAILURE;
    if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        log_error("process", "cannot go into the background: %s", strerror(errno));
        return false;
    }
    if (pid > 0) {
        close(fds[1]);
        *status = process_wait_ready(fds[0], pid);
        return false;
    }
    close(fds[0]);
    setsid();
    umask(S_IWGRP | S_IRWXO);
    if (process_to_null(STDIN_FILENO, O_RDONLY) < 0 ||
        process_to_null(STDOUT_FILENO, O_WRONLY) < 0) {
        log_error("process", "/dev/null: %s", strerror(errno));
        return false;
    }
    *ready_fd = fds[1];
    return true;
}

void process_tell_ready(int ready_fd)
{
    process_to_null(STDERR_FILENO, O_WRONLY);
    /* Only now: what the configuration names relative to here has been opened. */
    if (chdir("/") < 0)
        log_warning("process", "the working directory stays in use: %s", strerror(errno));
    if (write(ready_fd, "", 1) < 0)
        log_warning("process", "nobody waited for the start");
    close(ready_fd);
}
