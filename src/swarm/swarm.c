#include "swarm.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/loop.h"
#include "stentor/base/obj.h"

#include "payload.h"

#define SWARM_MAGIC 0x5a2a4d17u
#define SWARM_TICK_NS 10000000u
#define SWARM_GRACE_NS 5000000000u /* without any arrival, until the rest counts as lost */
#define SWARM_CLOSE_NS 3000000000u /* for the goodbye */

static void swarm_take_sample(struct swarm *swarm, struct swarm_sample *sample)
{
    sample->time_ns = clock_ns();
    sample->wire_bytes = swarm->crowd->links.bytes;
    sample->has_cpu = swarm->has_server && proc_cpu_ns(&swarm->server, &sample->server_cpu_ns);
    sample->has_memory = swarm->has_server && proc_memory(&swarm->server, &sample->server_memory);
    if (!proc_cpu_ns(&swarm->self, &sample->swarm_cpu_ns) ||
        !proc_memory(&swarm->self, &sample->swarm_memory))
        sample->swarm_memory = 0;
}

static void swarm_enter(struct swarm *swarm, enum swarm_phase phase)
{
    swarm->phase = phase;
    swarm->phase_ns = clock_ns();
    swarm->progress.next_ns = 0;
}

static const struct plan_round *swarm_plan_round(const struct swarm *swarm)
{
    return &swarm->options->plan.rounds[swarm->round];
}

/* When the running round ends; no message is due then or later. */
static uint64_t swarm_round_end(const struct swarm *swarm)
{
    const struct plan_round *round = swarm_plan_round(swarm);

    if (swarm->options->in_flight > 0)
        return swarm->phase_ns + round->duration_ns;
    return swarm->phase_ns + plan_messages(round) * round->interval_ns;
}

static void swarm_publish(struct swarm *swarm, uint64_t due_ns, uint64_t now_ns)
{
    uint32_t n = measure_publish(&swarm->measure, due_ns, swarm->crowd->joined);

    strbuf_clear(&swarm->payload);
    payload_append(&swarm->payload, n, due_ns, swarm->options->payload);
    histogram_record(&swarm->publish_lag, now_ns - due_ns);
    publisher_send(swarm->publisher, n, &swarm->payload);
}

/* Open loop: everything that is due. */
static void swarm_publish_planned(struct swarm *swarm, uint64_t now_ns)
{
    const struct plan_round *round = swarm_plan_round(swarm);
    uint64_t due;

    for (;;) {
        due = swarm->phase_ns + swarm->round_next * round->interval_ns;
        if (due > now_ns || swarm->round_next == plan_messages(round))
            break;
        swarm->round_next++;
        swarm_publish(swarm, due, now_ns);
    }
    if (swarm->round_next == plan_messages(round)) {
        swarm->crowd->due_ns = UINT64_MAX;
        return;
    }
    swarm->crowd->due_ns = due;
    alarm_set(&swarm->due_alarm, due);
}

/* Closed loop: as much as the limit allows. An answer counts as well as the deliveries: a server
 * that refuses is not asked faster than it answers. */
static void swarm_publish_in_flight(struct swarm *swarm, uint64_t now_ns)
{
    unsigned limit = swarm->options->in_flight;

    if (now_ns >= swarm_round_end(swarm))
        return;
    while (swarm->measure.unfinished < limit && swarm->publisher->waiting < limit) {
        swarm->round_next++;
        swarm_publish(swarm, now_ns, now_ns);
        if (swarm->publisher->state == PUBLISHER_CLOSED)
            return; /* failed at once; again at the next tick */
    }
}

static void swarm_publish_due(void *arg, uint64_t now_ns)
{
    struct swarm *swarm;

    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    if (swarm->phase != SWARM_ROUND)
        return;
    if (swarm->options->in_flight > 0)
        swarm_publish_in_flight(swarm, now_ns);
    else
        swarm_publish_planned(swarm, now_ns);
}

