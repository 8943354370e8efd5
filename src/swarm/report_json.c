#include "report_json.h"

#include <math.h>

#include "stentor/base/clock.h"

#include "report_json_priv.h"

static json_t *report_json_mix(const struct mix *mix)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < mix->count; i++)
        report_json_set_count(object, mix->shares[i].transport->name, mix->shares[i].weight);
    return object;
}

static json_t *report_json_behaviour_options(const struct behaviour *behaviour)
{
    json_t *object = json_object();

    report_json_set(object, "churn", behaviour->shares[BEHAVIOUR_CHURN] * 1.0 / BEHAVIOUR_WHOLE);
    report_json_set(object, "stalled",
                    behaviour->shares[BEHAVIOUR_STALLED] * 1.0 / BEHAVIOUR_WHOLE);
    report_json_set(object, "slow", behaviour->shares[BEHAVIOUR_SLOW] * 1.0 / BEHAVIOUR_WHOLE);
    report_json_set(object, "abrupt", behaviour->abrupt * 1.0 / BEHAVIOUR_WHOLE);
    report_json_set(object, "storm_seconds", (double)behaviour->storm_ns / 1e9);
    return object;
}

static json_t *report_json_options(const struct options *options)
{
    json_t *object = json_object();

    report_json_set_count(object, "clients", options->clients);
    json_object_set_new(object, "transports", report_json_mix(&options->mix));
    json_object_set_new(object, "server", json_string(options->target.authority));
    json_object_set_new(object, "tls", json_boolean(options->target.secure));
    json_object_set_new(object, "label", report_json_text(options->label));
    json_object_set_new(object, "room", report_json_text(options->room));
    report_json_set_count(object, "payload", options->payload);
    json_object_set_new(object, "payload_file", report_json_text(options->payload_file));
    report_json_set_count(object, "in_flight", options->in_flight);
    report_json_set(object, "directed_per_second", options->directed);
    json_object_set_new(object, "grid", report_json_text(options->grid));
    report_json_set(object, "ramp_seconds", (double)options->ramp_ns / 1e9);
    report_json_set(object, "idle_seconds", (double)options->idle_ns / 1e9);
    report_json_set(object, "max_lag_ns", (double)options->max_lag_ns);
    json_object_set_new(object, "behaviour", report_json_behaviour_options(&options->behaviour));
    return object;
}

static json_t *report_json_bursts(const struct result *result, const struct options *options)
{
    struct timeline_burst bursts[16];
    unsigned count = timeline_find_bursts(&result->connects, figures_ramp_buckets(options), bursts,
                                          ARRAY_LEN(bursts));
    json_t *array = json_array();

    for (unsigned i = 0; i < count && i < ARRAY_LEN(bursts); i++)
        json_array_append_new(
            array, json_pack("{s:f,s:f,s:I,s:f}", "at_seconds", bursts[i].first / 10.0, "seconds",
                             bursts[i].buckets / 10.0, "connects", (json_int_t)bursts[i].events,
                             "over_mean", bursts[i].by_mean));
    return array;
}

static json_t *report_json_connects(const struct result *result, const struct options *options)
{
    struct figures_interval interval = figures_interval(&result->connect);
    struct timeline_peak peak = figures_connects(result, options);
    struct figures_totals totals = figures_totals(result);
    json_t *object = report_json_interval(&interval);
    static struct histogram delay;

    figures_connect_delay(result, &delay);
    report_json_set_count(object, "attempted", totals.attempted);
    report_json_set_count(object, "connected", totals.connected);
    report_json_set_count(object, "failed", totals.failed);
    json_object_set_new(object, "causes", report_json_tally(&totals.failures));
    json_object_set_new(object, "delay_ns", report_json_quantiles(&delay));
    json_object_set_new(object, "start_lag_ns", report_json_quantiles(&result->connect_lag));
    report_json_set(object, "server_cpu_per_connect_ns", figures_server_cpu_per_connect_ns(result));
    report_json_set_peak(object, &peak);
    json_object_set_new(object, "buckets", report_json_timeline(&result->connects));
    json_object_set_new(object, "begun_buckets", report_json_timeline(&result->begun));
    json_object_set_new(object, "bursts", report_json_bursts(result, options));
    return object;
}

