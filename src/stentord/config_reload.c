/* What a server that runs takes over of a configuration that was read again. */
#include <stdlib.h>
#include <string.h>

#include "config_priv.h"
#include "tls_context.h"

static bool config_equal(const struct config *a, const struct config *b,
                         const struct option *option)
{
    const void *x = config_field(a, option), *y = config_field(b, option);

    switch (option->type) {
    case OPTION_INT:
        return *(const int *)x == *(const int *)y;
    case OPTION_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case OPTION_PERMISSION:
        return *(const enum permission *)x == *(const enum permission *)y;
    case OPTION_STR:
        break;
    }
    return strcmp(*(char *const *)x, *(char *const *)y) == 0;
}

static void config_append_value(struct strbuf *out, const struct config *config,
                                const struct option *option)
{
    static const char *const permissions[] = {
        [PERMISSION_NOBODY] = "nobody",
        [PERMISSION_KEY] = "key",
        [PERMISSION_ANYONE] = "anyone",
        [PERMISSION_UNSET] = "unset",
    };
    const void *field = config_field(config, option);

    switch (option->type) {
    case OPTION_INT:
        strbuf_printf(out, "%d", *(const int *)field);
        break;
    case OPTION_BOOL:
        strbuf_append_str(out, *(const bool *)field ? "true" : "false");
        break;
    case OPTION_PERMISSION:
        strbuf_append_str(out, permissions[*(const enum permission *)field]);
        break;
    case OPTION_STR:
        strbuf_printf(out, "\"%s\"", *(char *const *)field);
        break;
    }
}

static bool config_needs_restart(const struct config *fresh, const struct config *old,
                                 const struct option *option)
{
    switch (option->reload) {
    case OPTION_LIVE:
        break;
    case OPTION_RESTART:
        return true;
    case OPTION_NOT_ZERO:
        return *(const int *)config_field(fresh, option) == 0 ||
               *(const int *)config_field(old, option) == 0;
    }
    return false;
}

static void config_keep(struct config *fresh, const struct config *old, const struct option *option)
{
    void *field = config_field(fresh, option);
    const void *kept = config_field(old, option);

    switch (option->type) {
    case OPTION_INT:
        *(int *)field = *(const int *)kept;
        break;
    case OPTION_BOOL:
        *(bool *)field = *(const bool *)kept;
        break;
    case OPTION_PERMISSION:
        *(enum permission *)field = *(const enum permission *)kept;
        break;
    case OPTION_STR:
        free(*(char **)field);
        *(char **)field = config_strdup(*(char *const *)kept);
        break;
    }
}

static void config_succeed_option(struct config *fresh, const struct config *old,
                                  const struct option *option, struct strbuf *changed,
                                  struct strbuf *kept)
{
    if (config_equal(fresh, old, option))
        return;
    if (config_needs_restart(fresh, old, option)) {
        strbuf_printf(kept, "%s: ", option->path);
        config_append_value(kept, old, option);
        strbuf_append_str(kept, " stays until a restart, which will make it ");
        config_append_value(kept, fresh, option);
        strbuf_append_char(kept, '\n');
        config_keep(fresh, old, option);
        return;
    }
    strbuf_printf(changed, "%s: ", option->path);
    config_append_value(changed, fresh, option);
    strbuf_append_str(changed, ", was ");
    config_append_value(changed, old, option);
    strbuf_append_char(changed, '\n');
}

