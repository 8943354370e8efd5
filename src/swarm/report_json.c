#include "report_json.h"

#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "stentor/base/clock.h"

#include "figures.h"
#include "report_json_priv.h"

static json_t *report_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *report_json_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

void report_json_set(json_t *object, const char *name, double value)
{
    json_object_set_new(object, name, report_json_real(value));
}

void report_json_set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, report_json_count(value));
}

json_t *report_json_tally(const struct tally *tally)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < tally->used; i++) {
        const struct tally_entry *entry = &tally->entries[i];
        json_t *label = json_string(entry->label); /* NULL: a server's text, cut within UTF-8 */

        json_object_set_new(object, label != NULL ? entry->label : "not_utf8",
                            report_json_count(entry->count));
        json_decref(label);
    }
    return object;
}

json_t *report_json_quantiles(const struct histogram *histogram)
{
    json_t *object = json_object();

    report_json_set_count(object, "count", histogram->count);
    report_json_set_count(object, "min", histogram->count > 0 ? histogram->min : 0);
    report_json_set(object, "mean", histogram_mean(histogram));
    report_json_set_count(object, "p50", histogram_quantile(histogram, 0.5));
    report_json_set_count(object, "p90", histogram_quantile(histogram, 0.9));
    report_json_set_count(object, "p99", histogram_quantile(histogram, 0.99));
    report_json_set_count(object, "p99.9", histogram_quantile(histogram, 0.999));
    report_json_set_count(object, "max", histogram->max);
    return object;
}

/* [[low, high, count], ...]: enough to merge the histograms of several swarms exactly. */
static json_t *report_json_buckets(const struct histogram *histogram)
{
    json_t *array = json_array();
    struct histogram_bucket bucket;
    unsigned pos = 0;

    while (histogram_next(histogram, &pos, &bucket))
        json_array_append_new(array, json_pack("[I,I,I]", (json_int_t)bucket.low,
                                               (json_int_t)bucket.high, (json_int_t)bucket.count));
    return array;
}

static json_t *report_json_timeline(const struct timeline *timeline)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < timeline->len; i++)
        json_array_append_new(array, json_integer(timeline->counts[i]));
    return array;
}

static void report_json_set_peak(json_t *object, const struct timeline_peak *peak)
{
    report_json_set_count(object, "bucket_ms", TIMELINE_BUCKET_NS / 1000000u);
    report_json_set_count(object, "bucket_max", peak->max);
    report_json_set(object, "bucket_mean", peak->buckets > 0 ? peak->mean : NAN);
    report_json_set(object, "bucket_max_over_mean", peak->mean > 0 ? peak->max / peak->mean : NAN);
}

static json_t *report_json_interval(const struct figures_interval *interval)
{
    json_t *object = json_object();

    report_json_set(object, "seconds", interval->seconds);
    report_json_set(object, "server_cpu_ns", interval->server_cpu_ns);
    report_json_set(object, "server_cpu_share", interval->server_cpu_share);
    report_json_set(object, "server_memory", interval->server_memory);
    report_json_set(object, "server_pss", interval->server_pss);
    report_json_set(object, "server_threads", interval->server_threads);
    report_json_set(object, "server_context_switches_per_second", interval->server_switches);
    report_json_set(object, "kernel_socket_memory", interval->socket_memory);
    report_json_set(object, "swarm_cpu_ns", interval->swarm_cpu_ns);
    report_json_set(object, "swarm_cpu_share", interval->swarm_cpu_share);
    report_json_set(object, "wire_bytes", interval->received);
    report_json_set(object, "wire_bytes_sent", interval->sent);
    return object;
}

static json_t *report_json_mix(const struct mix *mix)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < mix->count; i++)
        report_json_set_count(object, mix->shares[i].transport->name, mix->shares[i].weight);
    return object;
}

static json_t *report_json_text(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
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

static json_t *report_json_memory(const struct figures_memory *memory)
{
    json_t *object = json_object();

    report_json_set(object, "before", memory->before);
    report_json_set(object, "connected", memory->connected);
    report_json_set(object, "idle", memory->idle);
    report_json_set(object, "per_client", memory->per_client);
    return object;
}

static void report_json_set_part(json_t *object, const struct measure_part *part)
{
    report_json_set_count(object, "delivered", part->delivered);
    report_json_set_count(object, "lost", part->lost);
    report_json_set_count(object, "duplicated", part->duplicated);
    report_json_set_count(object, "out_of_order", part->out_of_order);
    json_object_set_new(object, "delay_ns", report_json_quantiles(&part->delay));
    report_json_set(object, "relative_delay_ns", part->relative_ns);
    json_object_set_new(object, "relative_ns", report_json_quantiles(&part->relative));
}

/* Names one transport. */
static json_t *report_json_transport(const struct options *options, unsigned i)
{
    return json_pack("{s:s}", "transport", options->mix.shares[i].transport->name);
}

static json_t *report_json_round_transports(const struct result *result,
                                            const struct options *options, unsigned round)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < options->mix.count; i++) {
        const struct measure_part *part = &result->measure.rounds[round].groups[i];
        json_t *object = report_json_transport(options, i);

        report_json_set_part(object, part);
        json_object_set_new(object, "delay_buckets", report_json_buckets(&part->delay));
        json_array_append_new(array, object);
    }
    return array;
}