static json_t *report_json_publishing(const struct result *result)
{
    json_t *object = json_object();

    json_object_set_new(object, "answer_ns", report_json_quantiles(&result->answer_delay));
    json_object_set_new(object, "lag_ns", report_json_quantiles(&result->publish_lag));
    report_json_set_count(object, "failed", result->refusals.total);
    json_object_set_new(object, "causes", report_json_tally(&result->refusals));
    return object;
}

static json_t *report_json_pings(const struct result *result)
{
    struct figures_pings pings = figures_pings(result);
    json_t *object = json_object();

    report_json_set_count(object, "received", result->pings.total);
    report_json_set(object, "interval_ms", pings.interval_ns > 0 ? pings.interval_ns / 1e6 : NAN);
    json_object_set_new(object, "steady", json_boolean(pings.steady));
    report_json_set_peak(object, &pings.peak);
    json_object_set_new(object, "buckets", report_json_timeline(&result->pings));
    return object;
}

static json_t *report_json_disconnects(const struct result *result)
{
    struct figures_totals totals = figures_totals(result);
    json_t *object = json_object();

    report_json_set_count(object, "total", totals.disconnects);
    json_object_set_new(object, "causes", report_json_tally(&totals.losses));
    return object;
}

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

static json_t *report_json_verdict(const struct judgement *judgement)
{
    json_t *object = json_object(), *reasons = json_array(), *bounds = json_array();

    for (unsigned i = 0; i < judgement->reason_count; i++)
        json_array_append_new(reasons, json_string(judgement->reasons[i]));
    for (unsigned i = 0; i < judgement->bound_count; i++) {
        json_t *bound = json_pack("{s:s,s:b}", "text", judgement->bounds[i].text, "met",
                                  judgement->bounds[i].met);

        report_json_set(bound, "value", judgement->bounds[i].value);
        json_array_append_new(bounds, bound);
    }
    json_object_set_new(object, "valid", json_boolean(judgement->reason_count == 0));
    json_object_set_new(object, "reasons", reasons);
    json_object_set_new(object, "bounds", bounds);
    json_object_set_new(object, "exit_status", json_integer(judge_status(judgement)));
    return object;
}

static void report_json_set_parts(json_t *root, const struct result *result,
                                  const struct options *options)
{
    struct figures_interval idle = figures_interval(&result->idle);
    json_t *object = report_json_interval(&idle);

    report_json_set(object, "begin_seconds", report_json_time(result, result->idle.begin_ns));
    report_json_set(object, "end_seconds", report_json_time(result, result->idle.end_ns));
    json_object_set_new(root, "connects", report_json_connects(result, options));
    json_object_set_new(root, "idle", object);
    json_object_set_new(root, "rounds", report_json_rounds(result, options));
    json_object_set_new(root, "totals", report_json_totals(result));
    json_object_set_new(root, "transports", report_json_transports(result, options));
    json_object_set_new(root, "publishing", report_json_publishing(result));
    json_object_set_new(root, "disconnects", report_json_disconnects(result));
    json_object_set_new(root, "pings", report_json_pings(result));
    json_object_set_new(root, "server", report_json_server(result, options));
    json_object_set_new(root, "behaviour", report_json_behaviour(&result->behaviour));
    json_object_set_new(root, "directed", report_json_directed(&result->directed));
    json_object_set_new(root, "tls", report_json_tls(&result->tls));
    json_object_set_new(root, "agents", report_json_agents(result));
    json_object_set_new(root, "seconds", report_json_seconds(result));
}

json_t *report_json(const struct result *result, const struct options *options,
                    const struct judgement *judgement)
{
    json_t *root = json_object();

    json_object_set_new(root, "program", json_string("stentor-swarm"));
    json_object_set_new(root, "version", json_string(STENTOR_VERSION));
    report_json_set(root, "ended", (double)clock_wall_us() / 1e6);
    json_object_set_new(root, "machine", report_json_machine());
    json_object_set_new(root, "processes", report_json_count(result->processes));
    json_object_set_new(root, "options", report_json_options(options));
    json_object_set_new(root, "passed", json_boolean(judgement->passed));
    json_object_set_new(root, "verdict", report_json_verdict(judgement));
    json_object_set_new(root, "stopped",
                        report_json_text(result->stopped[0] != '\0' ? result->stopped : NULL));
    report_json_set_parts(root, result, options);
    json_object_set_new(root, "swarm", report_json_swarm(result, judgement));
    return root;
}

bool report_json_save(const json_t *root, const char *file)
{
    return json_dump_file(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0;
}
