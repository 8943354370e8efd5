#include "result.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "measure_merge.h"

bool result_init(struct result *result, unsigned rounds, unsigned groups)
{
    memset(result, 0, sizeof(*result));
    result->processes = 1;
    for (unsigned i = 0; i < MIX_MAX; i++)
        histogram_init(&result->groups[i].connect_delay);
    histogram_init(&result->connect_lag);
    histogram_init(&result->loop_lag);
    histogram_init(&result->idle_lag);
    histogram_init(&result->publish_lag);
    histogram_init(&result->answer_delay);
    histogram_init(&result->behaviour.return_delay);
    directed_result_init(&result->directed);
    return measure_init(&result->measure, rounds, groups);
}

void result_free(struct result *result)
{
    measure_free(&result->measure);
    timeline_free(&result->begun);
    timeline_free(&result->connects);
    timeline_free(&result->pings);
    for (unsigned i = 0; i < result->seconds_count; i++)
        histogram_sparse_free(&result->seconds[i].delay);
    free(result->seconds);
    free(result->agents);
    memset(result, 0, sizeof(*result));
}

struct result_second *result_second(struct result *result, uint32_t i)
{
    if (i >= result->seconds_count) {
        result->seconds = realloc(result->seconds, (i + 1) * sizeof(*result->seconds));
        ENSURE(result->seconds != NULL);
        memset(result->seconds + result->seconds_count, 0,
               (i + 1 - result->seconds_count) * sizeof(*result->seconds));
        result->seconds_count = i + 1;
    }
    return &result->seconds[i];
}

static void result_merge_observation(struct observation *observation,
                                     const struct observation *from)
{
    if (observation->process.time_ns == 0)
        observation->process = from->process;
    if (observation->sockets == 0)
        observation->sockets = from->sockets;
}

/* A part of the run lasts from when the first process began it until the last one was done. */
static void result_merge_interval(struct result_interval *interval,
                                  const struct result_interval *from)
{
    if (from->begin_ns != 0 && (interval->begin_ns == 0 || from->begin_ns < interval->begin_ns))
        interval->begin_ns = from->begin_ns;
    if (from->end_ns > interval->end_ns)
        interval->end_ns = from->end_ns;
    interval->swarm_cpu_ns += from->swarm_cpu_ns;
    if (from->swarm_cpu_max > interval->swarm_cpu_max)
        interval->swarm_cpu_max = from->swarm_cpu_max;
    if (from->swarm_wait_max > interval->swarm_wait_max)
        interval->swarm_wait_max = from->swarm_wait_max;
    interval->received += from->received;
    interval->sent += from->sent;
    interval->payload += from->payload;
    result_merge_observation(&interval->before, &from->before);
    result_merge_observation(&interval->after, &from->after);
}

static bool result_merge_delay(struct histogram_sparse *delay, const struct histogram_sparse *from)
{
    static struct histogram both;
    bool ok;

    histogram_init(&both);
    ok = histogram_merge_sparse(&both, delay) && histogram_merge_sparse(&both, from);
    histogram_sparse_free(delay);
    return histogram_compact(&both, delay) && ok;
}

static bool result_merge_second(struct result_second *second, const struct result_second *from)
{
    second->joined += from->joined;
    second->swarm_cpu_ns += from->swarm_cpu_ns;
    second->swarm_rss += from->swarm_rss;
    if (from->lag_ns > second->lag_ns)
        second->lag_ns = from->lag_ns;
    result_merge_observation(&second->server, &from->server);
    return result_merge_delay(&second->delay, &from->delay);
}

static void result_merge_group(struct result_group *group, const struct result_group *from)
{
    group->attempted += from->attempted;
    group->connected += from->connected;
    group->upgraded += from->upgraded;
    group->gaps += from->gaps;
    tally_merge(&group->upgrade_failures, &from->upgrade_failures);
    tally_merge(&group->failures, &from->failures);
    tally_merge(&group->losses, &from->losses);
    histogram_merge(&group->connect_delay, &from->connect_delay);
}

static void result_merge_behaviour(struct result_behaviour *behaviour,
                                   const struct result_behaviour *from)
{
    behaviour->churning += from->churning;
    behaviour->stalled += from->stalled;
    behaviour->slow += from->slow;
    if (from->storms > behaviour->storms)
        behaviour->storms = from->storms; /* all processes have the same ones */
    behaviour->left += from->left;
    behaviour->returned += from->returned;
    tally_merge(&behaviour->failures, &from->failures);
    behaviour->slow_messages += from->slow_messages;
    histogram_merge(&behaviour->return_delay, &from->return_delay);
}

static void result_merge_tls(struct result_tls *tls, const struct result_tls *from)
{
    if (from->handshakes > 0 && tls->handshakes == 0) {
        memcpy(tls->version, from->version, sizeof(tls->version));
        memcpy(tls->cipher, from->cipher, sizeof(tls->cipher));
    }
    tls->handshakes += from->handshakes;
    tls->resumed += from->resumed;
}

static void result_merge_histograms(struct result *result, const struct result *from)
{
    histogram_merge(&result->connect_lag, &from->connect_lag);
    histogram_merge(&result->loop_lag, &from->loop_lag);
    histogram_merge(&result->idle_lag, &from->idle_lag);
    histogram_merge(&result->publish_lag, &from->publish_lag);
    histogram_merge(&result->answer_delay, &from->answer_delay);
    timeline_merge(&result->begun, &from->begun);
    timeline_merge(&result->connects, &from->connects);
    timeline_merge(&result->pings, &from->pings);
    tally_merge(&result->refusals, &from->refusals);
}

bool result_merge(struct result *result, const struct result *from)
{
    bool ok = measure_merge(&result->measure, &from->measure);

    result->clients += from->clients;
    result->processes += from->processes;
    for (unsigned i = 0; i < MIX_MAX; i++)
        result_merge_group(&result->groups[i], &from->groups[i]);
    result_merge_interval(&result->connect, &from->connect);
    result_merge_interval(&result->idle, &from->idle);
    for (unsigned i = 0; i < PLAN_MAX_ROUNDS; i++)
        result_merge_interval(&result->rounds[i], &from->rounds[i]);
    result_merge_histograms(result, from);
    if (result->ping_interval_ns == 0)
        result->ping_interval_ns = from->ping_interval_ns;
    if (from->settled_ns > result->settled_ns)
        result->settled_ns = from->settled_ns;
    if (from->end_ns > result->end_ns)
        result->end_ns = from->end_ns;
    result->memory_before += from->memory_before;
    result->memory_after += from->memory_after;
    result_merge_behaviour(&result->behaviour, &from->behaviour);
    directed_result_merge(&result->directed, &from->directed);
    result_merge_tls(&result->tls, &from->tls);
    for (unsigned i = 0; i < from->seconds_count; i++)
        ok = result_merge_second(result_second(result, i), &from->seconds[i]) && ok;
    if (result->stopped[0] == '\0')
        memcpy(result->stopped, from->stopped, sizeof(result->stopped));
    return ok;
}

void result_conclude(struct result *result)
{
    measure_conclude(&result->measure);
}
