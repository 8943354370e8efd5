#include "status_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/compiler.h"

enum { STATUS_TEXT_COLUMN = 14 };

static void status_text_label(struct strbuf *out, const char *label)
{
    strbuf_printf(out, "%-*s ", STATUS_TEXT_COLUMN, label);
}

/* 1234567 as 1,234,567 */
static void status_text_number(struct strbuf *out, json_int_t number)
{
    char digits[32];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)number);

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
            strbuf_append_char(out, ',');
        strbuf_append_char(out, digits[i]);
    }
}

static void status_text_bytes(struct strbuf *out, json_int_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    strbuf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void status_text_duration(struct strbuf *out, json_int_t seconds)
{
    long long s = (long long)seconds;

    if (s >= 86400)
        strbuf_printf(out, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        strbuf_printf(out, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        strbuf_printf(out, "%lld min %lld s", s / 60, s % 60);
    else
        strbuf_printf(out, "%lld s", s);
}

static json_int_t status_text_integer(const json_t *value)
{
    return json_is_integer(value) ? json_integer_value(value)
                                  : (json_int_t)json_number_value(value);
}

static void status_text_head(struct strbuf *out, const json_t *status)
{
    const char *version = json_string_value(json_object_get(status, "version"));
    const json_t *uptime = json_object_get(status, "uptime_seconds");

    strbuf_printf(out, "stentord %s", version != NULL ? version : "(unknown version)");
    if (json_is_number(uptime)) {
        strbuf_append_str(out, ", up ");
        status_text_duration(out, status_text_integer(uptime));
    }
    strbuf_append_char(out, '\n');
}

static void status_text_journal(struct strbuf *out, const json_t *journal)
{
    status_text_label(out, "journal");
    status_text_number(out, status_text_integer(json_object_get(journal, "messages")));
    strbuf_append_str(out, " messages, ");
    status_text_bytes(out, status_text_integer(json_object_get(journal, "bytes")));
    strbuf_append_char(out, '\n');
}

static void status_text_value(struct strbuf *out, const json_t *value)
{
    char *text;

    if (json_is_integer(value)) {
        status_text_number(out, json_integer_value(value));
        return;
    }
    if (json_is_string(value)) {
        strbuf_append_str(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    strbuf_append_str(out, text != NULL ? text : "?");
    free(text);
}

static void status_text_counters(struct strbuf *out, const json_t *counters)
{
    const char *name;
    json_t *value;
    size_t width = 0;

    json_object_foreach((json_t *)counters, name, value)
    {
        if (strlen(name) > width)
            width = strlen(name);
    }
    strbuf_append_str(out, "counters\n");
    json_object_foreach((json_t *)counters, name, value)
    {
        strbuf_printf(out, "  %-*s  ", (int)width, name);
        status_text_value(out, value);
        strbuf_append_char(out, '\n');
    }
}

/* Members that are shown in a place of their own. */
static bool status_text_special(const char *name)
{
    static const char *const special[] = {"version", "uptime_seconds", "journal", "counters"};

    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (strcmp(name, special[i]) == 0)
            return true;
    return false;
}

void status_text_append(struct strbuf *out, const json_t *status)
{
    const json_t *journal = json_object_get(status, "journal");
    const json_t *counters = json_object_get(status, "counters");
    const char *name;
    json_t *value;

    status_text_head(out, status);
    json_object_foreach((json_t *)status, name, value)
    {
        if (status_text_special(name))
            continue;
        status_text_label(out, name);
        if (strcmp(name, "seq") == 0) /* to be copied, so without commas */
            strbuf_printf(out, "%lld", (long long)status_text_integer(value));
        else
            status_text_value(out, value);
        strbuf_append_char(out, '\n');
    }
    if (json_is_object(journal))
        status_text_journal(out, journal);
    if (json_is_object(counters))
        status_text_counters(out, counters);
}
