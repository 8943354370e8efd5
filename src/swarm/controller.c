#include "controller.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/loop.h"
#include "stentor/base/obj.h"

#include "alarm.h"
#include "peers.h"
#include "remote.h"
#include "role.h"
#include "view.h"

#define CONTROLLER_MAGIC 0xc0a740e1u
#define CONTROLLER_TICK_NS 10000000u
#define CONTROLLER_LEAD_NS 100000000u
#define CONTROLLER_START_NS 30000000000u
#define CONTROLLER_SILENCE_NS 10000000000u
#define CONTROLLER_RESULT_NS 60000000000u

enum { CONTROLLER_COMPARISONS = 16, CONTROLLER_MAX_TEXT = 1024 };

enum controller_state {
    CONTROLLER_STARTING, /* until all agents have said hello, */
    CONTROLLER_COMPARING,
    CONTROLLER_READYING,
    CONTROLLER_RUNNING,
    CONTROLLER_RECOMPARING,
    CONTROLLER_COLLECTING,
};

struct controller {
    unsigned magic;
    const struct options *options;
    const struct payloads *payloads;
    struct event_base *base;
    struct event signal_events[2];
    struct alarm tick_alarm;
    enum controller_state state;
    uint64_t state_ns; /* when it began */
    struct remote *remotes;
    struct performer **performers;
    unsigned count;
    struct conductor conductor;
    struct view view;
    char error[RESULT_MAX_TEXT + 80];
};

static void controller_enter(struct controller *controller, enum controller_state state)
{
    controller->state = state;
    controller->state_ns = clock_ns();
}

/* Have all that are still with us come that far? */
static bool controller_all(const struct controller *controller, enum remote_state state)
{
    for (unsigned i = 0; i < controller->count; i++)
        if (!controller->remotes[i].performer.gone && controller->remotes[i].state < state)
            return false;
    return true;
}

/* --- Before the run. An agent that does not come is a mistake to be mended, not a result. */

static bool controller_lacks(struct controller *controller)
{
    for (unsigned i = 0; i < controller->count; i++) {
        const struct remote *remote = &controller->remotes[i];

        if (!remote->performer.gone)
            continue;
        snprintf(controller->error, sizeof(controller->error), "agent %s: %s", remote->name,
                 remote->ended);
        event_base_loopbreak(controller->base);
        return true;
    }
    return false;
}

static void controller_start(struct controller *controller)
{
    if (!controller_all(controller, REMOTE_COMPARING))
        return;
    controller_enter(controller, CONTROLLER_COMPARING);
    for (unsigned i = 0; i < controller->count; i++)
        remote_compare(&controller->remotes[i]);
}

/* One comparison at a time: answers that wait for each other would be late. */
static void controller_compare(struct controller *controller)
{
    bool done = true;

    for (unsigned i = 0; i < controller->count; i++) {
        struct remote *remote = &controller->remotes[i];
        unsigned wanted = remote->same_clock ? 1 : CONTROLLER_COMPARISONS;

        if (remote->state >= REMOTE_COMPARED)
            continue;
        done = false;
        if (remote->compared >= wanted)
            remote->state = REMOTE_COMPARED;
        else if (remote->compared > remote->end_compared) {
            remote->end_compared = remote->compared; /* of the last one that was sent for */
            remote_compare(remote);
        }
    }
    if (!done)
        return;
    controller_enter(controller, CONTROLLER_READYING);
    for (unsigned i = 0; i < controller->count; i++) {
        struct remote *remote = &controller->remotes[i];
        struct role role = {.index = i, .count = controller->count, .publishes = i == 0};

        remote->end_compared = 0;
        role.offset_ns = remote->offset_ns - controller->remotes[0].offset_ns;
        remote_give_role(remote, &role);
    }
}

static void controller_ready(struct controller *controller)
{
    uint64_t rtt_ns = 0;

    if (!controller_all(controller, REMOTE_READY))
        return;
    for (unsigned i = 0; i < controller->count; i++)
        if (controller->remotes[i].rtt_ns > rtt_ns)
            rtt_ns = controller->remotes[i].rtt_ns;
    conductor_init(&controller->conductor, controller->options, controller->performers,
                   controller->count, CONTROLLER_LEAD_NS + 4 * rtt_ns);
    controller_enter(controller, CONTROLLER_RUNNING);
    conductor_start(&controller->conductor, clock_ns());
}

