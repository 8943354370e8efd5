#include "stats.h"

#include <inttypes.h>
#include <stddef.h>

static const struct {
    const char *label;
    int is_error;
    const char *text;
} close_reasons[] = {
#define CLOSE_REASON(symbol, label, error, text) {label, error, text},
#include "close_reasons.def"
#undef CLOSE_REASON
};

static const struct {
    size_t offset;
    const char *type;
    const char *name;
    const char *help;
} stats_table[] = {
#define STAT(field, type, name, help) {offsetof(struct stats, field), #type, name, help},
#include "stats.def"
#undef STAT
};

/* The upper bounds of the buckets. */
static const unsigned stats_bounds_us[STATS_BUCKETS] = {
    100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 500000, 2000000, 10000000,
};

void stats_observe(struct stats_histogram *histogram, uint64_t us)
{
    size_t i = 0;

    while (i < STATS_BUCKETS && us > stats_bounds_us[i])
        i++;
    stats_add(&histogram->buckets[i], 1);
    stats_add(&histogram->sum_us, us);
}

const char *close_reason_text(enum close_reason reason)
{
    return close_reasons[reason].text;
}

int close_reason_is_error(enum close_reason reason)
{
    return close_reasons[reason].is_error;
}

uint64_t stats_clients(const struct stats *stats)
{
    return stats_get(&stats->clients_native) + stats_get(&stats->clients_socketio) +
           stats_get(&stats->clients_sse);
}

/* The struct is nothing but values, so it can be walked as an array of them. */
void stats_sum(struct stats *sum, const struct stats *part)
{
    stats_value *to = (stats_value *)sum;
    const stats_value *from = (const stats_value *)part;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        stats_add(&to[i], stats_get(&from[i]));
}

static uint64_t stats_read(const struct stats *stats, size_t offset)
{
    return stats_get((const stats_value *)(const void *)((const char *)stats + offset));
}

static void stats_append_family(struct strbuf *out, const char *name, const char *type,
                                const char *help)
{
    strbuf_printf(out, "# HELP stentor_%s %s\n# TYPE stentor_%s %s\n", name, help, name, type);
}

static void stats_append_histogram(struct strbuf *out, const char *name, const char *help,
                                   const struct stats_histogram *histogram)
{
    uint64_t count = 0;

    stats_append_family(out, name, "histogram", help);
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        count += stats_get(&histogram->buckets[i]);
        strbuf_printf(out, "stentor_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                      stats_bounds_us[i] / 1e6, count);
    }
    count += stats_get(&histogram->buckets[STATS_BUCKETS]);
    strbuf_printf(out,
                  "stentor_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nstentor_%s_sum %.6f\n"
                  "stentor_%s_count %" PRIu64 "\n",
                  name, count, name, (double)stats_get(&histogram->sum_us) / 1e6, name, count);
}

void stats_append_prometheus(struct strbuf *out, const struct stats *stats)
{
    for (size_t i = 0; i < ARRAY_LEN(stats_table); i++) {
        stats_append_family(out, stats_table[i].name, stats_table[i].type, stats_table[i].help);
        strbuf_printf(out, "stentor_%s %" PRIu64 "\n", stats_table[i].name,
                      stats_read(stats, stats_table[i].offset));
    }
    stats_append_family(out, "closes_total", "counter", "Connections ended, by reason.");
    for (size_t i = 0; i < CLOSE_REASON_COUNT; i++)
        strbuf_printf(out, "stentor_closes_total{reason=\"%s\"} %" PRIu64 "\n",
                      close_reasons[i].label, stats_get(&stats->closes[i]));
    stats_append_family(out, "encodings_total", "counter", "Encodings built, by dialect.");
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        strbuf_printf(out, "stentor_encodings_total{dialect=\"%s\"} %" PRIu64 "\n",
                      dialect_name((enum dialect)i), stats_get(&stats->encodings[i]));
    stats_append_histogram(out, "pong_delay_seconds",
                           "Heartbeats: from the ping until something was heard of the client.",
                           &stats->pong_delay);
    stats_append_histogram(out, "fanout_seconds",
                           "Fan-outs of a room on a thread: from the first client to the last.",
                           &stats->fanout_time);
}

static void stats_append_json_histogram(struct strbuf *out, const char *name,
                                        const struct stats_histogram *histogram)
{
    strbuf_printf(out, ",\"%s\":{\"sum_us\":%" PRIu64 ",\"buckets\":[", name,
                  stats_get(&histogram->sum_us));
    for (size_t i = 0; i <= STATS_BUCKETS; i++) {
        if (i < STATS_BUCKETS)
            strbuf_printf(out, "%s[%u,", i > 0 ? "," : "", stats_bounds_us[i]);
        else
            strbuf_append_str(out, ",[null,");
        strbuf_printf(out, "%" PRIu64 "]", stats_get(&histogram->buckets[i]));
    }
    strbuf_append_str(out, "]}");
}

void stats_append_json(struct strbuf *out, const struct stats *stats)
{
    for (size_t i = 0; i < ARRAY_LEN(stats_table); i++)
        strbuf_printf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", stats_table[i].name,
                      stats_read(stats, stats_table[i].offset));
    strbuf_append_str(out, ",\"closes\":{");
    for (size_t i = 0; i < CLOSE_REASON_COUNT; i++)
        strbuf_printf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", close_reasons[i].label,
                      stats_get(&stats->closes[i]));
    strbuf_append_str(out, "},\"encodings\":{");
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        strbuf_printf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", dialect_name((enum dialect)i),
                      stats_get(&stats->encodings[i]));
    strbuf_append_char(out, '}');
    stats_append_json_histogram(out, "pong_delay", &stats->pong_delay);
    stats_append_json_histogram(out, "fanout_time", &stats->fanout_time);
}
