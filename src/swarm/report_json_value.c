#include <math.h>

#include "report_json_priv.h"

static json_t *report_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *report_json_count(uint64_t value)
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

json_t *report_json_text(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
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

json_t *report_json_buckets(const struct histogram *histogram)
{
    json_t *array = json_array();
    struct histogram_bucket bucket;
    unsigned pos = 0;

    while (histogram_next(histogram, &pos, &bucket))
        json_array_append_new(array, json_pack("[I,I,I]", (json_int_t)bucket.low,
                                               (json_int_t)bucket.high, (json_int_t)bucket.count));
    return array;
}

json_t *report_json_timeline(const struct timeline *timeline)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < timeline->len; i++)
        json_array_append_new(array, json_integer(timeline->counts[i]));
    return array;
}

void report_json_set_peak(json_t *object, const struct timeline_peak *peak)
{
    report_json_set_count(object, "bucket_ms", TIMELINE_BUCKET_NS / 1000000u);
    report_json_set_count(object, "bucket_max", peak->max);
    report_json_set(object, "bucket_mean", peak->buckets > 0 ? peak->mean : NAN);
    report_json_set(object, "bucket_max_over_mean", peak->mean > 0 ? peak->max / peak->mean : NAN);
}

json_t *report_json_interval(const struct figures_interval *interval)
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

double report_json_time(const struct result *result, uint64_t ns)
{
    return ns == 0 ? NAN : ((double)ns - (double)result->connects.start_ns) / 1e9;
}
