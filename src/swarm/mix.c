#include "mix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"

enum { MIX_MAX_NAME = 32 };

static bool mix_has(const struct mix *mix, const struct transport *transport)
{
    for (unsigned i = 0; i < mix->count; i++)
        if (mix->shares[i].transport == transport)
            return true;
    return false;
}

/* The weight behind the colon; 1 when there is none, 0 when it is not valid. */
static uint32_t mix_parse_weight(const char *text, size_t len)
{
    unsigned long value = 0;

    if (len == 0)
        return 1;
    for (size_t i = 1; i < len && value <= MIX_MAX_WEIGHT; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        value = value * 10 + (unsigned long)(text[i] - '0');
    }
    return value <= MIX_MAX_WEIGHT ? (uint32_t)value : 0;
}

static bool mix_unknown(const char *name, char error[MIX_MAX_ERROR])
{
    struct strbuf names = STRBUF_INIT;

    transport_append_names(&names);
    snprintf(error, MIX_MAX_ERROR, "\"%s\" is no transport; there are %s", name,
             strbuf_cstr(&names));
    strbuf_free(&names);
    return false;
}

static bool mix_parse_share(const char *text, size_t len, struct mix *mix,
                            char error[MIX_MAX_ERROR])
{
    const char *colon = memchr(text, ':', len);
    size_t name_len = colon != NULL ? (size_t)(colon - text) : len;
    const struct transport *transport = NULL;
    char name[MIX_MAX_NAME];
    uint32_t weight;

    snprintf(name, sizeof(name), "%.*s", (int)name_len, text);
    if (name_len < sizeof(name))
        transport = transport_find(name);
    if (transport == NULL)
        return mix_unknown(name, error);
    weight = mix_parse_weight(text + name_len, len - name_len);
    if (weight == 0) {
        snprintf(error, MIX_MAX_ERROR, "the share of %s must be a whole number from 1 to %d", name,
                 MIX_MAX_WEIGHT);
        return false;
    }
    if (mix_has(mix, transport) || mix->count == MIX_MAX) {
        snprintf(error, MIX_MAX_ERROR, "%s has a share already", name);
        return false;
    }
    mix->shares[mix->count++] = (struct mix_share){transport, weight};
    mix->total += weight;
    return true;
}

bool mix_parse(const char *text, struct mix *mix, char error[MIX_MAX_ERROR])
{
    memset(mix, 0, sizeof(*mix));
    for (;;) {
        size_t len = strcspn(text, ",");

        if (!mix_parse_share(text, len, mix, error))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

unsigned mix_next(const struct mix *mix, const unsigned taken[])
{
    uint32_t weights[MIX_MAX];

    for (unsigned i = 0; i < mix->count; i++)
        weights[i] = mix->shares[i].weight;
    return quota_next(weights, mix->count, mix->total, taken);
}
