#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_priv.h"
#include "handover.h"
#include "privileges.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"

const struct option config_options[] = {
#define OPTION(type, field, path, value, min, max, reload)                                         \
    {OPTION_##type, path, offsetof(struct config, field), min, max, OPTION_##reload},
#include "options.def"
#undef OPTION
};

const size_t config_option_count = ARRAY_LEN(config_options);

void config_mistake(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...)
{
    va_list args;

    reader->mistakes++;
    strbuf_printf(reader->lines, "%s:%u: %s: ", reader->path,
                  setting != NULL ? config_setting_source_line(setting) : 0, option);
    va_start(args, fmt);
    strbuf_vprintf(reader->lines, fmt, args);
    va_end(args);
    strbuf_append_char(reader->lines, '\n');
}

void config_warning(struct config_reader *reader, const config_setting_t *setting,
                    const char *option, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    strbuf_printf(&reader->warnings, "%s:%u: %s: %s\n", reader->path,
                  setting != NULL ? config_setting_source_line(setting) : 0, option, text);
}

void *config_calloc(size_t count, size_t size)
{
    void *p = calloc(count > 0 ? count : 1, size);

    ENSURE(p != NULL);
    return p;
}

char *config_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(config_calloc(1, size), text, size);
}

bool config_parse_policy(const char *text, enum slow_policy *policy)
{
    static const char *const names[] = {
        [SLOW_SKIP] = "skip",
        [SLOW_DISCONNECT] = "disconnect",
        [SLOW_CONFLATE] = "conflate",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *policy = (enum slow_policy)i;
            return true;
        }
    }
    return false;
}

bool config_parse_permission(const char *text, enum permission *permission)
{
    static const char *const names[] = {
        [PERMISSION_NOBODY] = "nobody",
        [PERMISSION_KEY] = "key",
        [PERMISSION_ANYONE] = "anyone",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *permission = (enum permission)i;
            return true;
        }
    }
    return false;
}

void config_read_permission(struct config_reader *reader, const config_setting_t *setting,
                            const char *option, enum permission *permission)
{
    const char *text = config_setting_get_string(setting);

    if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
        *permission = config_setting_get_bool(setting) ? PERMISSION_ANYONE : PERMISSION_NOBODY;
    else if (text == NULL || !config_parse_permission(text, permission))
        config_mistake(reader, setting, option,
                       "%s must be \"nobody\", \"key\" or \"anyone\" (false and true are the first "
                       "and the last)",
                       config_setting_name(setting));
}

static void config_set_defaults(struct config *config)
{
#define CONFIG_DEFAULT_INT(value) (value)
#define CONFIG_DEFAULT_BOOL(value) (value)
#define CONFIG_DEFAULT_STR(value) config_strdup(value)
#define CONFIG_DEFAULT_PERMISSION(value) (value)
#define OPTION(type, field, path, value, min, max, reload)                                         \
    config->field = CONFIG_DEFAULT_##type(value);
#include "options.def"
#undef OPTION
}

static void config_read_int(struct config_reader *reader, const struct option *option,
                            const config_setting_t *setting)
{
    int type = config_setting_type(setting);

    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        config_mistake(reader, setting, option->path, "must be a whole number");
        return;
    }
    long long value = config_setting_get_int64(setting);
    if (value < option->min || value > option->max) {
        config_mistake(reader, setting, option->path, "%lld is outside %lld to %lld", value,
                       option->min, option->max);
        return;
    }
    *(int *)config_field(reader->config, option) = (int)value;
}

static void config_read_option(struct config_reader *reader, const struct option *option,
                               const config_setting_t *setting)
{
    void *field = config_field(reader->config, option);

    switch (option->type) {
    case OPTION_INT:
        config_read_int(reader, option, setting);
        break;
    case OPTION_BOOL:
        if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
            config_mistake(reader, setting, option->path, "must be true or false");
        else
            *(bool *)field = config_setting_get_bool(setting) != 0;
        break;
    case OPTION_STR:
        if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
            config_mistake(reader, setting, option->path, "must be a text in double quotes");
        } else {
            free(*(char **)field);
            *(char **)field = config_strdup(config_setting_get_string(setting));
        }
        break;
    case OPTION_PERMISSION:
        config_read_permission(reader, setting, option->path, (enum permission *)(void *)field);
        break;
    }
}

