#include "report_json_priv.h"

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

json_t *report_json_rounds(const struct result *result, const struct options *options)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < figures_rounds(result); i++)
        json_array_append_new(array, report_json_round(result, options, i));
    return array;
}

json_t *report_json_totals(const struct result *result)
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

json_t *report_json_transports(const struct result *result, const struct options *options)
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
