#include "status.h"

static void status_max(uint64_t *max, uint64_t value)
{
    if (value > *max)
        *max = value;
}

void status_add(struct status *sum, const struct status *one)
{
    sum->started += one->started;
    sum->connected += one->connected;
    sum->failed += one->failed;
    sum->joined += one->joined;
    sum->settled += one->settled;
    status_max(&sum->messages, one->messages);
    sum->delivered += one->delivered;
    sum->arrived += one->arrived;
    status_max(&sum->p50_ns, one->p50_ns);
    status_max(&sum->p99_ns, one->p99_ns);
    status_max(&sum->lag_ns, one->lag_ns);
    sum->swarm_cpu += one->swarm_cpu;
    sum->server_cpu += one->server_cpu;
    status_max(&sum->server_rss, one->server_rss);
    sum->pings += one->pings;
}

void status_archive(struct archive *archive, struct status *status)
{
    archive_u8(archive, &status->phase);
    archive_u32(archive, &status->round);
    archive_bool(archive, &status->done);
    archive_u32(archive, &status->started);
    archive_u32(archive, &status->connected);
    archive_u32(archive, &status->failed);
    archive_u32(archive, &status->joined);
    archive_u32(archive, &status->settled);
    archive_u64(archive, &status->messages);
    archive_u64(archive, &status->delivered);
    archive_u64(archive, &status->arrived);
    archive_u64(archive, &status->p50_ns);
    archive_u64(archive, &status->p99_ns);
    archive_u64(archive, &status->lag_ns);
    archive_double(archive, &status->swarm_cpu);
    archive_double(archive, &status->server_cpu);
    archive_u64(archive, &status->server_rss);
    archive_u64(archive, &status->pings);
}
