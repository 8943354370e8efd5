/*
 * config_priv.h - between the config*.c files: the option table, and the
 * state of one read, which lives on the stack of config_load. Main thread alone.
 */
#ifndef STENTORD_CONFIG_PRIV_H
#define STENTORD_CONFIG_PRIV_H

#include <libconfig.h>
#include <stdint.h>

#include "config.h"
#include "stentor/base/strbuf.h"

enum option_type { OPTION_INT, OPTION_BOOL, OPTION_STR, OPTION_PERMISSION };

/* As options.def explains them. */
enum option_reload { OPTION_LIVE, OPTION_RESTART, OPTION_NOT_ZERO };

struct option {
    enum option_type type;
    const char *path;
    size_t offset; /* of the field in struct config */
    long long min;
    long long max;
    enum option_reload reload;
};

extern const struct option config_options[];
extern const size_t config_option_count;

static inline void *config_field(const struct config *config, const struct option *option)
{
    return (char *)(uintptr_t)config + option->offset;
}

struct config_reader {
    const char *path;
    const struct config *old; /* by which the server runs; NULL: it starts */
    struct config *config;
    struct strbuf *lines; /* of mistakes */
    unsigned mistakes;
    struct strbuf warnings; /* lines */
};

/* Reports a mistake at `setting` (NULL: at no particular line). */
void config_mistake(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same for what works, and may not be meant. */
void config_warning(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* A copy; ends the process when memory is out, which at start is the clear answer. (libconfig does
 * the same.) */
char *config_strdup(const char *text);
void *config_calloc(size_t count, size_t size);

/* A path that the configuration names, made absolute: it begins where the file lies. */
char *config_resolve(const struct config *config, const char *path);

/* Is it the name of a list option? */
bool config_lists_known(const char *name);

/* Reads listeners, publish_keys, client_keys, cors_origins, namespaces and rooms, with their
 * defaults. */
void config_lists_read(struct config_reader *reader, const config_setting_t *root);
void config_lists_free(struct config *config);
void config_free_strings(char **strings, size_t count);

/* Reports members of `group` that are not in `known`, a NULL-terminated list. */
void config_check_members(struct config_reader *reader, const config_setting_t *group,
                          const char *option, const char *const *known);

/* config_tls.c: reads the group `tls` of a listener, and the files that it names. */
void config_tls_read(struct config_reader *reader, const config_setting_t *group,
                     struct config_listener *listener);
void config_tls_free(struct config_listener *listener);

/* nobody, key or anyone; false for any other text. */
bool config_parse_permission(const char *text, enum permission *permission) MUST_CHECK;

/* Reads one of these, or a boolean. */
void config_read_permission(struct config_reader *reader, const config_setting_t *setting,
                            const char *option, enum permission *permission);

/* skip, disconnect or conflate; false for any other text. */
bool config_parse_policy(const char *text, enum slow_policy *policy) MUST_CHECK;

#endif
