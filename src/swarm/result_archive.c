/* A result as MessagePack and back. */
#include "result.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

#include "measure_merge.h"

enum { RESULT_MAX_SECONDS = 1000000 };

static void result_archive_interval(struct archive *archive, struct result_interval *interval)
{
    archive_u64(archive, &interval->begin_ns);
    archive_u64(archive, &interval->end_ns);
    archive_u64(archive, &interval->swarm_cpu_ns);
    archive_double(archive, &interval->swarm_cpu_max);
    archive_double(archive, &interval->swarm_wait_max);
    archive_u64(archive, &interval->received);
    archive_u64(archive, &interval->sent);
    archive_u64(archive, &interval->payload);
    observer_archive(archive, &interval->before);
    observer_archive(archive, &interval->after);
}

static void result_archive_second(struct archive *archive, struct result_second *second)
{
    archive_u32(archive, &second->joined);
    archive_u64(archive, &second->swarm_cpu_ns);
    archive_u64(archive, &second->swarm_rss);
    archive_u64(archive, &second->lag_ns);
    archive_sparse(archive, &second->delay);
    observer_archive(archive, &second->server);
}

static void result_archive_group(struct archive *archive, struct result_group *group)
{
    archive_u32(archive, &group->attempted);
    archive_u32(archive, &group->connected);
    archive_u32(archive, &group->upgraded);
    archive_u64(archive, &group->gaps);
    tally_archive(archive, &group->upgrade_failures);
    tally_archive(archive, &group->failures);
    tally_archive(archive, &group->losses);
    archive_histogram(archive, &group->connect_delay);
}

static void result_archive_behaviour(struct archive *archive, struct result_behaviour *behaviour)
{
    archive_u32(archive, &behaviour->churning);
    archive_u32(archive, &behaviour->stalled);
    archive_u32(archive, &behaviour->slow);
    archive_u64(archive, &behaviour->storms);
    archive_u64(archive, &behaviour->left);
    archive_u64(archive, &behaviour->returned);
    tally_archive(archive, &behaviour->failures);
    archive_u64(archive, &behaviour->slow_messages);
    archive_histogram(archive, &behaviour->return_delay);
}

static void result_archive_tls(struct archive *archive, struct result_tls *tls)
{
    archive_u64(archive, &tls->handshakes);
    archive_u64(archive, &tls->resumed);
    archive_text(archive, tls->version, sizeof(tls->version));
    archive_text(archive, tls->cipher, sizeof(tls->cipher));
}

static void result_archive_seconds(struct archive *archive, struct result *result)
{
    uint32_t count = result->seconds_count;

    archive_count(archive, &count, RESULT_MAX_SECONDS);
    for (uint32_t i = 0; i < count && !archive->failed; i++)
        result_archive_second(archive, result_second(result, i));
}

static void result_archive_swarm(struct archive *archive, struct result *result)
{
    archive_histogram(archive, &result->loop_lag);
    archive_histogram(archive, &result->idle_lag);
    archive_histogram(archive, &result->publish_lag);
    archive_histogram(archive, &result->answer_delay);
    tally_archive(archive, &result->refusals);
    archive_u64(archive, &result->memory_before);
    archive_u64(archive, &result->memory_after);
}

void result_archive(struct archive *archive, struct result *result)
{
    archive_u32(archive, &result->clients);
    archive_u32(archive, &result->processes);
    measure_archive(archive, &result->measure);
    for (unsigned i = 0; i < result->measure.groups; i++)
        result_archive_group(archive, &result->groups[i]);
    result_archive_interval(archive, &result->connect);
    result_archive_interval(archive, &result->idle);
    for (unsigned i = 0; i < result->measure.round_count; i++)
        result_archive_interval(archive, &result->rounds[i]);
    archive_histogram(archive, &result->connect_lag);
    timeline_archive(archive, &result->begun);
    timeline_archive(archive, &result->connects);
    timeline_archive(archive, &result->pings);
    archive_u64(archive, &result->ping_interval_ns);
    archive_u64(archive, &result->settled_ns);
    archive_u64(archive, &result->end_ns);
    result_archive_swarm(archive, result);
    result_archive_behaviour(archive, &result->behaviour);
    directed_result_archive(archive, &result->directed);
    result_archive_tls(archive, &result->tls);
    result_archive_seconds(archive, result);
    archive_text(archive, result->stopped, sizeof(result->stopped));
}