/* --- The run, and what comes after it. */

static void controller_run_on(struct controller *controller, uint64_t now_ns)
{
    for (unsigned i = 0; i < controller->count; i++)
        remote_check_silence(&controller->remotes[i], now_ns, CONTROLLER_SILENCE_NS);
    if (controller->remotes[0].performer.gone && controller->conductor.stopped == NULL)
        conductor_stop(&controller->conductor, "the agent that publishes is gone", now_ns);
    conductor_tick(&controller->conductor, now_ns);
    view_tick(&controller->view, &controller->conductor, now_ns);
    if (!conductor_ended(&controller->conductor))
        return;
    controller_enter(controller, CONTROLLER_RECOMPARING);
    for (unsigned i = 0; i < controller->count; i++)
        remote_compare(&controller->remotes[i]);
    remote_ask_answers(&controller->remotes[0]);
}

/* Waits for the clocks and for the answers, but not for long. */
static void controller_recompare(struct controller *controller, uint64_t now_ns)
{
    bool late = now_ns - controller->state_ns > CONTROLLER_SILENCE_NS;
    const struct remote *publisher = &controller->remotes[0];

    for (unsigned i = 0; i < controller->count && !late; i++)
        if (!controller->remotes[i].performer.gone && controller->remotes[i].end_compared == 0)
            return;
    if (!publisher->performer.gone && !publisher->has_answers && !late)
        return;
    controller_enter(controller, CONTROLLER_COLLECTING);
    for (unsigned i = 0; i < controller->count; i++) {
        if (i > 0 && publisher->has_answers)
            remote_give_answers(&controller->remotes[i], &publisher->answers);
        remote_finish(&controller->remotes[i]);
    }
}

static void controller_collect(struct controller *controller, uint64_t now_ns)
{
    for (unsigned i = 0; i < controller->count; i++)
        if (now_ns - controller->state_ns > CONTROLLER_RESULT_NS)
            remote_give_up(&controller->remotes[i], "it gave no result");
    if (controller_all(controller, REMOTE_DONE))
        event_base_loopbreak(controller->base);
}

static void controller_on_tick(void *arg)
{
    struct controller *controller;
    uint64_t now = clock_ns();

    OBJ_CAST(controller, arg, CONTROLLER_MAGIC);
    if (controller->state < CONTROLLER_RUNNING) {
        for (unsigned i = 0; i < controller->count; i++)
            remote_check_silence(&controller->remotes[i], now, CONTROLLER_START_NS);
        if (controller_lacks(controller))
            return;
    }
    if (controller->state == CONTROLLER_STARTING)
        controller_start(controller);
    else if (controller->state == CONTROLLER_COMPARING)
        controller_compare(controller);
    else if (controller->state == CONTROLLER_READYING)
        controller_ready(controller);
    else if (controller->state == CONTROLLER_RUNNING)
        controller_run_on(controller, now);
    else if (controller->state == CONTROLLER_RECOMPARING)
        controller_recompare(controller, now);
    else
        controller_collect(controller, now);
    alarm_set(&controller->tick_alarm, now + CONTROLLER_TICK_NS);
}

static void controller_on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct controller *controller;

    (void)fd;
    (void)what;
    OBJ_CAST(controller, arg, CONTROLLER_MAGIC);
    if (controller->state == CONTROLLER_RUNNING) {
        conductor_stop(&controller->conductor, "interrupted", clock_ns());
    } else if (controller->state < CONTROLLER_RUNNING) {
        snprintf(controller->error, sizeof(controller->error), "interrupted");
        event_base_loopbreak(controller->base);
    }
}

/* What one agent says to another, or to all others. */
static void controller_on_note(void *arg, struct remote *from, uint32_t to, struct span note)
{
    struct controller *controller;

    OBJ_CAST(controller, arg, CONTROLLER_MAGIC);
    for (unsigned i = 0; i < controller->count; i++) {
        struct remote *remote = &controller->remotes[i];

        if (remote != from && (to == i || to == PEERS_ALL) && !remote->performer.gone &&
            remote->state == REMOTE_READY && controller->state < CONTROLLER_COLLECTING)
            remote_give_note(remote, (uint32_t)(from - controller->remotes), note);
    }
}

