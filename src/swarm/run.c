#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/loop.h"
#include "stentor/base/obj.h"

#include "conductor.h"
#include "swarm.h"
#include "view.h"

#define RUN_MAGIC 0x4e9b04e2u
#define RUN_TICK_NS 10000000u

struct run {
    unsigned magic;
    struct event_base *base;
    struct event signal_events[2];
    struct alarm tick_alarm;
    struct performer performer;
    struct performer *performers[1];
    struct conductor conductor;
    struct role role;
    struct swarm *swarm;
    struct view view;
};

static void run_begin_phase(struct performer *performer, enum phase phase, unsigned round,
                            uint64_t at_ns)
{
    struct run *run = CONTAINER_OF(performer, struct run, performer);

    swarm_begin(run->swarm, phase, round, at_ns);
}

static void run_on_tick(void *arg)
{
    struct run *run;
    uint64_t now = clock_ns();

    OBJ_CAST(run, arg, RUN_MAGIC);
    run->performer.status = swarm_status(run->swarm);
    conductor_tick(&run->conductor, now);
    view_tick(&run->view, &run->conductor, now);
    if (conductor_ended(&run->conductor))
        event_base_loopbreak(run->base);
    else
        alarm_set(&run->tick_alarm, now + RUN_TICK_NS);
}

static void run_on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct run *run;

    (void)fd;
    (void)what;
    OBJ_CAST(run, arg, RUN_MAGIC);
    conductor_stop(&run->conductor, "interrupted", clock_ns());
}

static bool run_open(struct run *run, const struct options *options,
                     const struct payloads *payloads, const char **error)
{
    static const int signals[] = {SIGINT, SIGTERM};

    *error = "the event loop cannot be set up";
    run->base = loop_new();
    if (run->base == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        event_assign(&run->signal_events[i], run->base, signals[i], EV_SIGNAL | EV_PERSIST,
                     run_on_signal, run);
        event_add(&run->signal_events[i], NULL);
    }
    *error = "there are not enough descriptors";
    if (!alarm_open(&run->tick_alarm, run->base, run_on_tick, run))
        return false;
    run->swarm = swarm_new(run->base, options, &run->role, payloads, error);
    return run->swarm != NULL;
}

static void run_close(struct run *run)
{
    swarm_free(&run->swarm);
    alarm_close(&run->tick_alarm);
    view_free(&run->view);
    if (run->base != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(run->signal_events); i++)
            event_del(&run->signal_events[i]);
        event_base_free(run->base);
    }
}

bool run_here(const struct options *options, const struct payloads *payloads, struct result *result,
              const char **error)
{
    struct run run = {.magic = RUN_MAGIC, .role = {.count = 1, .publishes = true}};
    bool ok = run_open(&run, options, payloads, error);

    if (ok) {
        run.performer.begin = run_begin_phase;
        run.performers[0] = &run.performer;
        conductor_init(&run.conductor, options, run.performers, 1, 0);
        view_init(&run.view, options->quiet);
        crowd_warn(run.swarm->crowd);
        conductor_start(&run.conductor, clock_ns());
        alarm_set(&run.tick_alarm, 1);
        event_base_dispatch(run.base);
        view_clear(&run.view);
        *result = *swarm_finish(run.swarm);
        memset(&run.swarm->result, 0, sizeof(run.swarm->result));
        if (run.conductor.stopped != NULL)
            snprintf(result->stopped, sizeof(result->stopped), "%s", run.conductor.stopped);
    }
    run_close(&run);
    return ok;
}
