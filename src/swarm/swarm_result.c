/* What a swarm notes while it runs, and what it has found out at the end. */
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#include "swarm.h"

#define SWARM_SECOND_NS 1000000000u

void swarm_take_sample(struct swarm *swarm, struct swarm_sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    sample->time_ns = clock_ns();
    sample->received = link_total_received(&swarm->crowd->links);
    sample->sent = link_total_sent(&swarm->crowd->links);
    if (swarm->observer != NULL)
        sample->server = observer_look(swarm->observer);
    if (!proc_read(&swarm->self, &sample->self))
        sample->self.cpu_ns = 0;
}

static double swarm_share(uint64_t before, uint64_t after, uint64_t ns)
{
    return ns > 0 && after > before ? (double)(after - before) / (double)ns : 0;
}

static void swarm_show_second(struct swarm *swarm, const struct swarm_sample *now)
{
    const struct swarm_sample *before = &swarm->second_begin;
    const struct proc_usage *server = &now->server.process, *old = &before->server.process;
    const struct histogram *recent = &swarm->measure.recent;

    swarm->shown.p50_ns = histogram_quantile(recent, 0.5);
    swarm->shown.p99_ns = histogram_quantile(recent, 0.99);
    swarm->shown.lag_ns = swarm->lag_ns;
    swarm->shown.swarm_cpu =
        swarm_share(before->self.cpu_ns, now->self.cpu_ns, now->time_ns - before->time_ns);
    swarm->shown.server_cpu =
        swarm_share(old->cpu_ns, server->cpu_ns, server->time_ns - old->time_ns);
    swarm->shown.server_rss = server->rss;
}

static void swarm_end_second(struct swarm *swarm, uint32_t i)
{
    struct result_second *second = result_second(&swarm->result, i);
    struct swarm_sample now;

    swarm_take_sample(swarm, &now);
    second->joined = swarm->crowd->joined;
    second->swarm_cpu_ns = now.self.cpu_ns - swarm->second_begin.self.cpu_ns;
    second->swarm_rss = now.self.rss;
    second->lag_ns = swarm->lag_ns;
    second->server = now.server;
    ENSURE(histogram_compact(&swarm->measure.recent, &second->delay));
    swarm_show_second(swarm, &now);
    histogram_init(&swarm->measure.recent);
    swarm->lag_ns = 0;
    swarm->second_begin = now;
}

/* Seconds are counted from the start of the connects, which is the same moment in all processes. */
void swarm_tick_second(struct swarm *swarm, uint64_t now_ns)
{
    uint64_t start = swarm->crowd->start_ns;

    if (start == 0 || swarm->phase == PHASE_NONE || swarm->phase == PHASE_CLOSE)
        return;
    if (swarm->second_ns == 0) {
        swarm->second_begin = swarm->connect.begin;
        swarm->second_ns = start + SWARM_SECOND_NS;
    }
    if (now_ns < swarm->second_ns)
        return;
    swarm_end_second(swarm, (uint32_t)((swarm->second_ns - start) / SWARM_SECOND_NS - 1));
    swarm->second_ns += (now_ns - swarm->second_ns) / SWARM_SECOND_NS * SWARM_SECOND_NS;
    swarm->second_ns += SWARM_SECOND_NS;
}

static void swarm_fill_interval(const struct swarm *swarm, const struct swarm_interval *from,
                                struct result_interval *interval)
{
    const struct swarm_sample *begin = &from->begin, *end = &from->end;
    uint64_t ns = end->time_ns - begin->time_ns;

    if (begin->time_ns == 0)
        return;
    interval->begin_ns = role_published(swarm->role, begin->time_ns);
    interval->before = begin->server;
    if (end->time_ns == 0)
        return;
    interval->end_ns = role_published(swarm->role, end->time_ns);
    interval->after = end->server;
    interval->swarm_cpu_ns = end->self.cpu_ns - begin->self.cpu_ns;
    interval->swarm_cpu_max = swarm_share(begin->self.cpu_ns, end->self.cpu_ns, ns);
    interval->swarm_wait_max = swarm_share(begin->self.wait_ns, end->self.wait_ns, ns);
    interval->received = end->received - begin->received;
    interval->sent = end->sent - begin->sent;
}

static void swarm_fill_group(const struct audience *audience, struct result_group *group)
{
    group->attempted = audience->attempted;
    group->connected = audience->connected;
    group->upgraded = audience->upgraded;
    group->gaps = audience->gaps;
    group->upgrade_failures = audience->upgrade_failures;
    group->failures = audience->failures;
    group->losses = audience->losses;
    group->connect_delay = audience->connect_delay;
}

static void swarm_fill_tls(const struct tls_client *client, struct result_tls *tls)
{
    if (client == NULL)
        return;
    tls->handshakes = tls_client_handshakes(client);
    tls->resumed = tls_client_resumed(client);
    memcpy(tls->version, tls_client_version(client), strlen(tls_client_version(client)) + 1);
    memcpy(tls->cipher, tls_client_cipher(client), strlen(tls_client_cipher(client)) + 1);
}

static void swarm_fill_crowd(const struct swarm *swarm, struct result *result)
{
    struct crowd *crowd = swarm->crowd;

    result->clients = crowd->count;
    for (unsigned i = 0; i < swarm->options->mix.count; i++)
        swarm_fill_group(&crowd->audiences[i], &result->groups[i]);
    result->connect_lag = crowd->connect_lag;
    timeline_merge(&result->begun, &crowd->begun);
    timeline_merge(&result->connects, &crowd->connects);
    timeline_merge(&result->pings, &crowd->pings);
    result->begun.start_ns = result->connects.start_ns = result->pings.start_ns =
        role_published(swarm->role, crowd->start_ns);
    result->ping_interval_ns = crowd->ping_interval_ns;
    if (crowd->settled_ns != 0)
        result->settled_ns = role_published(swarm->role, crowd->settled_ns);
    result->behaviour = crowd->behaviour;
    swarm_fill_tls(crowd->links.tls, &result->tls);
}

static void swarm_fill_own(const struct swarm *swarm, struct result *result)
{
    result->loop_lag = swarm->loop_lag;
    result->idle_lag = swarm->idle_lag;
    result->publish_lag = swarm->publish_lag;
    result->memory_before = swarm->connect.begin.self.rss;
    result->memory_after = swarm->connect.end.self.rss;
    if (swarm->end_ns != 0)
        result->end_ns = role_published(swarm->role, swarm->end_ns);
    result->refusals = swarm->speaker_failures;
    if (swarm->publisher != NULL) {
        result->answer_delay = swarm->publisher->answer_delay;
        result->refusals = swarm->publisher->refusals;
    }
}

struct result *swarm_finish(struct swarm *swarm)
{
    struct result *result = &swarm->result;

    for (unsigned i = 0; i < swarm->crowd->started; i++)
        measure_finish_track(&swarm->measure, &swarm->crowd->clients[i].track);
    measure_finish(&swarm->measure);
    directed_finish(&swarm->directed);
    measure_free(&result->measure);
    result->measure = swarm->measure;
    memset(&swarm->measure, 0, sizeof(swarm->measure));
    result->directed = swarm->directed.result;
    swarm_fill_crowd(swarm, result);
    swarm_fill_own(swarm, result);
    swarm_fill_interval(swarm, &swarm->connect, &result->connect);
    swarm_fill_interval(swarm, &swarm->idle, &result->idle);
    for (unsigned i = 0; i < swarm->options->plan.count; i++)
        swarm_fill_interval(swarm, &swarm->rounds[i], &result->rounds[i]);
    return result;
}
