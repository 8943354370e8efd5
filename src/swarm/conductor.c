#include "conductor.h"

#include <string.h>

#define CONDUCTOR_GRACE_NS 5000000000u /* without any arrival, until the rest counts as lost */
#define CONDUCTOR_CLOSE_NS 4000000000u /* for the goodbye */

void conductor_init(struct conductor *conductor, const struct options *options,
                    struct performer **performers, unsigned count, uint64_t lead_ns)
{
    memset(conductor, 0, sizeof(*conductor));
    conductor->options = options;
    conductor->performers = performers;
    conductor->count = count;
    conductor->lead_ns = lead_ns;
}

static void conductor_begin(struct conductor *conductor, enum phase phase, uint64_t now_ns)
{
    conductor->phase = phase;
    conductor->phase_ns = now_ns + conductor->lead_ns;
    conductor->progress_ns = conductor->phase_ns;
    conductor->arrived = conductor->sum.arrived;
    for (unsigned i = 0; i < conductor->count; i++)
        if (!conductor->performers[i]->gone)
            conductor->performers[i]->begin(conductor->performers[i], phase, conductor->round,
                                            conductor->phase_ns);
}

void conductor_start(struct conductor *conductor, uint64_t now_ns)
{
    conductor_begin(conductor, PHASE_CONNECT, now_ns);
    conductor->start_ns = conductor->phase_ns;
}

/* Are all with us in this phase, and done with it? */
static bool conductor_look(struct conductor *conductor)
{
    bool done = true;

    memset(&conductor->sum, 0, sizeof(conductor->sum));
    for (unsigned i = 0; i < conductor->count; i++) {
        const struct performer *performer = conductor->performers[i];

        if (performer->gone)
            continue;
        status_add(&conductor->sum, &performer->status);
        done = done && performer->status.done && performer->status.phase == conductor->phase;
    }
    return done;
}

/* A message is due no later than one interval before the end of its round. */
static uint64_t conductor_round_end(const struct conductor *conductor)
{
    const struct plan_round *round = &conductor->options->plan.rounds[conductor->round];

    if (conductor->options->in_flight > 0)
        return conductor->phase_ns + round->duration_ns;
    return conductor->phase_ns + plan_round_ns(round);
}

static void conductor_next_round(struct conductor *conductor, uint64_t now_ns)
{
    bool over = conductor->round == conductor->options->plan.count || conductor->stopped != NULL;

    conductor_begin(conductor, over ? PHASE_CLOSE : PHASE_ROUND, now_ns);
}

static void conductor_drain(struct conductor *conductor, bool done, uint64_t now_ns)
{
    if (conductor->sum.arrived != conductor->arrived) {
        conductor->arrived = conductor->sum.arrived;
        conductor->progress_ns = now_ns;
    }
    if (!done && now_ns < conductor->progress_ns + CONDUCTOR_GRACE_NS)
        return;
    conductor->round++;
    conductor_next_round(conductor, now_ns);
}

static bool conductor_nobody_is_left(const struct conductor *conductor)
{
    for (unsigned i = 0; i < conductor->count; i++)
        if (!conductor->performers[i]->gone)
            return false;
    return true;
}

/* Clients that return may all be away for a moment. */
static bool conductor_no_client_is_left(const struct conductor *conductor)
{
    return conductor->phase > PHASE_CONNECT && conductor->phase < PHASE_CLOSE &&
           conductor->sum.joined == 0 && !behaviour_any(&conductor->options->behaviour);
}

void conductor_tick(struct conductor *conductor, uint64_t now_ns)
{
    bool done = conductor_look(conductor);

    if (conductor_nobody_is_left(conductor))
        conductor->phase = PHASE_COUNT;
    if (conductor_ended(conductor) || now_ns < conductor->phase_ns)
        return;
    switch (conductor->phase) {
    case PHASE_CONNECT:
        if (done)
            conductor_begin(conductor, PHASE_IDLE, now_ns);
        break;
    case PHASE_IDLE:
        if (now_ns - conductor->phase_ns >= conductor->options->idle_ns)
            conductor_next_round(conductor, now_ns);
        break;
    case PHASE_ROUND:
        if (now_ns >= conductor_round_end(conductor))
            conductor_begin(conductor, PHASE_DRAIN, now_ns);
        break;
    case PHASE_DRAIN:
        conductor_drain(conductor, done, now_ns);
        break;
    case PHASE_CLOSE:
        if (done || now_ns - conductor->phase_ns >= CONDUCTOR_CLOSE_NS)
            conductor->phase = PHASE_COUNT;
        break;
    default:
        break;
    }
    if (conductor->stopped == NULL && done && conductor_no_client_is_left(conductor))
        conductor_stop(conductor, "no client is connected", now_ns);
}

void conductor_stop(struct conductor *conductor, const char *why, uint64_t now_ns)
{
    bool again = conductor->stopped != NULL;

    if (!again)
        conductor->stopped = why;
    if (conductor->phase == PHASE_CLOSE || conductor_ended(conductor))
        conductor->phase = PHASE_COUNT;
    else if (conductor->phase == PHASE_ROUND && !again)
        conductor_begin(conductor, PHASE_DRAIN, now_ns);
    else if (conductor->phase != PHASE_DRAIN || again)
        conductor_begin(conductor, PHASE_CLOSE, now_ns);
}

uint64_t conductor_total_ns(const struct conductor *conductor)
{
    const struct options *options = conductor->options;

    return options->ramp_ns + options->idle_ns + plan_total_ns(&options->plan);
}

uint64_t conductor_left_ns(const struct conductor *conductor, uint64_t now_ns)
{
    const struct options *options = conductor->options;
    uint64_t left = 0, spent = now_ns > conductor->phase_ns ? now_ns - conductor->phase_ns : 0;
    uint64_t phase = 0;

    for (unsigned i = conductor->round + (conductor->phase >= PHASE_ROUND); i < options->plan.count;
         i++)
        left += options->plan.rounds[i].duration_ns;
    if (conductor->phase == PHASE_CONNECT) {
        phase = options->ramp_ns;
        left += options->idle_ns;
    } else if (conductor->phase == PHASE_IDLE) {
        phase = options->idle_ns;
    } else if (conductor->phase == PHASE_ROUND) {
        phase = options->plan.rounds[conductor->round].duration_ns;
    }
    return left + (phase > spent ? phase - spent : 0);
}
