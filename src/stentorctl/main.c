#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "complain.h"
#include "ctl.h"
#include "doctor.h"
#include "drain.h"
#include "kick.h"
#include "log_level.h"
#include "publish.h"
#include "reload.h"
#include "rooms.h"
#include "status.h"
#include "stentor/base/compiler.h"
#include "top.h"
#include "watch.h"

#define MAIN_DEFAULT_SERVER "http://127.0.0.1:8081"

static const struct {
    const char *name;
    int (*run)(const struct ctl *ctl, int argc, char **argv);
} commands[] = {
    {"clients", clients_run}, {"doctor", doctor_run},       {"drain", drain_run},
    {"kick", kick_run},       {"log-level", log_level_run}, {"publish", publish_run},
    {"reload", reload_run},   {"rooms", rooms_run},         {"status", status_run},
    {"top", top_run},         {"watch", watch_run},
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: stentorctl [-s URL|unix:PATH] [-k KEY] [-C CA] [-E CERTIFICATE] [-I] "
                "COMMAND\n"
                "       stentorctl ... " CLIENTS_USAGE "\n"
                "       stentorctl ... " DOCTOR_USAGE "\n"
                "       stentorctl ... " DRAIN_USAGE "\n"
                "       stentorctl ... " KICK_USAGE "\n"
                "       stentorctl ... " LOG_LEVEL_USAGE "\n"
                "       stentorctl ... " PUBLISH_USAGE "\n"
                "       stentorctl ... " RELOAD_USAGE "\n"
                "       stentorctl ... " ROOMS_USAGE "\n"
                "       stentorctl ... " STATUS_USAGE "\n"
                "       stentorctl ... " TOP_USAGE "\n"
                "       stentorctl ... " WATCH_USAGE "\n"
                "       stentorctl -V | -h\n"
                "The server is " MAIN_DEFAULT_SERVER " without -s; the key is that of STENTOR_KEY "
                "without -k.\n"
                "With https: -C names a file of certificates to trust (or STENTOR_CA does), -E one "
                "with a client certificate\nand its key; -I trusts anybody.\n");
}

static int run_command(const struct ctl *ctl, int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(ctl, argc, argv);
    complain("there is no command '%s'", argv[0]);
    print_usage(stderr);
    return CTL_USAGE;
}

/* Output that could not be written is a failure, even if all else went well. */
static int flush_output(int result)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    if (result == CTL_OK)
        complain("cannot write: %s", strerror(errno));
    return result == CTL_OK ? CTL_FAILED : result;
}

int main(int argc, char **argv)
{
    const char *server = MAIN_DEFAULT_SERVER;
    struct ctl ctl = {.key = getenv("STENTOR_KEY")};
    struct target_trust trust = {.ca = getenv("STENTOR_CA")};
    int option, result;

    while ((option = getopt(argc, argv, "+s:k:C:E:IhV")) != -1) {
        switch (option) {
        case 's':
            server = optarg;
            break;
        case 'k':
            ctl.key = optarg;
            break;
        case 'C':
            trust.ca = optarg;
            break;
        case 'E':
            trust.client = optarg;
            break;
        case 'I':
            trust.anybody = true;
            break;
        case 'h':
            print_usage(stdout);
            return flush_output(CTL_OK);
        case 'V':
            printf("stentorctl %s\n", STENTOR_VERSION);
            return flush_output(CTL_OK);
        default:
            print_usage(stderr);
            return CTL_USAGE;
        }
    }
    if (optind == argc) {
        print_usage(stderr);
        return CTL_USAGE;
    }
    if (ctl.key != NULL && *ctl.key == '\0')
        ctl.key = NULL;
    if (trust.ca != NULL && *trust.ca == '\0')
        trust.ca = NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!target_init(&ctl.target, server))
        return CTL_USAGE;
    ctl.target.trust = trust;
    result = run_command(&ctl, argc - optind, argv + optind);
    target_free(&ctl.target);
    curl_global_cleanup();
    return flush_output(result);
}
