#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stentor/base/clock.h"

#include "payload.h"

enum {
    OPT_TRANSPORTS = 256,
    OPT_PATH,
    OPT_HELLO,
    OPT_ROOM,
    OPT_RAMP,
    OPT_CONNECT_TIMEOUT,
    OPT_BIND,
    OPT_INSECURE,
    OPT_CA,
    OPT_NO_RESUME,
    OPT_CHURN,
    OPT_STALLED,
    OPT_SLOW,
    OPT_STORM,
    OPT_ABRUPT,
    OPT_IDLE,
    OPT_ROUNDS,
    OPT_IN_FLIGHT,
    OPT_PAYLOAD,
    OPT_PAYLOAD_FILE,
    OPT_DIRECTED,
    OPT_DEST,
    OPT_GRID,
    OPT_PUBLISH_URL,
    OPT_PUBLISH_METHOD,
    OPT_PUBLISH_HEADER,
    OPT_PUBLISH_BODY,
    OPT_PUBLISH_EVENT,
    OPT_EVENT,
    OPT_KEY,
    OPT_PID,
    OPT_METRICS_URL,
    OPT_EXPECT,
    OPT_MAX_LAG,
    OPT_MAX_CPU,
    OPT_ON,
    OPT_VIA,
    OPT_AGENT,
    OPT_VALIDATE,
    OPT_LOG_DELIVERIES,
    OPT_JSON,
    OPT_REPORT,
    OPT_LABEL,
    OPT_QUIET,
};

static const struct option options_long[] = {
    {"clients", required_argument, NULL, 'c'},
    {"transports", required_argument, NULL, OPT_TRANSPORTS},
    {"path", required_argument, NULL, OPT_PATH},
    {"hello", required_argument, NULL, OPT_HELLO},
    {"room", required_argument, NULL, OPT_ROOM},
    {"ramp", required_argument, NULL, OPT_RAMP},
    {"connect-timeout", required_argument, NULL, OPT_CONNECT_TIMEOUT},
    {"bind", required_argument, NULL, OPT_BIND},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"ca", required_argument, NULL, OPT_CA},
    {"no-resume", no_argument, NULL, OPT_NO_RESUME},
    {"churn", required_argument, NULL, OPT_CHURN},
    {"stalled", required_argument, NULL, OPT_STALLED},
    {"slow", required_argument, NULL, OPT_SLOW},
    {"storm", required_argument, NULL, OPT_STORM},
    {"abrupt", required_argument, NULL, OPT_ABRUPT},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
    {"payload", required_argument, NULL, OPT_PAYLOAD},
    {"payload-file", required_argument, NULL, OPT_PAYLOAD_FILE},
    {"directed", required_argument, NULL, OPT_DIRECTED},
    {"dest", required_argument, NULL, OPT_DEST},
    {"grid", required_argument, NULL, OPT_GRID},
    {"publish-url", required_argument, NULL, OPT_PUBLISH_URL},
    {"publish-method", required_argument, NULL, OPT_PUBLISH_METHOD},
    {"publish-header", required_argument, NULL, OPT_PUBLISH_HEADER},
    {"publish-body", required_argument, NULL, OPT_PUBLISH_BODY},
    {"publish-event", required_argument, NULL, OPT_PUBLISH_EVENT},
    {"event", required_argument, NULL, OPT_EVENT},
    {"key", required_argument, NULL, OPT_KEY},
    {"pid", required_argument, NULL, OPT_PID},
    {"metrics-url", required_argument, NULL, OPT_METRICS_URL},
    {"expect", required_argument, NULL, OPT_EXPECT},
    {"max-lag", required_argument, NULL, OPT_MAX_LAG},
    {"max-cpu", required_argument, NULL, OPT_MAX_CPU},
    {"on", required_argument, NULL, OPT_ON},
    {"via", required_argument, NULL, OPT_VIA},
    {"agent", required_argument, NULL, OPT_AGENT},
    {"validate", optional_argument, NULL, OPT_VALIDATE},
    {"log-deliveries", required_argument, NULL, OPT_LOG_DELIVERIES},
    {"json", required_argument, NULL, OPT_JSON},
    {"report", required_argument, NULL, OPT_REPORT},
    {"label", required_argument, NULL, OPT_LABEL},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Options that just take a text. */