/* --- The result. */

static void controller_describe(const struct controller *controller, const struct remote *remote,
                                struct result_agent *agent)
{
    const struct remote *publisher = &controller->remotes[0];
    const struct result *result = remote->result;

    memcpy(agent->name, remote->name, sizeof(agent->name));
    memcpy(agent->ended, remote->ended, sizeof(agent->ended));
    agent->same_clock = strcmp(remote->bootid, publisher->bootid) == 0;
    agent->offset_ns = agent->same_clock ? 0 : remote->offset_ns - publisher->offset_ns;
    agent->error_ns = agent->same_clock ? 0 : (remote->rtt_ns + publisher->rtt_ns) / 2;
    if (!agent->same_clock && remote->end_compared > 0 && publisher->end_compared > 0)
        agent->drift_ns = remote->end_offset_ns - publisher->end_offset_ns - agent->offset_ns;
    if (result == NULL)
        return;
    agent->clients = result->clients;
    agent->lag_p99_ns = histogram_quantile(&result->loop_lag, 0.99);
    for (unsigned i = 0; i < result->measure.round_count; i++)
        if (result->rounds[i].swarm_cpu_max > agent->cpu_max)
            agent->cpu_max = result->rounds[i].swarm_cpu_max;
    if (result->clients > 0 && result->memory_after > result->memory_before)
        agent->memory_per_client = (result->memory_after - result->memory_before) / result->clients;
}

static bool controller_merge(struct controller *controller, struct result *result)
{
    const struct options *options = controller->options;
    bool first = true;

    if (!result_init(result, options->plan.count, options->mix.count))
        return false;
    result->agents = calloc(controller->count, sizeof(*result->agents));
    ENSURE(result->agents != NULL);
    result->agent_count = controller->count;
    for (unsigned i = 0; i < controller->count; i++) {
        struct remote *remote = &controller->remotes[i];

        if (remote->result != NULL && remote->state == REMOTE_DONE) {
            if (first)
                result->processes = 0;
            first = false;
            if (!result_merge(result, remote->result))
                snprintf(remote->ended, sizeof(remote->ended),
                         "its messages were not those of the others");
        }
        controller_describe(controller, remote, &result->agents[i]);
    }
    result->clients = options->clients;
    if (controller->conductor.stopped != NULL)
        snprintf(result->stopped, sizeof(result->stopped), "%s", controller->conductor.stopped);
    snprintf(controller->error, sizeof(controller->error), "no agent gave a result");
    return !first;
}

/* --- Setting it up. */

static bool controller_open(struct controller *controller)
{
    static const int signals[] = {SIGINT, SIGTERM};

    controller->base = loop_new();
    snprintf(controller->error, sizeof(controller->error), "the event loop cannot be set up");
    if (controller->base == NULL ||
        !alarm_open(&controller->tick_alarm, controller->base, controller_on_tick, controller))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        event_assign(&controller->signal_events[i], controller->base, signals[i],
                     EV_SIGNAL | EV_PERSIST, controller_on_signal, controller);
        event_add(&controller->signal_events[i], NULL);
    }
    return true;
}

static void controller_close(struct controller *controller)
{
    for (unsigned i = 0; i < controller->count; i++)
        channel_close(&controller->remotes[i].channel); /* all of them end at once */
    for (unsigned i = 0; i < controller->count; i++)
        remote_free(&controller->remotes[i]);
    free(controller->remotes);
    free(controller->performers);
    alarm_close(&controller->tick_alarm);
    view_free(&controller->view);
    if (controller->base == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(controller->signal_events); i++)
        event_del(&controller->signal_events[i]);
    event_base_free(controller->base);
}

static bool controller_add(struct controller *controller, const char *name, const char *command)
{
    struct remote *remote = &controller->remotes[controller->count];
    struct span payloads = {controller->payloads->text.data, controller->payloads->text.len};

    controller->performers[controller->count++] = &remote->performer;
    if (!remote_start(remote, controller->base, name, command, controller->options)) {
        snprintf(controller->error, sizeof(controller->error), "agent %s: %s", name, remote->ended);
        return false;
    }
    if (payloads.ptr == NULL)
        payloads.ptr = "";
    remote->on_note = controller_on_note;
    remote->arg = controller;
    remote_set_up(remote, payloads);
    return true;
}

