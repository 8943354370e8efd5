#include "swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#include "crowd_behaviour.h"

#define SWARM_MAGIC 0x5a2a4d17u
#define SWARM_TICK_NS 10000000u
#define SWARM_GRACE_NS 5000000000u /* after which a closed loop does not wait for a message */
#define SWARM_CLOSE_NS 3000000000u /* for the goodbye */

static void swarm_begin_connect(struct swarm *swarm)
{
    swarm_take_sample(swarm, &swarm->connect.begin);
    crowd_start(swarm->crowd, swarm->phase_ns);
    if (swarm->options->emit != NULL && swarm->role->publishes)
        crowd_start_speaker(swarm->crowd);
}

static void swarm_begin_idle(struct swarm *swarm)
{
    swarm_take_sample(swarm, &swarm->connect.end);
    swarm->idle.begin = swarm->connect.end;
    if (swarm->options->plan.count > 0 && swarm->publisher != NULL)
        requests_open(swarm->publisher->requests);
}

/* The first round ends the idle phase. */
static void swarm_begin_round(struct swarm *swarm)
{
    if (swarm->idle.begin.time_ns != 0 && swarm->idle.end.time_ns == 0)
        swarm_take_sample(swarm, &swarm->idle.end);
    swarm->round = swarm->next_round;
    swarm->storms = 0;
    swarm_take_sample(swarm, &swarm->rounds[swarm->round].begin);
    if (swarm->options->directed > 0) {
        directed_start(&swarm->directed, swarm->phase_ns);
        alarm_set(&swarm->directed_alarm, swarm->phase_ns);
    }
    swarm_publish_begin(swarm, swarm->phase_ns);
}

static void swarm_begin_close(struct swarm *swarm)
{
    if (swarm->idle.begin.time_ns != 0 && swarm->idle.end.time_ns == 0)
        swarm_take_sample(swarm, &swarm->idle.end);
    swarm->end_ns = clock_ns();
    swarm_publish_end(swarm);
    directed_stop(&swarm->directed);
    crowd_close(swarm->crowd);
}

/* A round ends where its drain does. */
static void swarm_end_drain(struct swarm *swarm, uint64_t now_ns)
{
    swarm_take_sample(swarm, &swarm->rounds[swarm->round].end);
    measure_expire(&swarm->measure, role_published(swarm->role, now_ns));
}

static void swarm_enter(struct swarm *swarm)
{
    uint64_t now = clock_ns();

    if (swarm->phase == PHASE_DRAIN)
        swarm_end_drain(swarm, now);
    swarm->phase = swarm->next;
    swarm->next = PHASE_NONE;
    switch (swarm->phase) {
    case PHASE_CONNECT:
        swarm_begin_connect(swarm);
        break;
    case PHASE_IDLE:
        swarm_begin_idle(swarm);
        break;
    case PHASE_ROUND:
        swarm_begin_round(swarm);
        break;
    case PHASE_DRAIN:
        swarm_publish_end(swarm);
        directed_stop(&swarm->directed);
        break;
    case PHASE_CLOSE:
        swarm_begin_close(swarm);
        break;
    case PHASE_NONE:
    case PHASE_COUNT:
        break;
    }
}

void swarm_begin(struct swarm *swarm, enum phase phase, unsigned round, uint64_t at_ns)
{
    swarm->next = phase;
    swarm->next_round = round;
    swarm->phase_ns = at_ns;
    if (clock_ns() >= at_ns)
        swarm_enter(swarm);
    else
        alarm_set(&swarm->due_alarm, at_ns);
}

/* Storms come at fixed times of a round, in all processes at once. */
static void swarm_storm_due(struct swarm *swarm, uint64_t now_ns)
{
    uint64_t every_ns = swarm->options->behaviour.storm_ns;

    if (every_ns == 0 || now_ns < swarm->phase_ns + (swarm->storms + 1) * every_ns)
        return;
    swarm->storms++;
    crowd_behaviour_storm(swarm->crowd);
}

static void swarm_step(struct swarm *swarm, uint64_t now_ns)
{
    crowd_tick(swarm->crowd, now_ns);
    if (swarm->observer != NULL)
        observer_tick(swarm->observer, now_ns);
    if (swarm->phase != PHASE_ROUND)
        return;
    if (swarm->options->in_flight > 0)
        measure_expire(&swarm->measure, role_published(swarm->role, now_ns - SWARM_GRACE_NS));
    swarm_publish_due(swarm, now_ns);
    swarm_storm_due(swarm, now_ns);
}

