/*
 * config_priv.h - between the config*.c files: the state of one read.
 *
 * Lives on the stack of config_load; main thread alone.
 */
#ifndef STENTORD_CONFIG_PRIV_H
#define STENTORD_CONFIG_PRIV_H

#include <libconfig.h>

#include "config.h"
#include "stentor/base/strbuf.h"

struct config_reader {
    const char *path;
    struct config *config;
    unsigned mistakes;
    struct strbuf warnings; /* lines */
};

/* Reports a mistake at `setting` (NULL: at no particular line). */
void config_mistake(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same for what works, and may not be meant. */
void config_warning(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* A copy; ends the process when memory is out, which at start is the clear answer. */
char *config_strdup(const char *text);
void *config_calloc(size_t count, size_t size);

/* Is it the name of a list option? */
bool config_lists_known(const char *name);

/* Reads listeners, publish_keys, client_keys, cors_origins, namespaces and rooms, with their
 * defaults. */
void config_lists_read(struct config_reader *reader, const config_setting_t *root);
void config_lists_free(struct config *config);

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