static const struct {
    int opt;
    size_t offset; /* of the member */
} options_texts[] = {
    {OPT_PATH, offsetof(struct options, path)},
    {OPT_HELLO, offsetof(struct options, hello)},
    {OPT_ROOM, offsetof(struct options, room)},
    {OPT_GRID, offsetof(struct options, grid)},
    {OPT_BIND, offsetof(struct options, bind)},
    {OPT_CA, offsetof(struct options, tls.trust)},
    {OPT_PAYLOAD_FILE, offsetof(struct options, payload_file)},
    {OPT_PUBLISH_METHOD, offsetof(struct options, publish_method)},
    {OPT_PUBLISH_BODY, offsetof(struct options, publish_body)},
    {OPT_PUBLISH_EVENT, offsetof(struct options, emit)},
    {OPT_EVENT, offsetof(struct options, event)},
    {OPT_KEY, offsetof(struct options, key)},
    {OPT_ON, offsetof(struct options, on)},
    {OPT_VIA, offsetof(struct options, via)},
    {OPT_AGENT, offsetof(struct options, agent_program)},
    {OPT_LOG_DELIVERIES, offsetof(struct options, log_file)},
    {OPT_JSON, offsetof(struct options, json_file)},
    {OPT_REPORT, offsetof(struct options, report_file)},
    {OPT_LABEL, offsetof(struct options, label)},
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

static bool options_set_expect(struct options *options, const char *text)
{
    const char *bad;

    if (expect_parse(text, &options->expect, &bad))
        return true;
    fprintf(stderr, "stentor-swarm: --expect: \"%.*s\" is no bound\n", (int)strcspn(bad, ","), bad);
    return false;
}

/* A number, with "/s" behind it or not. */
static bool options_set_directed(struct options *options, const char *text)
{
    char *end;

    options->directed = strtod(text, &end);
    return end != text && options->directed > 0 && options->directed <= 1e6 &&
           (*end == '\0' || strcmp(end, "/s") == 0);
}

static bool options_add_header(struct options *options, const char *text)
{
    if (strchr(text, ':') == NULL || strpbrk(text, "\r\n") != NULL ||
        options->header_count == OPTIONS_MAX_HEADERS)
        return false;
    options->headers[options->header_count++] = text;
    if (strncasecmp(text, "content-type:", strlen("content-type:")) == 0)
        options->has_content_type = true;
    return true;
}

static bool options_set_splits(struct options *options, const char *text)
{
    char *end;

    if (text == NULL)
        text = "10,20";
    for (options->split_count = 0; options->split_count < OPTIONS_MAX_SPLITS;) {
        unsigned long value = strtoul(text, &end, 10);

        if (end == text || value < 1 || value > 256)
            return false;
        options->splits[options->split_count++] = (unsigned)value;
        if (*end == '\0')
            return options->split_count >= 2;
        if (*end != ',')
            return false;
        text = end + 1;
    }
    return false;
}

static bool options_set_text(struct options *options, int opt, const char *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(options_texts); i++) {
        if (options_texts[i].opt == opt) {
            *(const char **)(void *)((char *)options + options_texts[i].offset) = arg;
            return true;
        }
    }
    return false;
}

