#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "report_json_priv.h"

static json_t *report_json_memory(const struct figures_memory *memory)
{
    json_t *object = json_object();

    report_json_set(object, "before", memory->before);
    report_json_set(object, "connected", memory->connected);
    report_json_set(object, "idle", memory->idle);
    report_json_set(object, "per_client", memory->per_client);
    return object;
}

json_t *report_json_swarm(const struct result *result, const struct judgement *judgement)
{
    struct figures_memory memory = figures_swarm_memory(result);
    char verdict[JUDGE_MAX_TEXT];
    json_t *object = json_object();

    judge_verdict(judgement, verdict);
    json_object_set_new(object, "memory", report_json_memory(&memory));
    json_object_set_new(object, "loop_lag_ns", report_json_quantiles(&result->loop_lag));
    json_object_set_new(object, "idle_lag_ns", report_json_quantiles(&result->idle_lag));
    json_object_set_new(object, "warning",
                        judgement->reason_count > 0 ? json_string(verdict) : json_null());
    return object;
}

json_t *report_json_server(const struct result *result, const struct options *options)
{
    struct figures_memory memory = figures_server_memory(result);
    json_t *object;

    if (!figures_has_server(result))
        return json_null();
    object = json_object();
    report_json_set_count(object, "pid", (uint64_t)options->pid);
    json_object_set_new(object, "memory", report_json_memory(&memory));
    return object;
}

json_t *report_json_machine(void)
{
    json_t *object = json_object();
    struct utsname name;

    if (uname(&name) == 0) {
        json_object_set_new(object, "host", json_string(name.nodename));
        json_object_set_new(object, "kernel", json_string(name.release));
        json_object_set_new(object, "architecture", json_string(name.machine));
    }
    report_json_set_count(object, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    return object;
}

json_t *report_json_agents(const struct result *result)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < result->agent_count; i++) {
        const struct result_agent *agent = &result->agents[i];
        json_t *object = json_object();

        json_object_set_new(object, "name", json_string(agent->name));
        report_json_set_count(object, "clients", agent->clients);
        json_object_set_new(object, "same_clock", json_boolean(agent->same_clock));
        report_json_set(object, "clock_offset_ns", (double)agent->offset_ns);
        report_json_set(object, "clock_error_ns", (double)agent->error_ns);
        report_json_set(object, "clock_drift_ns", (double)agent->drift_ns);
        report_json_set(object, "cpu_max", agent->cpu_max);
        report_json_set_count(object, "lag_p99_ns", agent->lag_p99_ns);
        report_json_set_count(object, "memory_per_client", agent->memory_per_client);
        json_object_set_new(object, "ended",
                            agent->ended[0] != '\0' ? json_string(agent->ended) : json_null());
        json_array_append_new(array, object);
    }
    return array;
}

/* The server's share of a processor between two observations; NAN when they say nothing new. */
static double report_json_cpu(const struct proc_usage *before, const struct proc_usage *after)
{
    if (before->time_ns == 0 || after->time_ns <= before->time_ns)
        return NAN;
    return (double)(after->cpu_ns - before->cpu_ns) / (double)(after->time_ns - before->time_ns);
}

static double report_json_switches(const struct proc_usage *before, const struct proc_usage *after)
{
    if (before->time_ns == 0 || after->time_ns <= before->time_ns || after->switches == 0)
        return NAN;
    return (double)(after->switches - before->switches) * 1e9 /
           (double)(after->time_ns - before->time_ns);
}

static double report_json_known(uint64_t value)
{
    return value > 0 ? (double)value : NAN;
}

static json_t *report_json_second(const struct result_second *second,
                                  const struct observation *before)
{
    const struct proc_usage *server = &second->server.process;
    json_t *object = json_object();
    static struct histogram delay;

    histogram_init(&delay);
    if (!histogram_merge_sparse(&delay, &second->delay))
        histogram_init(&delay);
    report_json_set_count(object, "clients", second->joined);
    report_json_set_count(object, "delivered", delay.count);
    report_json_set(object, "p50", delay.count > 0 ? (double)histogram_quantile(&delay, 0.5) : NAN);
    report_json_set(object, "p99",
                    delay.count > 0 ? (double)histogram_quantile(&delay, 0.99) : NAN);
    report_json_set(object, "max", delay.count > 0 ? (double)delay.max : NAN);
    report_json_set(object, "server_cpu", report_json_cpu(&before->process, server));
    report_json_set(object, "server_rss", report_json_known(server->rss));
    report_json_set(object, "server_pss", report_json_known(server->pss));
    report_json_set(object, "server_threads", report_json_known(server->threads));
    report_json_set(object, "server_switches", report_json_switches(&before->process, server));
    report_json_set(object, "sockets", report_json_known(second->server.sockets));
    report_json_set(object, "swarm_cpu", (double)second->swarm_cpu_ns / 1e9);
    report_json_set_count(object, "swarm_rss", second->swarm_rss);
    report_json_set_count(object, "lag", second->lag_ns);
    return object;
}

json_t *report_json_seconds(const struct result *result)
{
    const struct observation *before = &result->connect.before;
    json_t *array = json_array();

    for (unsigned i = 0; i < result->seconds_count; i++) {
        json_array_append_new(array, report_json_second(&result->seconds[i], before));
        before = &result->seconds[i].server;
    }
    return array;
}