static void swarm_on_due(void *arg)
{
    swarm_publish_due(arg, clock_ns());
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

static void swarm_begin_close(struct swarm *swarm)
{
    swarm->end_ns = clock_ns();
    swarm->crowd->due_ns = UINT64_MAX;
    swarm->crowd->in_flight = 0;
    alarm_cancel(&swarm->due_alarm);
    swarm_enter(swarm, SWARM_CLOSE);
    crowd_close(swarm->crowd);
}

static void swarm_begin_round(struct swarm *swarm)
{
    if (swarm->round == swarm->options->plan.count || swarm->stopped != NULL) {
        swarm_begin_close(swarm);
        return;
    }
    swarm_take_sample(swarm, &swarm->rounds[swarm->round].begin);
    swarm_enter(swarm, SWARM_ROUND);
    swarm->measure.round = swarm->round;
    swarm->round_next = 0;
    swarm->crowd->in_flight = swarm->options->in_flight;
    swarm_publish_due(swarm, swarm->phase_ns);
}

static void swarm_begin_drain(struct swarm *swarm)
{
    swarm->crowd->due_ns = UINT64_MAX;
    swarm->crowd->in_flight = 0;
    alarm_cancel(&swarm->due_alarm);
    swarm_enter(swarm, SWARM_DRAIN);
    swarm->progress_ns = swarm->phase_ns;
    swarm->drained = swarm->measure.delivered;
}

static void swarm_begin_idle(struct swarm *swarm)
{
    swarm_take_sample(swarm, &swarm->connect.end);
    swarm->idle.begin = swarm->connect.end;
    swarm_enter(swarm, SWARM_IDLE);
    if (swarm->options->plan.count > 0)
        publisher_open(swarm->publisher);
}

static void swarm_drain(struct swarm *swarm, uint64_t now_ns)
{
    if (swarm->measure.delivered != swarm->drained) {
        swarm->drained = swarm->measure.delivered;
        swarm->progress_ns = now_ns;
    }
    if ((swarm->measure.unfinished > 0 || swarm->publisher->waiting > 0) &&
        now_ns < swarm->progress_ns + SWARM_GRACE_NS)
        return;
    swarm_take_sample(swarm, &swarm->rounds[swarm->round].end);
    measure_expire(&swarm->measure, now_ns);
    swarm->round++;
    swarm_begin_round(swarm);
}

/* The run ends before its time. What is under way may still arrive, except at the second call. */
static void swarm_stop(struct swarm *swarm, const char *why)
{
    bool again = swarm->stopped != NULL;

    if (!again)
        swarm->stopped = why;
    crowd_stop(swarm->crowd);
    if (swarm->phase == SWARM_CLOSE)
        event_base_loopbreak(swarm->base);
    else if (swarm->phase == SWARM_ROUND && !again)
        swarm_begin_drain(swarm);
    else if (swarm->phase != SWARM_DRAIN || again)
        swarm_begin_close(swarm);
}

static void swarm_on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct swarm *swarm;

    (void)fd;
    (void)what;
    OBJ_CAST(swarm, arg, SWARM_MAGIC);
    swarm_stop(swarm, "interrupted");
}

static void swarm_step(struct swarm *swarm, uint64_t now_ns)
{
    struct crowd *crowd = swarm->crowd;

    crowd_tick(crowd, now_ns);
    switch (swarm->phase) {
    case SWARM_CONNECT:
        if (crowd_settled(crowd))
            swarm_begin_idle(swarm);
        break;
    case SWARM_IDLE:
        if (now_ns - swarm->phase_ns >= swarm->options->idle_ns) {
            swarm_take_sample(swarm, &swarm->idle.end);
            swarm_begin_round(swarm);
        }
        break;
    case SWARM_ROUND:
        if (swarm->options->in_flight > 0)
            measure_expire(&swarm->measure, now_ns - SWARM_GRACE_NS);
        swarm_publish_due(swarm, now_ns);
        if (now_ns >= swarm_round_end(swarm))
            swarm_begin_drain(swarm);
        break;
    case SWARM_DRAIN:
        swarm_drain(swarm, now_ns);
        break;
    case SWARM_CLOSE:
        if (crowd->links.open == 0 || now_ns - swarm->phase_ns >= SWARM_CLOSE_NS)
            event_base_loopbreak(swarm->base);
        break;
    }
    if (crowd->joined == 0 && crowd_settled(crowd) && swarm->stopped == NULL)
        swarm_stop(swarm, "no client is connected");
}

static void swarm_show_round(struct swarm *swarm)
{
    const struct measure_part *all = &swarm->measure.rounds[swarm->round].all;

    measure_sum(&swarm->measure, swarm->round);
    progress_show(&swarm->progress,
                  "round %u/%u: message %llu, %llu delivered, %u clients, delay p99 %.2f ms",
                  swarm->round + 1, swarm->options->plan.count,
                  (unsigned long long)swarm->round_next, (unsigned long long)all->delivered,
                  swarm->crowd->joined, (double)histogram_quantile(&all->delay, 0.99) / 1e6);
}

static void swarm_show(struct swarm *swarm)
{
    const struct crowd *crowd = swarm->crowd;

    switch (swarm->phase) {
    case SWARM_CONNECT:
        progress_show(&swarm->progress, "connecting: %u of %u connected, %llu failed",
                      crowd->connected, swarm->options->clients,
                      (unsigned long long)crowd->failures.total);
        break;
    case SWARM_IDLE:
        progress_show(&swarm->progress, "idle: %u clients, %.1f of %.1f s, %llu pings",
                      crowd->joined, (double)(clock_ns() - swarm->phase_ns) / 1e9,
                      (double)swarm->options->idle_ns / 1e9,
                      (unsigned long long)crowd->pings.total);
        break;
    case SWARM_ROUND:
    case SWARM_DRAIN:
        swarm_show_round(swarm);
        break;
    case SWARM_CLOSE:
        break;
    }
}

