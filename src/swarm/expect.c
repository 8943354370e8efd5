#include "expect.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

const char expect_default[] =
    "connected=100%,disconnects=0,refused=0,loss=0,duplicates=0,order=0,misdelivered=0";

enum expect_unit { EXPECT_COUNT, EXPECT_TIME, EXPECT_BYTES };

static const struct {
    const char *name;
    enum expect_figure figure;
    enum expect_unit unit;
} expect_figures[EXPECT_FIGURES] = {
    {"loss", EXPECT_LOSS, EXPECT_COUNT},
    {"duplicates", EXPECT_DUPLICATES, EXPECT_COUNT},
    {"order", EXPECT_ORDER, EXPECT_COUNT},
    {"refused", EXPECT_REFUSED, EXPECT_COUNT},
    {"disconnects", EXPECT_DISCONNECTS, EXPECT_COUNT},
    {"failed", EXPECT_FAILED, EXPECT_COUNT},
    {"connected", EXPECT_CONNECTED, EXPECT_COUNT},
    {"misdelivered", EXPECT_MISDELIVERED, EXPECT_COUNT},
    {"p50", EXPECT_P50, EXPECT_TIME},
    {"p90", EXPECT_P90, EXPECT_TIME},
    {"p99", EXPECT_P99, EXPECT_TIME},
    {"p99.9", EXPECT_P999, EXPECT_TIME},
    {"max", EXPECT_MAX_DELAY, EXPECT_TIME},
    {"mean", EXPECT_MEAN, EXPECT_TIME},
    {"relative", EXPECT_RELATIVE, EXPECT_TIME},
    {"skew", EXPECT_SKEW, EXPECT_TIME},
    {"connect-p99", EXPECT_CONNECT_P99, EXPECT_TIME},
    {"return-p99", EXPECT_RETURN_P99, EXPECT_TIME},
    {"directed-p99", EXPECT_DIRECTED_P99, EXPECT_TIME},
    {"cpu", EXPECT_CPU, EXPECT_TIME},
    {"memory", EXPECT_MEMORY, EXPECT_BYTES},
};

static const struct {
    const char *text;
    enum expect_comparison comparison;
} expect_comparisons[] = {
    {"<=", EXPECT_AT_MOST}, {">=", EXPECT_AT_LEAST}, {"<", EXPECT_BELOW},
    {">", EXPECT_ABOVE},    {"=", EXPECT_EQUAL},
};

/* The figure whose name the text begins with, a comparison being next; its index or -1. */
static int expect_find(const char *text)
{
    size_t len = strcspn(text, "<>=");

    for (int i = 0; i < EXPECT_FIGURES; i++)
        if (strlen(expect_figures[i].name) == len &&
            strncmp(text, expect_figures[i].name, len) == 0)
            return i;
    return -1;
}

static bool expect_parse_value(const char *text, enum expect_unit unit, struct expect_bound *bound)
{
    uint64_t ns;
    char *end;

    if (unit == EXPECT_TIME) {
        if (!plan_parse_duration(text, &ns))
            return false;
        bound->value = (double)ns;
        return true;
    }
    bound->value = strtod(text, &end);
    if (end == text || !isfinite(bound->value) || bound->value < 0)
        return false;
    bound->is_share = unit == EXPECT_COUNT && strcmp(end, "%") == 0;
    if (bound->is_share)
        bound->value /= 100;
    return bound->is_share || *end == '\0';
}

static bool expect_parse_bound(struct expect_bound *bound)
{
    const char *text = bound->text;
    int found = expect_find(text);

    if (found < 0)
        return false;
    bound->figure = expect_figures[found].figure;
    text += strlen(expect_figures[found].name);
    for (size_t i = 0; i < ARRAY_LEN(expect_comparisons); i++) {
        size_t len = strlen(expect_comparisons[i].text);

        if (strncmp(text, expect_comparisons[i].text, len) != 0)
            continue;
        bound->comparison = expect_comparisons[i].comparison;
        return expect_parse_value(text + len, expect_figures[found].unit, bound);
    }
    return false;
}

bool expect_parse(const char *text, struct expect *expect, const char **bad)
{
    memset(expect, 0, sizeof(*expect));
    if (strcmp(text, "none") == 0)
        return true;
    for (;;) {
        struct expect_bound *bound = &expect->bounds[expect->count];
        size_t len = strcspn(text, ",");

        *bad = text;
        if (expect->count == EXPECT_MAX || len >= EXPECT_MAX_TEXT)
            return false;
        snprintf(bound->text, sizeof(bound->text), "%.*s", (int)len, text);
        if (!expect_parse_bound(bound))
            return false;
        expect->count++;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

bool expect_met(const struct expect_bound *bound, double value)
{
    if (isnan(value))
        return false;
    switch (bound->comparison) {
    case EXPECT_EQUAL:
        return value == bound->value;
    case EXPECT_BELOW:
        return value < bound->value;
    case EXPECT_AT_MOST:
        return value <= bound->value;
    case EXPECT_ABOVE:
        return value > bound->value;
    case EXPECT_AT_LEAST:
        return value >= bound->value;
    }
    return false;
}
