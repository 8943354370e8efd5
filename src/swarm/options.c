#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"

#include "payload.h"

static const char options_help[] =
    "Usage: stentor-swarm [options] URL\n"
    "Simulates many clients of a broadcast server, and measures what they get and what it costs.\n"
    "\n"
    "  -c, --clients N           clients (1000)\n"
    "      --transports T[:SHARE][,...]\n"
    "                            how clients get messages, and in which shares (websocket):\n"
    "                            websocket, msgpack   Stentor's own protocol\n"
    "                            sse                  Server-Sent Events\n"
    "                            socketio, socketio-msgpack, socketio3   over WebSocket\n"
    "                            polling, polling-msgpack, polling3      Socket.IO over HTTP\n"
    "                            plain                any WebSocket server\n"
    "      --path PATH           path to connect to (/ws, /events or /socket.io/)\n"
    "      --ramp SECONDS        time over which the connects are spread (clients/1000)\n"
    "      --connect-timeout S   give up connecting after that (20)\n"
    "      --idle SECONDS        idle phase measured before the rounds (2)\n"
    "      --rounds I:D[,...]    a message every I for the duration D, e.g. 2s:60s,0.5s:30s "
    "(1s:10s)\n"
    "      --in-flight N         publish as fast as N messages in flight allow, not every I\n"
    "      --payload BYTES       size of a message's data (40)\n"
    "      --room ROOM           join it, and publish to it (everyone)\n"
    "      --publish-url URL     where to publish (URL's host, /publish/ROOM/swarm)\n"
    "      --key KEY             bearer key for publishing ($STENTOR_KEY)\n"
    "      --bind A[,B...]|auto  local addresses (auto)\n"
    "      --pid PID             the server's process, to measure its CPU time and memory\n"
    "      --json FILE           write the results there as well\n"
    "      --quiet               no progress\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all connected and nothing was lost, duplicated or out of order; 1 otherwise;\n"
    "2 usage.\n";

enum {
    OPT_TRANSPORTS = 256,
    OPT_PATH,
    OPT_RAMP,
    OPT_CONNECT_TIMEOUT,
    OPT_IDLE,
    OPT_ROUNDS,
    OPT_IN_FLIGHT,
    OPT_PAYLOAD,
    OPT_ROOM,
    OPT_PUBLISH_URL,
    OPT_KEY,
    OPT_BIND,
    OPT_PID,
    OPT_JSON,
    OPT_QUIET,
};