/* Each tick that is late or was missed counts with its own delay. */
static void swarm_measure_lag(struct swarm *swarm, uint64_t now_ns)
{
    while (swarm->next_tick_ns <= now_ns) {
        if (swarm->phase != SWARM_CLOSE)
            histogram_record(&swarm->loop_lag, now_ns - swarm->next_tick_ns);
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
    if (progress_due(&swarm->progress, now))
        swarm_show(swarm);
    alarm_set(&swarm->tick_alarm, swarm->next_tick_ns);
}

static bool swarm_open_procs(struct swarm *swarm, const char **error)
{
    *error = "the processor time of this process cannot be read";
    if (proc_open(&swarm->self, 0) != 0)
        return false;
    if (swarm->options->pid == 0)
        return true;
    *error = "--pid: there is no such process";
    swarm->has_server = proc_open(&swarm->server, swarm->options->pid) == 0;
    return swarm->has_server;
}

static bool swarm_open_events(struct swarm *swarm, const char **error)
{
    static const int signals[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        event_assign(&swarm->signal_events[i], swarm->base, signals[i], EV_SIGNAL | EV_PERSIST,
                     swarm_on_signal, swarm);
        event_add(&swarm->signal_events[i], NULL);
    }
    *error = "there are not enough descriptors";
    return alarm_open(&swarm->tick_alarm, swarm->base, swarm_on_tick, swarm) &&
           alarm_open(&swarm->due_alarm, swarm->base, swarm_on_due, swarm);
}

struct swarm *swarm_new(const struct options *options, const char **error)
{
    struct swarm *swarm = calloc(1, sizeof(*swarm));

    *error = "out of memory";
    if (swarm == NULL)
        return NULL;
    OBJ_INIT(swarm, SWARM_MAGIC);
    swarm->options = options;
    swarm->self.memory_fd = swarm->server.memory_fd = -1;
    histogram_init(&swarm->loop_lag);
    histogram_init(&swarm->publish_lag);
    progress_init(&swarm->progress, options->quiet);
    swarm->rounds = calloc(PLAN_MAX_ROUNDS, sizeof(*swarm->rounds));
    swarm->base = loop_new();
    if (swarm->rounds != NULL && swarm->base != NULL &&
        measure_init(&swarm->measure, options->plan.count, options->mix.count) &&
        swarm_open_procs(swarm, error) && swarm_open_events(swarm, error)) {
        swarm->crowd = crowd_new(swarm->base, options, &swarm->measure, error);
        if (swarm->crowd != NULL)
            swarm->publisher = publisher_new(swarm->base, options, error);
    }
    if (swarm->publisher == NULL) {
        swarm_free(&swarm);
        return NULL;
    }
    swarm->crowd->on_due = swarm_publish_due;
    swarm->crowd->arg = swarm;
    swarm->publisher->on_answer = swarm_on_answer;
    swarm->publisher->arg = swarm;
    return swarm;
}

void swarm_free(struct swarm **swarm)
{
    struct swarm *old = *swarm;

    if (old == NULL)
        return;
    OBJ_CHECK(old, SWARM_MAGIC);
    publisher_free(&old->publisher);
    crowd_free(&old->crowd);
    measure_free(&old->measure);
    proc_close(&old->self);
    proc_close(&old->server);
    strbuf_free(&old->payload);
    free(old->rounds);
    if (old->base != NULL && event_initialized(&old->signal_events[0])) {
        for (size_t i = 0; i < ARRAY_LEN(old->signal_events); i++)
            event_del(&old->signal_events[i]);
    }
    alarm_close(&old->tick_alarm);
    alarm_close(&old->due_alarm);
    if (old->base != NULL)
        event_base_free(old->base);
    OBJ_CLEAR(old);
    free(old);
    *swarm = NULL;
}

void swarm_run(struct swarm *swarm)
{
    swarm_take_sample(swarm, &swarm->connect.begin);
    swarm_enter(swarm, SWARM_CONNECT);
    swarm->next_tick_ns = swarm->phase_ns;
    alarm_set(&swarm->tick_alarm, swarm->next_tick_ns);
    crowd_start(swarm->crowd);
    event_base_dispatch(swarm->base);
    progress_clear(&swarm->progress);
    for (unsigned i = 0; i < swarm->crowd->started; i++)
        measure_finish_track(&swarm->measure, &swarm->crowd->clients[i].track);
    measure_finish(&swarm->measure);
}

bool swarm_passed(const struct swarm *swarm)
{
    if (swarm->crowd->connected < swarm->options->clients || swarm->crowd->losses.total > 0 ||
        swarm->stopped != NULL)
        return false;
    for (unsigned i = 0; i < swarm->measure.round_count; i++) {
        const struct measure_round *round = &swarm->measure.rounds[i];

        if (round->refused + round->unanswered + round->all.lost + round->all.duplicated +
                round->all.out_of_order >
            0)
            return false;
    }
    return true;
}
