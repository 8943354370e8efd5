#include "report_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "stentor/base/clock.h"

#include "figures.h"

static json_t *report_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *report_json_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static void report_json_set(json_t *object, const char *name, double value)
{
    json_object_set_new(object, name, report_json_real(value));
}

static void report_json_set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, report_json_count(value));
}

static json_t *report_json_tally(const struct tally *tally)
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

static json_t *report_json_quantiles(const struct histogram *histogram)
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
    report_json_set(object, "swarm_cpu_ns", interval->swarm_cpu_ns);
    report_json_set(object, "swarm_cpu_share", interval->swarm_cpu_share);
    report_json_set(object, "wire_bytes", interval->wire_bytes);
    return object;
}

static json_t *report_json_mix(const struct mix *mix)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < mix->count; i++)
        report_json_set_count(object, mix->shares[i].transport->name, mix->shares[i].weight);
    return object;
}

static json_t *report_json_options(const struct options *options)
{
    json_t *object = json_object();

    report_json_set_count(object, "clients", options->clients);
    json_object_set_new(object, "transports", report_json_mix(&options->mix));
    json_object_set_new(object, "server", json_string(options->target.authority));
    json_object_set_new(object, "room",
                        options->room != NULL ? json_string(options->room) : json_null());
    report_json_set_count(object, "payload", options->payload);
    report_json_set_count(object, "in_flight", options->in_flight);
    report_json_set(object, "ramp_seconds", (double)options->ramp_ns / 1e9);
    report_json_set(object, "idle_seconds", (double)options->idle_ns / 1e9);
    return object;
}

static json_t *report_json_connects(const struct swarm *swarm)
{
    const struct crowd *crowd = swarm->crowd;
    struct figures_interval interval = figures_interval(&swarm->connect);
    struct timeline_peak peak = figures_connects(swarm);
    json_t *object = report_json_interval(&interval);

    report_json_set_count(object, "attempted", crowd->started);
    report_json_set_count(object, "connected", crowd->connected);
    report_json_set_count(object, "failed", crowd->failures.total);
    json_object_set_new(object, "causes", report_json_tally(&crowd->failures));
    json_object_set_new(object, "delay_ns", report_json_quantiles(&crowd->connect_delay));
    json_object_set_new(object, "start_lag_ns", report_json_quantiles(&crowd->connect_lag));
    report_json_set(object, "server_cpu_per_connect_ns", figures_server_cpu_per_connect_ns(swarm));
    report_json_set_peak(object, &peak);
    json_object_set_new(object, "buckets", report_json_timeline(&crowd->connects));
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
}

/* Names one transport. */
static json_t *report_json_transport(const struct swarm *swarm, unsigned i)
{
    const struct mix_share *share = &swarm->options->mix.shares[i];

    return json_pack("{s:s}", "transport", share->transport->name);
}

static json_t *report_json_round_transports(const struct swarm *swarm, unsigned round)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < swarm->options->mix.count; i++) {
        json_t *object = report_json_transport(swarm, i);

        report_json_set_part(object, &swarm->measure.rounds[round].groups[i]);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *report_json_round(const struct swarm *swarm, unsigned i)
{
    const struct measure_round *round = &swarm->measure.rounds[i];
    const struct plan_round *plan = &swarm->options->plan.rounds[i];
    struct figures_round figures = figures_round(swarm, i);
    json_t *object = report_json_interval(&figures.interval), *skew = json_object();

    report_json_set(object, "interval_seconds", (double)plan->interval_ns / 1e9);
    report_json_set(object, "duration_seconds", (double)plan->duration_ns / 1e9);
    report_json_set_count(object, "messages", round->messages);
    report_json_set_count(object, "refused", round->refused);
    report_json_set_count(object, "unanswered", round->unanswered);
    report_json_set_part(object, &round->all);
    json_object_set_new(object, "delay_buckets", report_json_buckets(&round->all.delay));
    report_json_set(skew, "mean", round->skew_mean_ns);
    report_json_set_count(skew, "max", round->skew_max_ns);
    json_object_set_new(object, "skew_ns", skew);
    report_json_set(object, "server_cpu_per_delivery_ns", figures.server_cpu_per_delivery_ns);
    report_json_set(object, "swarm_cpu_per_delivery_ns", figures.swarm_cpu_per_delivery_ns);
    report_json_set(object, "deliveries_per_second", figures.deliveries_per_second);
    report_json_set(object, "wire_per_payload_byte", figures.wire_per_payload_byte);
    json_object_set_new(object, "transports", report_json_round_transports(swarm, i));
    return object;
}

static json_t *report_json_rounds(const struct swarm *swarm)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < figures_rounds(swarm); i++)
        json_array_append_new(array, report_json_round(swarm, i));
    return array;
}

static json_t *report_json_totals(const struct swarm *swarm)
{
    struct figures_totals totals = figures_totals(swarm);
    json_t *object = json_object();

    report_json_set_count(object, "messages", totals.messages);
    report_json_set_count(object, "refused", totals.refused);
    report_json_set_count(object, "unanswered", totals.unanswered);
    report_json_set_count(object, "delivered", totals.delivered);
    report_json_set_count(object, "lost", totals.lost);
    report_json_set_count(object, "duplicated", totals.duplicated);
    report_json_set_count(object, "out_of_order", totals.out_of_order);
    report_json_set_count(object, "gap_notices", figures_gaps(swarm));
    report_json_set_count(object, "foreign", swarm->measure.foreign);
    return object;
}