static bool config_has_text(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

/* Sessions and messages name their namespace by its index, so those that there are keep their
 * places, and what is new comes behind them. */
static void config_succeed_namespaces(struct config *fresh, const struct config *old,
                                      struct strbuf *changed, struct strbuf *kept)
{
    char **names = config_calloc(old->namespace_count + fresh->namespace_count, sizeof(char *));
    size_t count = 0;

    for (size_t i = 0; i < old->namespace_count; i++) {
        names[count++] = config_strdup(old->namespaces[i]);
        if (!config_has_text(fresh->namespaces, fresh->namespace_count, old->namespaces[i]))
            strbuf_printf(kept, "namespaces: \"%s\" stays until a restart: clients may be in it\n",
                          old->namespaces[i]);
    }
    for (size_t i = 0; i < fresh->namespace_count; i++) {
        if (config_has_text(names, count, fresh->namespaces[i]))
            continue;
        names[count++] = config_strdup(fresh->namespaces[i]);
        strbuf_printf(changed, "namespaces: \"%s\" is new\n", fresh->namespaces[i]);
    }
    config_free_strings(fresh->namespaces, fresh->namespace_count);
    fresh->namespaces = names;
    fresh->namespace_count = count;
}

static bool config_same_texts(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static bool config_same_rule(const struct config_room_rule *a, const struct config_room_rule *b)
{
    return strcmp(a->pattern, b->pattern) == 0 && a->has_policy == b->has_policy &&
           a->policy == b->policy && a->join == b->join && a->publish == b->publish &&
           a->send == b->send;
}

/* The next rule of a grid, from the i-th on; NULL when there is none. */
static const struct config_room_rule *config_next_grid(const struct config *config, size_t *i)
{
    while (*i < config->room_rule_count)
        if (config->room_rules[(*i)++].grid)
            return &config->room_rules[*i - 1];
    return NULL;
}

static bool config_same_grids(const struct config *a, const struct config *b)
{
    const struct config_room_rule *x, *y;
    size_t i = 0, j = 0;

    do {
        x = config_next_grid(a, &i);
        y = config_next_grid(b, &j);
        if (x != NULL && y != NULL &&
            (strcmp(x->pattern, y->pattern) != 0 || x->columns != y->columns || x->wrap != y->wrap))
            return false;
    } while (x != NULL && y != NULL);
    return x == y;
}

/* Members of a grid have places in it, so all rules stay when those of grids have changed. */
static void config_keep_rooms(struct config *fresh, const struct config *old)
{
    for (size_t i = 0; i < fresh->room_rule_count; i++)
        free(fresh->room_rules[i].pattern);
    free(fresh->room_rules);
    fresh->room_rules = config_calloc(old->room_rule_count, sizeof(*fresh->room_rules));
    fresh->room_rule_count = old->room_rule_count;
    for (size_t i = 0; i < old->room_rule_count; i++) {
        fresh->room_rules[i] = old->room_rules[i];
        fresh->room_rules[i].pattern = config_strdup(old->room_rules[i].pattern);
    }
}

static bool config_same_rooms(const struct config *a, const struct config *b)
{
    if (a->room_rule_count != b->room_rule_count)
        return false;
    for (size_t i = 0; i < a->room_rule_count; i++)
        if (!config_same_rule(&a->room_rules[i], &b->room_rules[i]))
            return false;
    return true;
}

bool config_same_listener(const struct config_listener *a, const struct config_listener *b)
{
    /* A unix socket has no port, whatever the file says. */
    return strcmp(a->address, b->address) == 0 &&
           (a->port == b->port || strncmp(a->address, "unix:", 5) == 0);
}

/* Says where new connections get other certificates. */
static void config_succeed_certificates(const struct config *fresh, const struct config *old,
                                        struct strbuf *changed)
{
    for (size_t i = 0; i < fresh->listener_count; i++) {
        const struct config_listener *listener = &fresh->listeners[i];

        for (size_t k = 0; k < old->listener_count; k++)
            if (config_same_listener(listener, &old->listeners[k]) &&
                listener->tls_context != NULL && old->listeners[k].tls_context != NULL &&
                !tls_context_same_certificates(listener->tls_context,
                                               old->listeners[k].tls_context))
                strbuf_printf(changed, "listeners: other certificates at %s port %d\n",
                              listener->address, listener->port);
    }
}

void config_succeed(struct config *fresh, const struct config *old, struct strbuf *changed,
                    struct strbuf *kept)
{
    fresh->generation = old->generation + 1;
    for (size_t i = 0; i < config_option_count; i++)
        config_succeed_option(fresh, old, &config_options[i], changed, kept);
    config_succeed_namespaces(fresh, old, changed, kept);
    /* Keys are secret. */
    if (!config_same_texts(fresh->publish_keys, fresh->publish_key_count, old->publish_keys,
                           old->publish_key_count))
        strbuf_printf(changed, "publish_keys: changed, %zu now\n", fresh->publish_key_count);
    if (!config_same_texts(fresh->cors_origins, fresh->cors_origin_count, old->cors_origins,
                           old->cors_origin_count))
        strbuf_append_str(changed, "cors_origins: changed\n");
    if (!config_same_texts(fresh->client_keys, fresh->client_key_count, old->client_keys,
                           old->client_key_count))
        strbuf_printf(changed, "client_keys: changed, %zu now\n", fresh->client_key_count);
    if (!config_same_grids(fresh, old)) {
        strbuf_append_str(kept, "rooms: all stay until a restart, because those of grids differ\n");
        config_keep_rooms(fresh, old);
    }
    if (!config_same_rooms(fresh, old))
        strbuf_append_str(changed, "rooms: changed\n");
    config_succeed_certificates(fresh, old, changed);
}