/* Takes one option's argument; false when it is not valid. */
static bool options_set_number(struct options *options, int opt, const char *arg)
{
    unsigned long value;
    unsigned percent;

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
    case OPT_MAX_LAG:
        return plan_parse_duration(arg, &options->max_lag_ns);
    case OPT_MAX_CPU:
        if (!options_unsigned(arg, 1, 100000, &percent))
            return false;
        options->max_cpu = percent / 100.0;
        return true;
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

static bool options_set_behaviour(struct behaviour *behaviour, int opt, const char *arg)
{
    switch (opt) {
    case OPT_CHURN:
        return behaviour_parse_churn(behaviour, arg);
    case OPT_STALLED:
        return behaviour_parse_stalled(behaviour, arg);
    case OPT_SLOW:
        return behaviour_parse_slow(behaviour, arg);
    case OPT_STORM:
        return behaviour_parse_storm(behaviour, arg);
    default: /* OPT_ABRUPT */
        return behaviour_parse_abrupt(behaviour, arg);
    }
}

static bool options_set_flag(struct options *options, int opt)
{
    switch (opt) {
    case OPT_INSECURE:
        return options->tls.insecure = true;
    case OPT_NO_RESUME:
        options->tls.resume = false;
        return true;
    case OPT_QUIET:
        return options->quiet = true;
    default:
        return false;
    }
}

static bool options_set(struct options *options, int opt, const char *arg)
{
    if (options_set_flag(options, opt) || options_set_text(options, opt, arg))
        return true;
    switch (opt) {
    case OPT_TRANSPORTS:
        return options_set_mix(&options->mix, arg);
    case OPT_ROUNDS:
        return plan_parse(arg, &options->plan);
    case OPT_PUBLISH_URL:
        return options_set_url(&options->publish, arg);
    case OPT_METRICS_URL:
        return options_set_url(&options->metrics, arg);
    case OPT_PUBLISH_HEADER:
        return options_add_header(options, arg);
    case OPT_EXPECT:
        return options_set_expect(options, arg);
    case OPT_DIRECTED:
        return options_set_directed(options, arg);
    case OPT_DEST:
        return strcmp(arg, "uniform") == 0;
    case OPT_VALIDATE:
        return options_set_splits(options, arg);
    case OPT_CHURN:
    case OPT_STALLED:
    case OPT_SLOW:
    case OPT_STORM:
    case OPT_ABRUPT:
        return options_set_behaviour(&options->behaviour, opt, arg);
    default:
        return options_set_number(options, opt, arg);
    }
}

static void options_defaults(struct options *options)
{
    const char *bad;

    memset(options, 0, sizeof(*options));
    options->clients = 1000;
    options->mix = (struct mix){1, 1, {{transport_find("websocket"), 1}}};
    options->bind = "auto";
    options->key = getenv("STENTOR_KEY");
    options->tls.resume = true;
    behaviour_init(&options->behaviour);
    options->payload = 40;
    options->idle_ns = 2000000000u;
    options->connect_timeout_ns = 20000000000u;
    options->plan = (struct plan){1, {{1000000000u, 10000000000u}}};
    options->publish_method = "POST";
    options->publish_body = "{data}";
    options->event = "swarm";
    options->max_lag_ns = 20000000u;
    options->max_cpu = 0.9;
    options->via = "ssh -o BatchMode=yes {host}";
    options->agent_program = "stentor-swarm";
    if (!expect_parse(expect_default, &options->expect, &bad))
        options->expect.count = 0;
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
    if (options->plan.count > 0 && options->payload_file == NULL && options->payload < min)
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

static enum options_result options_check_texts(const struct options *options)
{
    if (options->path != NULL && options->path[0] != '/')
        return options_bad("--path: \"%s\" does not begin with a slash", options->path);
    if (options->room != NULL && options->room[0] == '\0')
        return options_bad("--room: the name is empty");
    if (options->key != NULL && strpbrk(options->key, "\r\n") != NULL)
        return options_bad("the key must be one line");
    if (strpbrk(options->publish_method, " \r\n") != NULL || options->publish_method[0] == '\0')
        return options_bad("--publish-method: \"%s\" is none", options->publish_method);
    return OPTIONS_RUN;
}

/* A grid is the room that is joined, and nobody may be in it who is not looked at: neighbours would
 * send to him. */
static enum options_result options_check_grid(struct options *options)
{
    if (options->grid == NULL)
        return OPTIONS_RUN;
    if (options->directed == 0)
        return options_bad("--grid: say with --directed how often neighbours are sent to");
    if (options->grid[0] == '\0')
        return options_bad("--grid: the name is empty");
    if (options->room != NULL && strcmp(options->room, options->grid) != 0)
        return options_bad("--grid joins a room itself: leave out --room");
    if (options->emit != NULL || options->behaviour.shares[BEHAVIOUR_STALLED] > 0 ||
        options->behaviour.shares[BEHAVIOUR_SLOW] > 0)
        return options_bad("--grid: leave out --stalled, --slow and --publish-event, whose clients "
                           "would not take what neighbours send");
    options->room = options->grid;
    return OPTIONS_RUN;
}

/* Who speaks must be able to. */
static enum options_result options_check_speakers(const struct options *options)
{
    bool any = false;

    for (unsigned i = 0; i < options->mix.count; i++)
        any = any || transport_can_send(options->mix.shares[i].transport);
    if (options->directed > 0 && !any)
        return options_bad("--directed: none of the transports has clients that can send; "
                           "websocket, socketio and polling can");
    if (options->emit != NULL && !transport_can_emit(options->mix.shares[0].transport))
        return options_bad("--publish-event: %s clients cannot send events",
                           options->mix.shares[0].transport->name);
    return OPTIONS_RUN;
}

static enum options_result options_check_processes(const struct options *options)
{
    bool many = options->on != NULL || options->split_count > 0;

    if (options->on != NULL && options->split_count > 0)
        return options_bad("--validate is for this host alone: leave out --on");
    if (many && options->in_flight > 0)
        return options_bad("--in-flight works with one process: leave out --on or --validate");
    for (unsigned i = 0; i < options->split_count; i++)
        if (options->splits[i] > options->clients)
            return options_bad("--validate: %u clients cannot be in %u processes", options->clients,
                               options->splits[i]);
    return OPTIONS_RUN;
}

static enum options_result options_check(struct options *options)
{
    enum options_result (*const checks[])(const struct options *) = {
        options_check_texts, options_check_speakers, options_check_processes,
        options_check_payload};

    if (!behaviour_complete(&options->behaviour))
        return options_bad("--churn, --stalled and --slow are more than 100 %% together");
    if (options_check_path(options) != OPTIONS_RUN || options_check_grid(options) != OPTIONS_RUN)
        return OPTIONS_BAD;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (checks[i](options) != OPTIONS_RUN)
            return OPTIONS_BAD;
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
    if (!options->ramp_given)
        options->ramp_ns = (uint64_t)options->clients * 1000000u;
    return options_check(options);
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
    int opt, index = 0;

    options_defaults(options);
    options->argument_count = argc;
    options->arguments = argv;
    optind = 0; /* also when it is not the first time */
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