static const struct option *config_find_option(const char *path)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (strcmp(config_options[i].path, path) == 0)
            return &config_options[i];
    return NULL;
}

static bool config_is_group(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < config_option_count; i++)
        if (strncmp(config_options[i].path, name, len) == 0 && config_options[i].path[len] == '.')
            return true;
    return false;
}

/* Reads the scalar options in `group`; `prefix` is "" at the top, or "journal.". */
static void config_read_group(struct config_reader *reader, const config_setting_t *group,
                              const char *prefix)
{
    int count = config_setting_length(group);

    for (int i = 0; i < count; i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        char path[128];

        snprintf(path, sizeof(path), "%s%s", prefix, name);
        const struct option *option = config_find_option(path);
        if (option != NULL) {
            config_read_option(reader, option, setting);
        } else if (*prefix == '\0' && config_is_group(name)) {
            if (config_setting_type(setting) != CONFIG_TYPE_GROUP) {
                config_mistake(reader, setting, name, "must be a group: %s = { ... };", name);
                continue;
            }
            strcat(path, ".");
            config_read_group(reader, setting, path);
        } else if (*prefix != '\0' || !config_lists_known(name)) {
            config_mistake(reader, setting, path,
                           "there is no such option; stentord.conf(5) lists them");
        }
    }
}

/* A cookie's name is a token (RFC 6265 section 4.1.1). */
static bool config_is_token(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || strchr("()<>@,;:\\\"/[]?={}", *text) != NULL)
            return false;
    return true;
}

/* As whom the server serves, and where it leaves its number. */
static void config_check_process(struct config_reader *reader, const config_setting_t *root)
{
    const struct config *config = reader->config;
    const char *mistake = privileges_mistake(config->user, config->group);
    const char *option = *config->group != '\0' ? "group" : "user";

    if (mistake != NULL)
        config_mistake(reader, config_setting_get_member(root, option), option, "%s", mistake);
    if (*config->pidfile != '\0' && *config->pidfile != '/')
        config_mistake(reader, config_setting_get_member(root, "pidfile"), "pidfile",
                       "\"%s\": the path must begin with /", config->pidfile);
}

/* Texts that stand for something else, or must name something that exists. */
static void config_understand(struct config_reader *reader, const config_setting_t *root)
{
    struct config *config = reader->config;

    if (!config_parse_policy(config->slow_client_policy, &config->default_policy))
        config_mistake(reader, config_setting_get_member(root, "slow_client_policy"),
                       "slow_client_policy", "\"%s\" is not one of skip, disconnect and conflate",
                       config->slow_client_policy);
    config->level = log_level_from_name(config->log_level);
    if (config->level < 0)
        config_mistake(reader, config_setting_get_member(root, "log_level"), "log_level",
                       "\"%s\" is not one of error, warning, info and debug", config->log_level);
    if (*config->log_target != '\0' && *config->log_target != '/' &&
        strcmp(config->log_target, "stderr") != 0 && strcmp(config->log_target, "syslog") != 0)
        config_mistake(reader, config_setting_get_member(root, "log_target"), "log_target",
                       "\"%s\" is not stderr, syslog or a path that begins with /",
                       config->log_target);
    if (*config->access_log != '\0' && *config->access_log != '/')
        config_mistake(reader, config_setting_get_member(root, "access_log"), "access_log",
                       "\"%s\": the path must begin with /", config->access_log);
    if (*config->successor != '\0' && handover_url_error(config->successor) != NULL)
        config_mistake(reader, config_setting_get_member(root, "successor"), "successor",
                       "\"%s\": %s", config->successor, handover_url_error(config->successor));
    if (!config_is_token(config->sticky_cookie))
        config_mistake(reader, config_setting_get_member(root, "sticky_cookie"), "sticky_cookie",
                       "\"%s\" is no cookie's name: letters, digits, - and _ will do",
                       config->sticky_cookie);
}

static char *config_join(const char *directory, const char *path)
{
    char joined[2 * PATH_MAX];

    if (*path == '/')
        return config_strdup(path);
    snprintf(joined, sizeof(joined), "%s/%s", directory, path);
    return config_strdup(joined);
}

/* An absolute path is still right when the process has gone to another directory. */
static char *config_absolute(const char *path)
{
    char directory[PATH_MAX];

    if (getcwd(directory, sizeof(directory)) == NULL)
        return config_strdup(path);
    return config_join(directory, path);
}

