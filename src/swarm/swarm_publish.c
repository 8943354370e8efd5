/* When messages go out, or, in a process that does not publish, when they are known to. */
#include "swarm.h"

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

static const struct plan_round *swarm_plan_round(const struct swarm *swarm)
{
    return &swarm->options->plan.rounds[swarm->round];
}

/* When a message of the running round is due, by this process's clock. */
static uint64_t swarm_due(const struct swarm *swarm, uint64_t i)
{
    return swarm->phase_ns + i * swarm_plan_round(swarm)->interval_ns;
}

static void swarm_speak(struct swarm *swarm, uint32_t n)
{
    const char *cause =
        crowd_speak(swarm->crowd, (struct span){swarm->payload.data, swarm->payload.len});

    if (cause != NULL)
        tally_add(&swarm->speaker_failures, cause);
    measure_answer(&swarm->measure, n, cause != NULL ? MEASURE_REFUSED : MEASURE_ACCEPTED);
}

static void swarm_publish(struct swarm *swarm, uint64_t due_ns, uint64_t now_ns)
{
    uint64_t published_ns = role_published(swarm->role, due_ns);
    uint32_t n = measure_publish(&swarm->measure, published_ns, swarm->crowd->measured);

    swarm->round_next++;
    if (!swarm->role->publishes)
        return;
    strbuf_clear(&swarm->payload);
    payloads_append(swarm->payloads, &swarm->payload, n, published_ns);
    ENSURE(!swarm->payload.failed);
    swarm->result.rounds[swarm->round].payload += swarm->payload.len;
    histogram_record(&swarm->publish_lag, now_ns > due_ns ? now_ns - due_ns : 0);
    if (swarm->publisher != NULL)
        publisher_send(swarm->publisher, n, &swarm->payload);
    else
        swarm_speak(swarm, n);
}

/* Open loop: everything that is due. */
static void swarm_publish_planned(struct swarm *swarm, uint64_t now_ns)
{
    uint64_t messages = plan_messages(swarm_plan_round(swarm)), due = swarm_due(swarm, 0);

    for (; swarm->round_next < messages; swarm_publish(swarm, due, now_ns)) {
        due = swarm_due(swarm, swarm->round_next);
        if (due > now_ns)
            break;
    }
    swarm->crowd->due_ns = swarm->round_next < messages ? due : UINT64_MAX;
    if (swarm->round_next < messages)
        alarm_set(&swarm->due_alarm, due);
}

/* Closed loop: as much as the limit allows. An answer counts as well as the deliveries: a server
 * that refuses is not asked faster than it answers. */
static void swarm_publish_in_flight(struct swarm *swarm, uint64_t now_ns)
{
    unsigned limit = swarm->options->in_flight;

    if (now_ns >= swarm->phase_ns + swarm_plan_round(swarm)->duration_ns)
        return;
    while (swarm->measure.unfinished < limit &&
           (swarm->publisher == NULL || swarm->publisher->requests->waiting < limit)) {
        swarm_publish(swarm, now_ns, now_ns);
        if (swarm->publisher != NULL && requests_closed(swarm->publisher->requests))
            return; /* failed at once; again at the next tick */
    }
}

void swarm_publish_due(struct swarm *swarm, uint64_t now_ns)
{
    if (swarm->phase != PHASE_ROUND || swarm->next != PHASE_NONE)
        return;
    if (swarm->options->in_flight > 0)
        swarm_publish_in_flight(swarm, now_ns);
    else
        swarm_publish_planned(swarm, now_ns);
}

/* A client got a message before this process's clock said that it was due. */
void swarm_publish_early(void *arg, uint64_t n, uint64_t t)
{
    struct swarm *swarm = arg;
    uint64_t first = swarm->measure.count - swarm->round_next;

    if (swarm->role->publishes || swarm->phase != PHASE_ROUND || swarm->next != PHASE_NONE ||
        n - first >= plan_messages(swarm_plan_round(swarm)) ||
        role_published(swarm->role, swarm_due(swarm, n - first)) != t)
        return;
    while (swarm->measure.count <= n)
        swarm_publish(swarm, swarm_due(swarm, swarm->round_next), clock_ns());
}

void swarm_publish_begin(struct swarm *swarm, uint64_t at_ns)
{
    swarm->measure.round = swarm->round;
    swarm->round_next = 0;
    swarm->crowd->in_flight = swarm->options->in_flight;
    swarm_publish_due(swarm, clock_ns() > at_ns ? clock_ns() : at_ns);
}

void swarm_publish_end(struct swarm *swarm)
{
    swarm->crowd->due_ns = UINT64_MAX;
    swarm->crowd->in_flight = 0;
    alarm_cancel(&swarm->due_alarm);
}
