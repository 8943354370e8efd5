/*
 * main.c - stentord(8): arguments, configuration, daemon or foreground. The rest is server.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "server.h"
#include "stentor/base/log.h"

enum { EXIT_USAGE = 2 };

struct arguments {
    const char *config;
    bool check;
    bool foreground;
};

static void main_usage(FILE *to)
{
    fputs("usage: stentord [-c FILE] [-f] [-t] [-V]\n"
          "  -c FILE  configuration (" STENTOR_SYSCONFDIR "/stentord.conf)\n"
          "  -f       stay in the foreground, log to standard error\n"
          "  -t       check the configuration and exit\n"
          "  -V       print the version and exit\n",
          to);
}

static void main_parse(int argc, char **argv, struct arguments *arguments)
{
    int option;

    while ((option = getopt(argc, argv, "c:fthV")) != -1) {
        switch (option) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'f':
            arguments->foreground = true;
            break;
        case 't':
            arguments->check = true;
            break;
        case 'V':
            puts("stentord " STENTOR_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            main_usage(stdout);
            exit(EXIT_SUCCESS);
        default:
            main_usage(stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        main_usage(stderr);
        exit(EXIT_USAGE);
    }
}

/* Waits until the daemon says that it serves, or ends; whoever started us then knows which. */
static int main_wait_ready(int fd, pid_t daemon)
{
    char byte;
    int status;

    if (read(fd, &byte, 1) == 1)
        return EXIT_SUCCESS;
    return waitpid(daemon, &status, 0) == daemon && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                      : EXIT_FAILURE;
}

/* Goes into the background; returns, in the daemon, the descriptor to report on. */
static int main_daemonise(void)
{
    int fds[2];
    pid_t pid;

    if (pipe(fds) < 0 || (pid = fork()) < 0) {
        fprintf(stderr, "stentord: cannot go into the background: %s\n", strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (pid > 0) {
        close(fds[1]);
        exit(main_wait_ready(fds[0], pid));
    }
    close(fds[0]);
    setsid();
    if (freopen("/dev/null", "r", stdin) == NULL || freopen("/dev/null", "w", stdout) == NULL)
        exit(EXIT_FAILURE);
    return fds[1];
}

static void main_on_ready(void *arg)
{
    int *fd = arg;

    if (*fd < 0)
        return;
    /* Until now a failure to start was shown to whoever started us. */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    close(null);
    /* Only now: what the configuration names relative to here has been opened. */
    if (chdir("/") < 0)
        log_warning("server", "the working directory stays in use: %s", strerror(errno));
    if (write(*fd, "", 1) < 0)
        log_warning("server", "nobody waited for the start");
    close(*fd);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = STENTOR_SYSCONFDIR "/stentord.conf"};
    struct config *config;
    int ready_fd = -1;

    main_parse(argc, argv, &arguments);
    config = config_load(arguments.config);
    if (config == NULL)
        return EXIT_FAILURE;
    if (arguments.check) {
        printf("%s: good\n", arguments.config);
        config_unref(&config);
        return EXIT_SUCCESS;
    }
    if (!arguments.foreground)
        ready_fd = main_daemonise();
    log_open("stentord", arguments.foreground ? LOG_TARGET_STDERR : LOG_TARGET_SYSLOG,
             (enum log_level)config->level);
    return server_run(config, main_on_ready, &ready_fd);
}