char *config_resolve(const struct config *config, const char *path)
{
    char *directory = config_strdup(config->path);
    char *name = strrchr(directory, '/');
    char *resolved;

    if (name != NULL)
        *name = '\0';
    resolved = name != NULL ? config_join(directory, path) : config_strdup(path);
    free(directory);
    return resolved;
}

static void config_load_static(struct config_reader *reader, const config_setting_t *root)
{
    const config_setting_t *setting = config_setting_get_member(root, "static_root");
    struct strbuf error = STRBUF_INIT;
    struct stat st;
    char *path;

    if (*reader->config->static_root == '\0')
        return;
    path = config_resolve(reader->config, reader->config->static_root);
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        config_mistake(reader, setting, "static_root",
                       "\"%s\" is not a directory; make it, or name another", path);
    else if (!static_files_load(&reader->config->static_files, path, &error))
        config_mistake(reader, setting, "static_root", "%s", strbuf_cstr(&error));
    strbuf_free(&error);
    free(path);
}

static void config_syntax(const config_t *file, const char *path, struct strbuf *mistakes)
{
    if (config_error_type(file) == CONFIG_ERR_FILE_IO)
        strbuf_printf(mistakes, "%s: cannot be read: %s\n", path, strerror(errno));
    else
        strbuf_printf(mistakes, "%s:%d: syntax: %s\n", path, config_error_line(file),
                      config_error_text(file));
}

struct config *config_load(const char *path, const struct config *old, struct strbuf *mistakes)
{
    struct config_reader reader = {.path = path, .old = old, .lines = mistakes};
    const config_setting_t *root;
    config_t file;

    config_init(&file);
    if (config_read_file(&file, path) != CONFIG_TRUE) {
        config_syntax(&file, path, mistakes);
        config_destroy(&file);
        return NULL;
    }
    root = config_root_setting(&file);
    reader.config = config_calloc(1, sizeof(*reader.config));
    atomic_init(&reader.config->refs, 1);
    reader.config->path = config_absolute(path);
    config_set_defaults(reader.config);
    config_read_group(&reader, root, "");
    config_lists_read(&reader, root);
    config_understand(&reader, root);
    config_check_process(&reader, root);
    config_load_static(&reader, root);
    config_destroy(&file);
    reader.config->warnings = config_strdup(strbuf_cstr(&reader.warnings));
    strbuf_free(&reader.warnings);
    if (reader.mistakes > 0)
        config_unref(&reader.config);
    return reader.config;
}

void config_log_warnings(const struct config *config)
{
    const char *line = config->warnings;

    while (*line != '\0') {
        int len = (int)strcspn(line, "\n");

        log_warning("config", "%.*s", len, line);
        line += len + 1;
    }
}

struct config *config_ref(struct config *config)
{
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

static void config_free(struct config *config)
{
    for (size_t i = 0; i < config_option_count; i++)
        if (config_options[i].type == OPTION_STR)
            free(*(char **)config_field(config, &config_options[i]));
    config_lists_free(config);
    free(config->warnings);
    static_files_free(&config->static_files);
    free(config->path);
    free(config);
}

void config_unref(struct config **slot)
{
    struct config *config = *slot;

    *slot = NULL;
    if (config != NULL && atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) == 1)
        config_free(config);
}

const struct config_room_rule *config_room_rule(const struct config *config, const char *room)
{
    for (size_t i = 0; room != NULL && i < config->room_rule_count; i++)
        if (fnmatch(config->room_rules[i].pattern, room, 0) == 0)
            return &config->room_rules[i];
    return NULL;
}

bool config_room_is_grid(const struct config *config, const char *room)
{
    const struct config_room_rule *rule = config_room_rule(config, room);

    return rule != NULL && rule->grid;
}

enum slow_policy config_room_policy(const struct config *config, const char *room)
{
    const struct config_room_rule *rule = config_room_rule(config, room);

    return rule != NULL && rule->has_policy ? rule->policy : config->default_policy;
}

int config_default_namespace(const struct config *config)
{
    int namespace = config_find_namespace(config, "/", 1);

    return namespace >= 0 ? namespace : 0;
}

int config_find_namespace(const struct config *config, const char *name, size_t len)
{
    for (size_t i = 0; i < config->namespace_count; i++)
        if (strlen(config->namespaces[i]) == len && memcmp(config->namespaces[i], name, len) == 0)
            return (int)i;
    return -1;
}