/* Each tick that is late or was missed counts with its own delay. */
static void swarm_measure_lag(struct swarm *swarm, uint64_t now_ns)
{
    bool round = swarm->phase == PHASE_ROUND || swarm->phase == PHASE_DRAIN;

    if (now_ns - swarm->next_tick_ns > swarm->lag_ns)
        swarm->lag_ns = now_ns - swarm->next_tick_ns;
    while (swarm->next_tick_ns <= now_ns) {
        if (swarm->phase != PHASE_CLOSE)
            histogram_record(round ? &swarm->loop_lag : &swarm->idle_lag,
                             now_ns - swarm->next_tick_ns);
        swarm->next_tick_ns += SWARM_TICK_NS;
    }
}

static void swarm_on_tick(void *arg)
{
    struct swarm *swarm;
    uint64_t now = clock_ns();

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    swarm_measure_lag(swarm, now);
    swarm_step(swarm, now);
    swarm_tick_second(swarm, now);
    alarm_set(&swarm->tick_alarm, swarm->next_tick_ns);
}

/* A phase begins, or a message is due. */
static void swarm_on_due(void *arg)
{
    struct swarm *swarm;
    uint64_t now = clock_ns();

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    if (swarm->next != PHASE_NONE && now >= swarm->phase_ns)
        swarm_enter(swarm);
    else if (swarm->next != PHASE_NONE)
        alarm_set(&swarm->due_alarm, swarm->phase_ns);
    else
        swarm_publish_due(swarm, now);
}

static void swarm_on_directed_due(void *arg)
{
    struct swarm *swarm;
    uint64_t due_ns;

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    due_ns = directed_send_due(&swarm->directed, clock_ns());
    if (due_ns != 0)
        alarm_set(&swarm->directed_alarm, due_ns);
}

static void swarm_after_read(void *arg, uint64_t now_ns)
{
    struct swarm *swarm;

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    swarm_publish_due(swarm, now_ns);
}

static bool swarm_is_done(const struct swarm *swarm)
{
    const struct crowd *crowd = swarm->crowd;

    switch (swarm->phase) {
    case PHASE_CONNECT:
        return crowd_settled(crowd);
    case PHASE_DRAIN:
        return swarm->measure.unfinished == 0 && swarm->directed.awaited == 0 &&
               (swarm->publisher == NULL || swarm->publisher->requests->waiting == 0);
    case PHASE_CLOSE:
        return crowd->links.open == 0 || clock_ns() - swarm->phase_ns >= SWARM_CLOSE_NS;
    default:
        return true;
    }
}

struct status swarm_status(struct swarm *swarm)
{
    const struct crowd *crowd = swarm->crowd;
    struct status status = swarm->shown; /* what is known once a second */

    status.phase = (uint8_t)(swarm->next == PHASE_NONE ? swarm->phase : PHASE_NONE);
    status.round = swarm->round;
    status.done = swarm_is_done(swarm);
    status.started = crowd->started;
    status.connected = crowd->connected;
    status.failed = (uint32_t)crowd->failures.total;
    status.joined = crowd->joined;
    status.settled = crowd->oldest;
    status.messages = swarm->round_next;
    status.arrived = swarm->measure.delivered + swarm->directed.result.delivered;
    status.delivered = swarm->measure.delivered;
    status.pings = crowd->pings.total;
    return status;
}

/* Does not publish the next message here, inside the publisher, but as soon as it has returned. */
static void swarm_on_answer(void *arg, uint32_t n, enum measure_answer answer)
{
    struct swarm *swarm;

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    measure_answer(&swarm->measure, n, answer);
    if (swarm->options->in_flight > 0 && answer == MEASURE_ACCEPTED)
        alarm_set(&swarm->due_alarm, 1);
}

void swarm_append_answers(const struct swarm *swarm, struct strbuf *out)
{
    for (uint32_t n = 0; n < swarm->measure.count; n++) {
        const struct measure_message *message = &swarm->measure.messages[n];
        bool came = message->answer == MEASURE_UNANSWERED && message->delivered > 0;

        strbuf_append_char(out, (char)(came ? MEASURE_ACCEPTED : message->answer));
    }
}