/* Each transport's clients over the whole run. */
static json_t *report_json_transports(const struct swarm *swarm)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < swarm->options->mix.count; i++) {
        const struct audience *audience = &swarm->crowd->audiences[i];
        json_t *object = report_json_transport(swarm, i);

        report_json_set_count(object, "share", swarm->options->mix.shares[i].weight);
        report_json_set_count(object, "attempted", audience->attempted);
        report_json_set_count(object, "connected", audience->connected);
        report_json_set_count(object, "failed", audience->failures.total);
        json_object_set_new(object, "causes", report_json_tally(&audience->failures));
        report_json_set_count(object, "disconnects", audience->losses.total);
        json_object_set_new(object, "disconnect_causes", report_json_tally(&audience->losses));
        report_json_set_count(object, "gap_notices", audience->gaps);
        report_json_set_part(object, measure_group(&swarm->measure, i));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *report_json_publishing(const struct swarm *swarm)
{
    json_t *object = json_object();

    json_object_set_new(object, "answer_ns",
                        report_json_quantiles(&swarm->publisher->answer_delay));
    json_object_set_new(object, "lag_ns", report_json_quantiles(&swarm->publish_lag));
    report_json_set_count(object, "failed", swarm->publisher->refusals.total);
    json_object_set_new(object, "causes", report_json_tally(&swarm->publisher->refusals));
    return object;
}

static json_t *report_json_pings(const struct swarm *swarm)
{
    struct figures_pings pings = figures_pings(swarm);
    json_t *object = json_object();

    report_json_set_count(object, "received", swarm->crowd->pings.total);
    report_json_set(object, "interval_ms", pings.interval_ns > 0 ? pings.interval_ns / 1e6 : NAN);
    json_object_set_new(object, "steady", json_boolean(pings.steady));
    report_json_set_peak(object, &pings.peak);
    json_object_set_new(object, "buckets", report_json_timeline(&swarm->crowd->pings));
    return object;
}

static json_t *report_json_disconnects(const struct swarm *swarm)
{
    json_t *object = json_object();

    report_json_set_count(object, "total", swarm->crowd->losses.total);
    json_object_set_new(object, "causes", report_json_tally(&swarm->crowd->losses));
    return object;
}

static json_t *report_json_swarm(const struct swarm *swarm)
{
    struct figures_memory memory = figures_swarm_memory(swarm);
    const char *limit = figures_self_limit(swarm);
    json_t *object = json_object();

    json_object_set_new(object, "memory", report_json_memory(&memory));
    json_object_set_new(object, "loop_lag_ns", report_json_quantiles(&swarm->loop_lag));
    json_object_set_new(object, "warning", limit != NULL ? json_string(limit) : json_null());
    return object;
}

static json_t *report_json_server(const struct swarm *swarm)
{
    struct figures_memory memory = figures_server_memory(swarm);
    json_t *object;

    if (!swarm->has_server)
        return json_null();
    object = json_object();
    report_json_set_count(object, "pid", (uint64_t)swarm->options->pid);
    json_object_set_new(object, "memory", report_json_memory(&memory));
    return object;
}

static json_t *report_json_machine(void)
{
    json_t *object = json_object();
    struct utsname name;

    if (uname(&name) == 0) {
        json_object_set_new(object, "kernel", json_string(name.release));
        json_object_set_new(object, "architecture", json_string(name.machine));
    }
    report_json_set_count(object, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    return object;
}

bool report_json_write(const struct swarm *swarm, const char *file)
{
    struct figures_interval idle = figures_interval(&swarm->idle);
    json_t *root = json_object();
    bool ok;

    json_object_set_new(root, "program", json_string("stentor-swarm"));
    json_object_set_new(root, "version", json_string(STENTOR_VERSION));
    report_json_set(root, "ended", (double)clock_wall_us() / 1e6);
    json_object_set_new(root, "machine", report_json_machine());
    json_object_set_new(root, "options", report_json_options(swarm->options));
    json_object_set_new(root, "passed", json_boolean(swarm_passed(swarm)));
    json_object_set_new(root, "stopped",
                        swarm->stopped != NULL ? json_string(swarm->stopped) : json_null());
    json_object_set_new(root, "connects", report_json_connects(swarm));
    json_object_set_new(root, "idle", report_json_interval(&idle));
    json_object_set_new(root, "rounds", report_json_rounds(swarm));
    json_object_set_new(root, "totals", report_json_totals(swarm));
    json_object_set_new(root, "transports", report_json_transports(swarm));
    json_object_set_new(root, "publishing", report_json_publishing(swarm));
    json_object_set_new(root, "disconnects", report_json_disconnects(swarm));
    json_object_set_new(root, "pings", report_json_pings(swarm));
    json_object_set_new(root, "server", report_json_server(swarm));
    json_object_set_new(root, "swarm", report_json_swarm(swarm));
    ok = json_dump_file(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0;
    json_decref(root);
    return ok;
}
