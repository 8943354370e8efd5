/*
 * main.c - stentord(8): arguments, configuration, daemon or foreground. The rest is server.c.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "pidfile.h"
#include "privileges.h"
#include "process.h"
#include "server.h"
#include "stentor/base/log.h"
#include "tls_memory.h"

enum { EXIT_USAGE = 2 };

struct arguments {
    const char *config;
    const char *pidfile;
    bool check;
    bool foreground;
};

static void main_usage(FILE *to)
{
    fputs("usage: stentord [-c FILE] [-p FILE] [-f] [-t] [-V]\n"
          "  -c FILE  configuration (" STENTOR_SYSCONFDIR "/stentord.conf)\n"
          "  -f       stay in the foreground, log to standard error\n"
          "  -p FILE  pidfile, in place of the configuration's\n"
          "  -t       check the configuration and exit\n"
          "  -V       print the version and exit\n",
          to);
}

static void main_parse(int argc, char **argv, struct arguments *arguments)
{
    int option;

    while ((option = getopt(argc, argv, "c:fhp:tV")) != -1) {
        switch (option) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'f':
            arguments->foreground = true;
            break;
        case 'p':
            arguments->pidfile = optarg;
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

struct start {
    const struct config *config;
    int ready_fd; /* of a daemon; or -1 */
};

static void main_on_ready(void *arg)
{
    const struct start *start = arg;

    privileges_warn_unreadable(start->config);
    if (start->ready_fd >= 0)
        process_tell_ready(start->ready_fd);
}

/* In the foreground or as a daemon; the exit status of this process, whichever it is. */
static int main_serve(const struct arguments *arguments, struct config *config)
{
    const char *path = arguments->pidfile != NULL ? arguments->pidfile : config->pidfile;
    struct pidfile pidfile = PIDFILE_NONE;
    struct start start = {config, -1};
    int status;

    if (!privileges_allow(config))
        return EXIT_FAILURE;
    if (!arguments->foreground && !process_daemonise(&start.ready_fd, &status))
        return status;
    log_open("stentord", arguments->foreground ? LOG_TARGET_STDERR : LOG_TARGET_SYSLOG,
             (enum log_level)config->level);
    if (*path != '\0' && !pidfile_open(&pidfile, path))
        return EXIT_FAILURE;
    status = server_run(config_ref(config), main_on_ready, &start);
    pidfile_close(&pidfile);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = STENTOR_SYSCONFDIR "/stentord.conf"};
    struct strbuf mistakes = STRBUF_INIT;
    struct config *config;
    int status;

    tls_memory_init();
    main_parse(argc, argv, &arguments);
    config = config_load(arguments.config, NULL, &mistakes);
    if (config == NULL) {
        fputs(strbuf_cstr(&mistakes), stderr);
        strbuf_free(&mistakes);
        return EXIT_FAILURE;
    }
    if (arguments.check) {
        fprintf(stderr, "%s", config->warnings);
        printf("%s: good\n", arguments.config);
        status = EXIT_SUCCESS;
    } else {
        status = main_serve(&arguments, config);
    }
    config_unref(&config);
    return status;
}