/* Seconds since the connects began. */
static double report_json_time(const struct result *result, uint64_t ns)
{
    return ns == 0 ? NAN : ((double)ns - (double)result->connects.start_ns) / 1e9;
}

static json_t *report_json_round(const struct result *result, const struct options *options,
                                 unsigned i)
{
    const struct measure_round *round = &result->measure.rounds[i];
    const struct plan_round *plan = &options->plan.rounds[i];
    struct figures_round figures = figures_round(result, i);
    json_t *object = report_json_interval(&figures.interval), *skew;

    report_json_set(object, "begin_seconds", report_json_time(result, result->rounds[i].begin_ns));
    report_json_set(object, "end_seconds", report_json_time(result, result->rounds[i].end_ns));
    report_json_set(object, "interval_seconds", (double)plan->interval_ns / 1e9);
    report_json_set(object, "duration_seconds", (double)plan->duration_ns / 1e9);
    report_json_set_count(object, "messages", round->messages);
    report_json_set_count(object, "refused", round->refused);
    report_json_set_count(object, "unanswered", round->unanswered);
    report_json_set_part(object, &round->all);
    report_json_set(object, "relative_delay_from_first_ns", round->from_first_ns);
    json_object_set_new(object, "delay_buckets", report_json_buckets(&round->all.delay));
    json_object_set_new(object, "relative_buckets", report_json_buckets(&round->all.relative));
    skew = report_json_quantiles(&round->skew);
    json_object_set_new(object, "skew_ns", skew);
    report_json_set(object, "server_cpu_per_delivery_ns", figures.server_cpu_per_delivery_ns);
    report_json_set(object, "swarm_cpu_per_delivery_ns", figures.swarm_cpu_per_delivery_ns);
    report_json_set(object, "swarm_cpu_max", result->rounds[i].swarm_cpu_max);
    report_json_set(object, "swarm_wait_max", result->rounds[i].swarm_wait_max);
    report_json_set(object, "deliveries_per_second", figures.deliveries_per_second);
    report_json_set(object, "wire_per_payload_byte", figures.wire_per_payload_byte);
    json_object_set_new(object, "transports", report_json_round_transports(result, options, i));
    return object;
}

static json_t *report_json_rounds(const struct result *result, const struct options *options)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < figures_rounds(result); i++)
        json_array_append_new(array, report_json_round(result, options, i));
    return array;
}

static json_t *report_json_totals(const struct result *result)
{
    struct figures_totals totals = figures_totals(result);
    json_t *object = json_object();
    static struct histogram delay;

    figures_delay(result, &delay);
    report_json_set_count(object, "messages", totals.messages);
    report_json_set_count(object, "refused", totals.refused);
    report_json_set_count(object, "unanswered", totals.unanswered);
    report_json_set_count(object, "delivered", totals.delivered);
    report_json_set_count(object, "lost", totals.lost);
    report_json_set_count(object, "duplicated", totals.duplicated);
    report_json_set_count(object, "out_of_order", totals.out_of_order);
    report_json_set_count(object, "gap_notices", totals.gaps);
    report_json_set_count(object, "foreign", result->measure.foreign);
    report_json_set(object, "server_cpu_per_delivery_ns",
                    figures_server_cpu_per_delivery_ns(result));
    json_object_set_new(object, "delay_ns", report_json_quantiles(&delay));
    return object;
}

/* Each transport's clients over the whole run. */
static json_t *report_json_transports(const struct result *result, const struct options *options)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < options->mix.count; i++) {
        const struct result_group *group = &result->groups[i];
        json_t *object = report_json_transport(options, i);

        report_json_set_count(object, "share", options->mix.shares[i].weight);
        report_json_set_count(object, "attempted", group->attempted);
        report_json_set_count(object, "connected", group->connected);
        report_json_set_count(object, "failed", group->failures.total);
        json_object_set_new(object, "causes", report_json_tally(&group->failures));
        report_json_set_count(object, "disconnects", group->losses.total);
        json_object_set_new(object, "disconnect_causes", report_json_tally(&group->losses));
        report_json_set_count(object, "upgraded", group->upgraded);
        json_object_set_new(object, "upgrade_causes", report_json_tally(&group->upgrade_failures));
        report_json_set_count(object, "gap_notices", group->gaps);
        json_object_set_new(object, "connect_delay_ns",
                            report_json_quantiles(&group->connect_delay));
        report_json_set_part(object, measure_group(&result->measure, i));
        json_array_append_new(array, object);
    }
    return array;
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

static json_t *report_json_swarm(const struct result *result, const struct judgement *judgement)
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

static json_t *report_json_server(const struct result *result, const struct options *options)
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

static json_t *report_json_machine(void)
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
    report_json_set_more(root, result);
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