void swarm_take_answers(struct swarm *swarm, struct span answers)
{
    for (uint32_t n = 0; n < swarm->measure.count; n++) {
        enum measure_answer answer = MEASURE_UNSENT;

        if (n < answers.len)
            answer = (unsigned char)answers.ptr[n] <= MEASURE_UNSENT ? (unsigned char)answers.ptr[n]
                                                                     : MEASURE_UNANSWERED;
        measure_answer(&swarm->measure, n, answer);
    }
}

/* Each process has a file of its own: {agent} in its name becomes the process's number. */
static bool swarm_open_log(struct swarm *swarm, const char **error)
{
    const char *file = swarm->options->log_file, *mark;
    struct strbuf name = STRBUF_INIT;

    *error = "the file of --log-deliveries cannot be written";
    if (file == NULL)
        return true;
    mark = strstr(file, "{agent}");
    if (mark != NULL) {
        strbuf_append(&name, file, (size_t)(mark - file));
        strbuf_printf(&name, "%u", swarm->role->index);
        file = mark + strlen("{agent}");
    }
    strbuf_append_str(&name, file);
    swarm->log = fopen(strbuf_cstr(&name), "we");
    strbuf_free(&name);
    if (swarm->log == NULL)
        return false;
    fputs("client message due_ns delay_ns\n", swarm->log);
    swarm->crowd->log = swarm->log;
    return true;
}

static bool swarm_open(struct swarm *swarm, struct event_base *base, const char **error)
{
    const struct options *options = swarm->options;

    *error = "the processor time of this process cannot be read";
    if (proc_open(&swarm->self, 0) != 0)
        return false;
    *error = "there are not enough descriptors";
    if (!alarm_open(&swarm->tick_alarm, base, swarm_on_tick, swarm) ||
        !alarm_open(&swarm->due_alarm, base, swarm_on_due, swarm) ||
        !alarm_open(&swarm->directed_alarm, base, swarm_on_directed_due, swarm))
        return false;
    swarm->crowd = crowd_new(base, options, swarm->role, &swarm->measure, &swarm->directed, error);
    if (swarm->crowd == NULL)
        return false;
    directed_init(&swarm->directed, swarm->crowd);
    if (!swarm_open_log(swarm, error))
        return false;
    if (!swarm->role->publishes)
        return true;
    if (options->emit == NULL) {
        swarm->publisher = publisher_new(base, options, error);
        if (swarm->publisher == NULL)
            return false;
        swarm->publisher->on_answer = swarm_on_answer;
        swarm->publisher->arg = swarm;
    }
    swarm->observer = observer_new(base, options, error);
    return swarm->observer != NULL;
}

struct swarm *swarm_new(struct event_base *base, const struct options *options,
                        const struct role *role, const struct payloads *payloads,
                        const char **error)
{
    struct swarm *swarm = calloc(1, sizeof(*swarm));

    *error = "out of memory";
    if (swarm == NULL)
        return NULL;
    OBJ_INIT(swarm, SWARM_MAGIC);
    swarm->options = options;
    swarm->role = role;
    swarm->payloads = payloads;
    swarm->self.memory_fd = swarm->self.status_fd = swarm->self.schedule_fd = -1;
    histogram_init(&swarm->loop_lag);
    histogram_init(&swarm->idle_lag);
    histogram_init(&swarm->publish_lag);
    if (!measure_init(&swarm->measure, options->plan.count, options->mix.count) ||
        !result_init(&swarm->result, options->plan.count, options->mix.count) ||
        !swarm_open(swarm, base, error)) {
        swarm_free(&swarm);
        return NULL;
    }
    swarm->crowd->on_due = swarm_after_read;
    swarm->crowd->on_early = swarm_publish_early;
    swarm->crowd->arg = swarm;
    swarm->next_tick_ns = clock_ns() + SWARM_TICK_NS;
    alarm_set(&swarm->tick_alarm, swarm->next_tick_ns);
    return swarm;
}

void swarm_free(struct swarm **swarm)
{
    struct swarm *old = *swarm;

    if (old == NULL)
        return;
    OBJ_CHECK(old, SWARM_MAGIC);
    publisher_free(&old->publisher);
    observer_free(&old->observer);
    crowd_free(&old->crowd);
    measure_free(&old->measure);
    directed_free(&old->directed);
    result_free(&old->result);
    proc_close(&old->self);
    strbuf_free(&old->payload);
    if (old->log != NULL)
        fclose(old->log);
    alarm_close(&old->tick_alarm);
    alarm_close(&old->due_alarm);
    alarm_close(&old->directed_alarm);
    OBJ_CLEAR(old);
    free(old);
    *swarm = NULL;
}
