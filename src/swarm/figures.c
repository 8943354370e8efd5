#include "figures.h"

#include <math.h>
#include <string.h>

static double figures_ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

static double figures_known(uint64_t value)
{
    return value > 0 ? (double)value : NAN;
}

static void figures_server(const struct result_interval *interval, struct figures_interval *figures)
{
    const struct proc_usage *before = &interval->before.process, *after = &interval->after.process;
    double ns = (double)(after->time_ns - before->time_ns);

    if (after->time_ns == 0)
        return;
    figures->server_memory = figures_known(after->rss);
    figures->server_pss = figures_known(after->pss);
    figures->server_threads = figures_known(after->threads);
    figures->socket_memory = figures_known(interval->after.sockets);
    if (before->time_ns == 0 || after->time_ns <= before->time_ns)
        return;
    figures->server_cpu_ns = (double)(after->cpu_ns - before->cpu_ns);
    figures->server_cpu_share = figures_ratio(figures->server_cpu_ns, ns);
    if (after->switches > 0)
        figures->server_switches = (double)(after->switches - before->switches) / (ns / 1e9);
}

struct figures_interval figures_interval(const struct result_interval *interval)
{
    struct figures_interval figures = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    double ns = (double)(interval->end_ns - interval->begin_ns);

    if (interval->begin_ns == 0 || interval->end_ns == 0)
        return figures;
    figures.seconds = ns / 1e9;
    figures.swarm_cpu_ns = (double)interval->swarm_cpu_ns;
    figures.swarm_cpu_share = figures_ratio(figures.swarm_cpu_ns, ns);
    figures.received = (double)interval->received;
    figures.sent = (double)interval->sent;
    figures_server(interval, &figures);
    return figures;
}

unsigned figures_rounds(const struct result *result)
{
    unsigned n = 0;

    while (n < result->measure.round_count && result->rounds[n].begin_ns != 0)
        n++;
    return n;
}

struct figures_round figures_round(const struct result *result, unsigned i)
{
    const struct measure_round *round = &result->measure.rounds[i];
    struct figures_round figures = {.interval = figures_interval(&result->rounds[i])};
    double delivered = (double)round->all.delivered;
    double payload =
        figures_ratio((double)result->rounds[i].payload, (double)round->messages) * delivered;

    figures.server_cpu_per_delivery_ns = figures_ratio(figures.interval.server_cpu_ns, delivered);
    figures.swarm_cpu_per_delivery_ns = figures_ratio(figures.interval.swarm_cpu_ns, delivered);
    figures.wire_per_payload_byte = figures_ratio(figures.interval.received, payload);
    figures.deliveries_per_second = figures_ratio(delivered, figures.interval.seconds);
    return figures;
}

bool figures_has_server(const struct result *result)
{
    return result->connect.before.process.time_ns != 0 ||
           result->connect.after.process.time_ns != 0;
}

struct figures_memory figures_server_memory(const struct result *result)
{
    struct figures_memory memory = {figures_known(result->connect.before.process.rss),
                                    figures_known(result->connect.after.process.rss),
                                    figures_known(result->idle.after.process.rss), NAN};
    double with = isnan(memory.idle) ? memory.connected : memory.idle;

    memory.per_client =
        figures_ratio(with - memory.before, (double)figures_totals(result).connected);
    return memory;
}

struct figures_memory figures_swarm_memory(const struct result *result)
{
    struct figures_memory memory = {figures_known(result->memory_before),
                                    figures_known(result->memory_after), NAN, NAN};

    memory.per_client =
        figures_ratio(memory.connected - memory.before, (double)figures_totals(result).connected);
    return memory;
}

double figures_server_cpu_per_connect_ns(const struct result *result)
{
    return figures_ratio(figures_interval(&result->connect).server_cpu_ns,
                         (double)figures_totals(result).connected);
}

double figures_server_cpu_per_delivery_ns(const struct result *result)
{
    double cpu_ns = 0, delivered = 0;

    for (unsigned i = 0; i < figures_rounds(result); i++) {
        cpu_ns += figures_interval(&result->rounds[i]).server_cpu_ns;
        delivered += (double)result->measure.rounds[i].all.delivered;
    }
    return figures_ratio(cpu_ns, delivered);
}

/* Counts from one interval after the last connect on: by then the server has had its chance to
 * spread the pings. Up to the end of the idle phase if that is long enough: rounds keep server and
 * swarm from being punctual. A run that is too short shows what it has. */
struct figures_pings figures_pings(const struct result *result)
{
    struct figures_pings pings = {.interval_ns = (double)result->ping_interval_ns};
    uint64_t from = result->settled_ns + result->ping_interval_ns;
    uint64_t to = result->idle.end_ns;

    if (to < from + result->ping_interval_ns)
        to = result->end_ns;
    pings.steady = result->ping_interval_ns > 0 && to >= from + result->ping_interval_ns;
    if (!pings.steady)
        from = result->settled_ns;
    pings.peak = timeline_find_peak(&result->pings, from, to);
    pings.max_over_mean = figures_ratio(pings.peak.max, pings.peak.mean);
    return pings;
}

struct timeline_peak figures_connects(const struct result *result, const struct options *options)
{
    const struct timeline *connects = &result->connects;

    return timeline_find_peak(connects, connects->start_ns, connects->start_ns + options->ramp_ns);
}

unsigned figures_ramp_buckets(const struct options *options)
{
    return (unsigned)(options->ramp_ns / TIMELINE_BUCKET_NS);
}

struct figures_totals figures_totals(const struct result *result)
{
    struct figures_totals totals = {.messages = 0};

    for (unsigned i = 0; i < result->measure.round_count; i++) {
        const struct measure_round *round = &result->measure.rounds[i];

        totals.messages += round->messages;
        totals.refused += round->refused;
        totals.unanswered += round->unanswered;
        totals.delivered += round->all.delivered;
        totals.lost += round->all.lost;
        totals.duplicated += round->all.duplicated;
        totals.out_of_order += round->all.out_of_order;
    }
    for (unsigned i = 0; i < result->measure.groups; i++) {
        const struct result_group *group = &result->groups[i];

        totals.attempted += group->attempted;
        totals.connected += group->connected;
        totals.gaps += group->gaps;
        tally_merge(&totals.failures, &group->failures);
        tally_merge(&totals.losses, &group->losses);
    }
    totals.failed = totals.failures.total;
    totals.disconnects = totals.losses.total;
    return totals;
}

void figures_delay(const struct result *result, struct histogram *delay)
{
    histogram_init(delay);
    for (unsigned i = 0; i < result->measure.round_count; i++)
        histogram_merge(delay, &result->measure.rounds[i].all.delay);
}

void figures_connect_delay(const struct result *result, struct histogram *delay)
{
    histogram_init(delay);
    for (unsigned i = 0; i < result->measure.groups; i++)
        histogram_merge(delay, &result->groups[i].connect_delay);
}
