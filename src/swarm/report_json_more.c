/* What not every run has, and each second of it. */
#include <math.h>

#include "report_json.h"
#include "report_json_priv.h"

static json_t *report_json_behaviour(const struct result_behaviour *behaviour)
{
    json_t *object = json_object();

    report_json_set_count(object, "churning", behaviour->churning);
    report_json_set_count(object, "stalled", behaviour->stalled);
    report_json_set_count(object, "slow", behaviour->slow);
    report_json_set_count(object, "storms", behaviour->storms);
    report_json_set_count(object, "left", behaviour->left);
    report_json_set_count(object, "returned", behaviour->returned);
    report_json_set_count(object, "slow_messages", behaviour->slow_messages);
    json_object_set_new(object, "causes", report_json_tally(&behaviour->failures));
    json_object_set_new(object, "return_delay_ns", report_json_quantiles(&behaviour->return_delay));
    return object;
}

static json_t *report_json_directed(const struct directed_result *directed)
{
    json_t *object = json_object();

    report_json_set_count(object, "sent", directed->sent);
    report_json_set_count(object, "refused", directed->refused);
    report_json_set_count(object, "departed", directed->departed);
    report_json_set_count(object, "delivered", directed->delivered);
    report_json_set_count(object, "lost", directed->lost);
    report_json_set_count(object, "duplicated", directed->duplicated);
    report_json_set_count(object, "misdelivered", directed->misdelivered);
    report_json_set_count(object, "placed", directed->placed);
    json_object_set_new(object, "delay_ns", report_json_quantiles(&directed->delay));
    return object;
}

static json_t *report_json_tls(const struct result_tls *tls)
{
    if (tls->handshakes == 0)
        return json_null();
    return json_pack("{s:I,s:I,s:s,s:s}", "handshakes", (json_int_t)tls->handshakes, "resumed",
                     (json_int_t)tls->resumed, "version", tls->version, "cipher", tls->cipher);
}

static json_t *report_json_agents(const struct result *result)
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

static json_t *report_json_seconds(const struct result *result)
{
    const struct observation *before = &result->connect.before;
    json_t *array = json_array();

    for (unsigned i = 0; i < result->seconds_count; i++) {
        json_array_append_new(array, report_json_second(&result->seconds[i], before));
        before = &result->seconds[i].server;
    }
    return array;
}

void report_json_set_more(json_t *root, const struct result *result)
{
    json_object_set_new(root, "behaviour", report_json_behaviour(&result->behaviour));
    json_object_set_new(root, "directed", report_json_directed(&result->directed));
    json_object_set_new(root, "tls", report_json_tls(&result->tls));
    json_object_set_new(root, "agents", report_json_agents(result));
    json_object_set_new(root, "seconds", report_json_seconds(result));
}

bool report_json_save(const json_t *root, const char *file)
{
    return json_dump_file(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0;
}
