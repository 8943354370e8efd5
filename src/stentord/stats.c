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

const char *close_reason_text(enum close_reason reason)
{
    return close_reasons[reason].text;
}

int close_reason_is_error(enum close_reason reason)
{
    return close_reasons[reason].is_error;
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
}