static const struct option options_long[] = {
    {"clients", required_argument, NULL, 'c'},
    {"transports", required_argument, NULL, OPT_TRANSPORTS},
    {"path", required_argument, NULL, OPT_PATH},
    {"ramp", required_argument, NULL, OPT_RAMP},
    {"connect-timeout", required_argument, NULL, OPT_CONNECT_TIMEOUT},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
    {"payload", required_argument, NULL, OPT_PAYLOAD},
    {"room", required_argument, NULL, OPT_ROOM},
    {"publish-url", required_argument, NULL, OPT_PUBLISH_URL},
    {"key", required_argument, NULL, OPT_KEY},
    {"bind", required_argument, NULL, OPT_BIND},
    {"pid", required_argument, NULL, OPT_PID},
    {"json", required_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool options_number(const char *text, unsigned long min, unsigned long max,
                           unsigned long *value)
{
    char *end;

    errno = 0;
    *value = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value >= min &&
           *value <= max;
}

static bool options_unsigned(const char *text, unsigned min, unsigned max, unsigned *value)
{
    unsigned long number;

    if (!options_number(text, min, max, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

static bool options_set_url(struct url *url, const char *text)
{
    const char *error;

    if (url_parse(text, url, &error))
        return true;
    fprintf(stderr, "stentor-swarm: %s: %s\n", text, error);
    return false;
}

static bool options_set_mix(struct mix *mix, const char *text)
{
    char error[MIX_MAX_ERROR];

    if (mix_parse(text, mix, error))
        return true;
    fprintf(stderr, "stentor-swarm: --transports: %s\n", error);
    return false;
}

/* Takes one option's argument; false when it is not valid. */
static bool options_set_number(struct options *options, int opt, const char *arg)
{
    unsigned long value;

    switch (opt) {
    case 'c':
        return options_unsigned(arg, 1, 10000000, &options->clients);
    case OPT_RAMP:
        options->ramp_given = true;
        return plan_parse_duration(arg, &options->ramp_ns);
    case OPT_CONNECT_TIMEOUT:
        return plan_parse_duration(arg, &options->connect_timeout_ns);
    case OPT_IDLE:
        return plan_parse_duration(arg, &options->idle_ns);
    case OPT_IN_FLIGHT:
        return options_unsigned(arg, 1, 1000000, &options->in_flight);
    case OPT_PAYLOAD:
        if (!options_number(arg, 1, 64ul << 20, &value))
            return false;
        options->payload = (size_t)value;
        return true;
    default: /* OPT_PID */
        if (!options_number(arg, 1, 1ul << 30, &value))
            return false;
        options->pid = (pid_t)value;
        return true;
    }
}

static bool options_set(struct options *options, int opt, const char *arg)
{
    switch (opt) {
    case OPT_TRANSPORTS:
        return options_set_mix(&options->mix, arg);
    case OPT_PATH:
        options->path = arg;
        return arg[0] == '/';
    case OPT_ROUNDS:
        return plan_parse(arg, &options->plan);
    case OPT_ROOM:
        options->room = arg;
        return arg[0] != '\0';
    case OPT_PUBLISH_URL:
        return options_set_url(&options->publish, arg);
    case OPT_KEY:
        options->key = arg;
        return true;
    case OPT_BIND:
        options->bind = arg;
        return true;
    case OPT_JSON:
        options->json_file = arg;
        return true;
    case OPT_QUIET:
        options->quiet = true;
        return true;
    default:
        return options_set_number(options, opt, arg);
    }
}

static void options_defaults(struct options *options)
{
    memset(options, 0, sizeof(*options));
    options->clients = 1000;
    options->mix = (struct mix){1, 1, {{transport_find("websocket"), 1}}};
    options->bind = "auto";
    options->key = getenv("STENTOR_KEY");
    options->payload = 40;
    options->idle_ns = 2000000000u;
    options->connect_timeout_ns = 20000000000u;
    options->plan = (struct plan){1, {{1000000000u, 10000000000u}}};
}

static enum options_result options_bad(const char *fmt, ...) PRINTF_LIKE(1, 2);
static enum options_result options_bad(const char *fmt, ...)
{
    va_list args;

    fputs("stentor-swarm: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs("\nTry 'stentor-swarm --help'.\n", stderr);
    return OPTIONS_BAD;
}

/* The numbers in a payload grow with the run; the largest must fit. */
static enum options_result options_check_payload(const struct options *options)
{
    uint64_t messages = plan_total_messages(&options->plan);
    uint64_t end = clock_ns() + options->ramp_ns + options->connect_timeout_ns + options->idle_ns +
                   2 * plan_total_ns(&options->plan);
    size_t min;

    if (options->in_flight > 0)
        messages = 99999999;
    min = payload_min_size(messages, end);
    if (options->plan.count > 0 && options->payload < min)
        return options_bad("--payload: number and time of a message need %zu bytes", min);
    return OPTIONS_RUN;
}

/* One path for all clients must suit all of their transports. */
static enum options_result options_check_path(struct options *options)
{
    const struct mix *mix = &options->mix;

    if (options->path == NULL && options->target.path[0] != '\0')
        options->path = options->target.path;
    for (unsigned i = 1; options->path != NULL && i < mix->count; i++) {
        const struct transport *transport = mix->shares[i].transport;

        if (strcmp(transport->path, mix->shares[0].transport->path) != 0)
            return options_bad("%s and %s have different paths: do not give one",
                               mix->shares[0].transport->name, transport->name);
    }
    return OPTIONS_RUN;
}

static enum options_result options_complete(struct options *options, int argc, char **argv,
                                            int first)
{
    if (argc - first != 1)
        return options_bad("give one URL, such as ws://127.0.0.1:8080");
    if (!options_set_url(&options->target, argv[first]))
        return OPTIONS_BAD;
    if (options->publish.host[0] == '\0') {
        options->publish = options->target;
        options->publish.path[0] = '\0';
    }
    if (options->key != NULL && strpbrk(options->key, "\r\n") != NULL)
        return options_bad("the key must be one line");
    if (!options->ramp_given)
        options->ramp_ns = (uint64_t)options->clients * 1000000u;
    if (options_check_path(options) != OPTIONS_RUN)
        return OPTIONS_BAD;
    return options_check_payload(options);
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
    int opt, index = 0;

    options_defaults(options);
    while ((opt = getopt_long(argc, argv, "c:Vh", options_long, &index)) != -1) {
        switch (opt) {
        case 'V':
            puts("stentor-swarm " STENTOR_VERSION);
            return OPTIONS_DONE;
        case 'h':
            fputs(options_help, stdout);
            return OPTIONS_DONE;
        case '?':
            fputs("Try 'stentor-swarm --help'.\n", stderr);
            return OPTIONS_BAD;
        default:
            if (!options_set(options, opt, optarg))
                return options_bad("%s%s: \"%s\" is not valid", opt == 'c' ? "-c" : "--",
                                   opt == 'c' ? "" : options_long[index].name, optarg);
        }
    }
    return options_complete(options, argc, argv, optind);
}
