#include "figures.h"

#include <math.h>

#define FIGURES_BUSY_SHARE 0.9
#define FIGURES_LAG_NS 20000000u

static double figures_ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

struct figures_interval figures_interval(const struct swarm_interval *interval)
{
    const struct swarm_sample *begin = &interval->begin, *end = &interval->end;
    struct figures_interval figures = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    double ns = (double)(end->time_ns - begin->time_ns);

    if (begin->time_ns == 0 || end->time_ns == 0)
        return figures;
    figures.seconds = ns / 1e9;
    figures.swarm_cpu_ns = (double)(end->swarm_cpu_ns - begin->swarm_cpu_ns);
    figures.swarm_cpu_share = figures_ratio(figures.swarm_cpu_ns, ns);
    figures.wire_bytes = (double)(end->wire_bytes - begin->wire_bytes);
    if (begin->has_cpu && end->has_cpu) {
        figures.server_cpu_ns = (double)(end->server_cpu_ns - begin->server_cpu_ns);
        figures.server_cpu_share = figures_ratio(figures.server_cpu_ns, ns);
    }
    if (end->has_memory)
        figures.server_memory = (double)end->server_memory;
    return figures;
}

unsigned figures_rounds(const struct swarm *swarm)
{
    unsigned n = 0;

    while (n < swarm->options->plan.count && swarm->rounds[n].begin.time_ns != 0)
        n++;
    return n;
}

struct figures_round figures_round(const struct swarm *swarm, unsigned round)
{
    struct figures_round figures = {.interval = figures_interval(&swarm->rounds[round])};
    double delivered = (double)swarm->measure.rounds[round].all.delivered;
    double payload = delivered * (double)swarm->options->payload;

    figures.server_cpu_per_delivery_ns = figures_ratio(figures.interval.server_cpu_ns, delivered);
    figures.swarm_cpu_per_delivery_ns = figures_ratio(figures.interval.swarm_cpu_ns, delivered);
    figures.wire_per_payload_byte = figures_ratio(figures.interval.wire_bytes, payload);
    figures.deliveries_per_second = figures_ratio(delivered, figures.interval.seconds);
    return figures;
}

struct figures_memory figures_server_memory(const struct swarm *swarm)
{
    const struct swarm_sample *before = &swarm->connect.begin, *connected = &swarm->connect.end;
    const struct swarm_sample *idle = &swarm->idle.end;
    struct figures_memory memory = {NAN, NAN, NAN, NAN};

    if (before->has_memory)
        memory.before = (double)before->server_memory;
    if (connected->has_memory)
        memory.connected = (double)connected->server_memory;
    if (idle->has_memory)
        memory.idle = (double)idle->server_memory;
    memory.per_client =
        figures_ratio((isnan(memory.idle) ? memory.connected : memory.idle) - memory.before,
                      swarm->crowd->connected);
    return memory;
}

struct figures_memory figures_swarm_memory(const struct swarm *swarm)
{
    const struct swarm_sample *connected = &swarm->connect.end, *idle = &swarm->idle.end;
    struct figures_memory memory = {(double)swarm->connect.begin.swarm_memory, NAN, NAN, NAN};

    if (connected->time_ns != 0)
        memory.connected = (double)connected->swarm_memory;
    if (idle->time_ns != 0)
        memory.idle = (double)idle->swarm_memory;
    memory.per_client = figures_ratio(memory.connected - memory.before, swarm->crowd->connected);
    return memory;
}

double figures_server_cpu_per_connect_ns(const struct swarm *swarm)
{
    return figures_ratio(figures_interval(&swarm->connect).server_cpu_ns, swarm->crowd->connected);
}

/* Counts from one interval after the last connect on: by then the server has had its chance to
 * spread the pings. Up to the end of the idle phase if that is long enough: rounds keep server and
 * swarm from being punctual. A run that is too short shows what it has. */
struct figures_pings figures_pings(const struct swarm *swarm)
{
    const struct crowd *crowd = swarm->crowd;
    struct figures_pings pings = {.interval_ns = (double)crowd->ping_interval_ns};
    uint64_t from = crowd->settled_ns + crowd->ping_interval_ns;
    uint64_t to = swarm->idle.end.time_ns;

    if (to < from + crowd->ping_interval_ns)
        to = swarm->end_ns;
    pings.steady = crowd->ping_interval_ns > 0 && to >= from + crowd->ping_interval_ns;
    if (!pings.steady)
        from = crowd->settled_ns;
    pings.peak = timeline_find_peak(&crowd->pings, from, to);
    pings.max_over_mean = figures_ratio(pings.peak.max, pings.peak.mean);
    return pings;
}

struct timeline_peak figures_connects(const struct swarm *swarm)
{
    const struct timeline *connects = &swarm->crowd->connects;

    return timeline_find_peak(connects, connects->start_ns,
                              connects->start_ns + swarm->options->ramp_ns);
}

struct figures_totals figures_totals(const struct swarm *swarm)
{
    struct figures_totals totals = {0, 0, 0, 0, 0, 0, 0};

    for (unsigned i = 0; i < swarm->measure.round_count; i++) {
        const struct measure_round *round = &swarm->measure.rounds[i];

        totals.messages += round->messages;
        totals.refused += round->refused;
        totals.unanswered += round->unanswered;
        totals.delivered += round->all.delivered;
        totals.lost += round->all.lost;
        totals.duplicated += round->all.duplicated;
        totals.out_of_order += round->all.out_of_order;
    }
    return totals;
}

uint64_t figures_gaps(const struct swarm *swarm)
{
    uint64_t gaps = 0;

    for (unsigned i = 0; i < swarm->options->mix.count; i++)
        gaps += swarm->crowd->audiences[i].gaps;
    return gaps;
}

const char *figures_self_limit(const struct swarm *swarm)
{
    for (unsigned i = 0; i < swarm->measure.round_count; i++)
        if (figures_round(swarm, i).interval.swarm_cpu_share > FIGURES_BUSY_SHARE)
            return "the swarm's own processor time was the limit of a round";
    if (histogram_quantile(&swarm->loop_lag, 0.99) > FIGURES_LAG_NS)
        return "the swarm's own event loop was late; the delays include its lag";
    return NULL;
}
