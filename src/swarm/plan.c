#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_DEFAULT_DURATION_NS 10000000000u
#define PLAN_MAX_NS 1e16 /* 115 days */

static bool plan_parse_part(const char *text, size_t len, uint64_t *ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"h", 3600e9}};
    char copy[32];
    char *unit;
    double value;

    if (len == 0 || len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    value = strtod(copy, &unit);
    if (unit == copy || !isfinite(value) || value < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            if (value * units[i].ns > PLAN_MAX_NS)
                return false;
            *ns = (uint64_t)(value * units[i].ns);
            return true;
        }
    }
    return false;
}

bool plan_parse_duration(const char *text, uint64_t *ns)
{
    return plan_parse_part(text, strlen(text), ns);
}

static bool plan_parse_round(const char *text, size_t len, struct plan_round *round)
{
    const char *colon = memchr(text, ':', len);
    size_t interval_len = colon != NULL ? (size_t)(colon - text) : len;

    round->duration_ns = PLAN_DEFAULT_DURATION_NS;
    if (colon != NULL && interval_len == 4 && strncmp(text, "none", 4) == 0)
        round->interval_ns = 0;
    else if (!plan_parse_part(text, interval_len, &round->interval_ns) || round->interval_ns == 0)
        return false;
    return colon == NULL ||
           (plan_parse_part(colon + 1, len - interval_len - 1, &round->duration_ns) &&
            round->duration_ns > 0);
}

bool plan_parse(const char *text, struct plan *plan)
{
    plan->count = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (;;) {
        size_t len = strcspn(text, ",");

        if (plan->count == PLAN_MAX_ROUNDS ||
            !plan_parse_round(text, len, &plan->rounds[plan->count]))
            return false;
        plan->count++;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

uint64_t plan_messages(const struct plan_round *round)
{
    uint64_t n;

    if (round->interval_ns == 0)
        return 0;
    n = round->duration_ns / round->interval_ns;
    return n > 0 ? n : 1;
}

uint64_t plan_round_ns(const struct plan_round *round)
{
    return round->interval_ns == 0 ? round->duration_ns : plan_messages(round) * round->interval_ns;
}

uint64_t plan_total_messages(const struct plan *plan)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < plan->count; i++)
        total += plan_messages(&plan->rounds[i]);
    return total;
}

uint64_t plan_total_ns(const struct plan *plan)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < plan->count; i++)
        total += plan->rounds[i].duration_ns;
    return total;
}