static bool controller_conduct(struct controller *controller, struct result *result)
{
    view_init(&controller->view, controller->options->quiet);
    controller_enter(controller, CONTROLLER_STARTING);
    controller->error[0] = '\0';
    alarm_set(&controller->tick_alarm, 1);
    event_base_dispatch(controller->base);
    view_clear(&controller->view);
    return controller->error[0] == '\0' && controller_merge(controller, result);
}

static void controller_allocate(struct controller *controller, unsigned count)
{
    controller->remotes = calloc(count, sizeof(*controller->remotes));
    controller->performers = calloc(count, sizeof(struct performer *));
    ENSURE(controller->remotes != NULL && controller->performers != NULL);
}

static bool controller_end(struct controller *controller, bool ok, const char **error)
{
    static char text[RESULT_MAX_TEXT + 80]; /* outlives the controller */

    snprintf(text, sizeof(text), "%s", controller->error);
    *error = text;
    controller_close(controller);
    return ok;
}

/* Names go into a command for the shell. */
static bool controller_name_valid(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("@._-:[]%", *c) == NULL)
            return false;
    return name[0] != '\0' && name[0] != '-' && strlen(name) < 64;
}

/* The command with each {host} replaced; false when it does not fit. */
static bool controller_command(const struct options *options, const char *host,
                               char command[CONTROLLER_MAX_TEXT])
{
    struct strbuf text = STRBUF_INIT;
    const char *via = options->via, *mark;
    bool ok;

    strbuf_append_str(&text, "exec ");
    while ((mark = strstr(via, "{host}")) != NULL) {
        strbuf_append(&text, via, (size_t)(mark - via));
        strbuf_append_str(&text, host);
        via = mark + strlen("{host}");
    }
    strbuf_printf(&text, "%s %s agent", via, options->agent_program);
    ok = !text.failed && text.len < CONTROLLER_MAX_TEXT;
    if (ok)
        snprintf(command, CONTROLLER_MAX_TEXT, "%s", strbuf_cstr(&text));
    strbuf_free(&text);
    return ok;
}

static bool controller_add_host(struct controller *controller, const char *host)
{
    char command[CONTROLLER_MAX_TEXT];

    snprintf(controller->error, sizeof(controller->error), "--on: \"%.64s\" is no host", host);
    return controller_name_valid(host) && controller_command(controller->options, host, command) &&
           controller_add(controller, host, command);
}

bool controller_run(const struct options *options, const struct payloads *payloads,
                    struct result *result, const char **error)
{
    struct controller controller = {
        .magic = CONTROLLER_MAGIC, .options = options, .payloads = payloads};
    char *list = strdup(options->on), *rest = list, *host;
    bool ok = list != NULL && controller_open(&controller);

    controller_allocate(&controller, RESULT_MAX_AGENTS);
    while (ok && (host = strsep(&rest, ",")) != NULL)
        ok = controller.count < RESULT_MAX_AGENTS && controller_add_host(&controller, host);
    ok = ok && controller_conduct(&controller, result);
    free(list);
    return controller_end(&controller, ok, error);
}

bool controller_run_here(const struct options *options, const struct payloads *payloads,
                         unsigned processes, struct result *result, const char **error)
{
    struct controller controller = {
        .magic = CONTROLLER_MAGIC, .options = options, .payloads = payloads};
    char path[512], command[CONTROLLER_MAX_TEXT], name[32];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    bool ok = controller_open(&controller);

    controller_allocate(&controller, processes);
    path[len > 0 ? len : 0] = '\0';
    if (len <= 0 || strchr(path, '\'') != NULL) {
        snprintf(controller.error, sizeof(controller.error), "the program cannot find itself");
        ok = false;
    }
    snprintf(command, sizeof(command), "exec '%s' agent", path);
    for (unsigned i = 0; ok && i < processes; i++) {
        snprintf(name, sizeof(name), "process %u", i + 1);
        ok = controller_add(&controller, name, command);
    }
    ok = ok && controller_conduct(&controller, result);
    return controller_end(&controller, ok, error);
}
