#include "behaviour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define BEHAVIOUR_SECOND_NS 1000000000u

enum { BEHAVIOUR_MAX_TEXT = 64, BEHAVIOUR_SLOW_RATE = 1000 };

void behaviour_init(struct behaviour *behaviour)
{
    memset(behaviour, 0, sizeof(*behaviour));
    behaviour->stay_min_ns = 5u * (uint64_t)BEHAVIOUR_SECOND_NS;
    behaviour->stay_max_ns = 30u * (uint64_t)BEHAVIOUR_SECOND_NS;
    behaviour->slow_rate = BEHAVIOUR_SLOW_RATE;
    behaviour->storm_share = BEHAVIOUR_WHOLE;
}

/* A number from 0 to 100, with "%" behind it or not. */
static bool behaviour_percent(const char *text, uint32_t *share)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || !(value >= 0 && value <= 100))
        return false;
    *share = (uint32_t)(value * (BEHAVIOUR_WHOLE / 100) + 0.5);
    return strcmp(end, "") == 0 || strcmp(end, "%") == 0;
}

/* Cuts the text in two at the colon; `*rest` is NULL without one. */
static bool behaviour_split(const char *text, char first[BEHAVIOUR_MAX_TEXT], const char **rest)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);

    if (len >= BEHAVIOUR_MAX_TEXT)
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    *rest = colon != NULL ? colon + 1 : NULL;
    return true;
}

bool behaviour_parse_churn(struct behaviour *behaviour, const char *text)
{
    char percent[BEHAVIOUR_MAX_TEXT], min[BEHAVIOUR_MAX_TEXT];
    const char *stay, *dash;

    if (!behaviour_split(text, percent, &stay) ||
        !behaviour_percent(percent, &behaviour->shares[BEHAVIOUR_CHURN]))
        return false;
    if (stay == NULL)
        return true;
    dash = strchr(stay, '-');
    if (dash == NULL || dash - stay >= BEHAVIOUR_MAX_TEXT)
        return false;
    snprintf(min, sizeof(min), "%.*s", (int)(dash - stay), stay);
    return plan_parse_duration(min, &behaviour->stay_min_ns) &&
           plan_parse_duration(dash + 1, &behaviour->stay_max_ns) &&
           behaviour->stay_min_ns <= behaviour->stay_max_ns;
}

bool behaviour_parse_stalled(struct behaviour *behaviour, const char *text)
{
    return behaviour_percent(text, &behaviour->shares[BEHAVIOUR_STALLED]);
}

bool behaviour_parse_slow(struct behaviour *behaviour, const char *text)
{
    char percent[BEHAVIOUR_MAX_TEXT], *end;
    const char *rate;
    unsigned long value;

    if (!behaviour_split(text, percent, &rate) ||
        !behaviour_percent(percent, &behaviour->shares[BEHAVIOUR_SLOW]))
        return false;
    if (rate == NULL)
        return true;
    value = strtoul(rate, &end, 10);
    behaviour->slow_rate = (uint32_t)value;
    return end != rate && *end == '\0' && value > 0 && value <= 1000000000;
}

bool behaviour_parse_storm(struct behaviour *behaviour, const char *text)
{
    char time[BEHAVIOUR_MAX_TEXT];
    const char *percent;

    return behaviour_split(text, time, &percent) &&
           plan_parse_duration(time, &behaviour->storm_ns) && behaviour->storm_ns > 0 &&
           (percent == NULL || behaviour_percent(percent, &behaviour->storm_share));
}

bool behaviour_parse_abrupt(struct behaviour *behaviour, const char *text)
{
    return behaviour_percent(text, &behaviour->abrupt);
}

bool behaviour_complete(struct behaviour *behaviour)
{
    uint32_t others = 0;

    for (unsigned i = BEHAVIOUR_STEADY + 1; i < BEHAVIOUR_KINDS; i++)
        others += behaviour->shares[i];
    if (others > BEHAVIOUR_WHOLE)
        return false;
    behaviour->shares[BEHAVIOUR_STEADY] = BEHAVIOUR_WHOLE - others;
    return true;
}

bool behaviour_any(const struct behaviour *behaviour)
{
    return behaviour->shares[BEHAVIOUR_STEADY] != BEHAVIOUR_WHOLE || behaviour->storm_ns > 0;
}
