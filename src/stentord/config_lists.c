#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config_priv.h"
#include "cors.h"

enum {
    CONFIG_GRID_COLUMNS = 316, /* a hundred thousand members make a square */
    CONFIG_MAX_COLUMNS = 1000000,
};

bool config_lists_known(const char *name)
{
    static const char *const names[] = {"listeners",    "publish_keys", "client_keys",
                                        "cors_origins", "namespaces",   "rooms"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The elements of a list or array option; an absent one has none. */
static int config_list_length(struct config_reader *reader, const config_setting_t *list,
                              const char *option)
{
    if (list == NULL)
        return 0;
    if (!config_setting_is_list(list) && !config_setting_is_array(list)) {
        config_mistake(reader, list, option, "must be a list: %s = ( ... );", option);
        return 0;
    }
    return config_setting_length(list);
}

static void config_read_strings(struct config_reader *reader, const config_setting_t *root,
                                const char *option, char ***strings, size_t *count)
{
    const config_setting_t *list = config_setting_get_member(root, option);
    int length = config_list_length(reader, list, option);

    *strings = config_calloc((size_t)length, sizeof(char *));
    for (int i = 0; i < length; i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        const char *text = config_setting_get_string(element);

        if (text == NULL || *text == '\0')
            config_mistake(reader, element, option, "each element must be a text in quotes");
        else
            (*strings)[(*count)++] = config_strdup(text);
    }
}

void config_check_members(struct config_reader *reader, const config_setting_t *group,
                          const char *option, const char *const *known)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
        const char *const *name = known;

        while (*name != NULL && strcmp(*name, config_setting_name(member)) != 0)
            name++;
        if (*name == NULL)
            config_mistake(reader, member, option, "\"%s\" is not a member of its elements",
                           config_setting_name(member));
    }
}

static bool config_address_valid(const char *address)
{
    unsigned char binary[sizeof(struct in6_addr)];

    if (strncmp(address, "unix:", 5) == 0)
        return address[5] == '/' &&
               strlen(address + 5) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
    return inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1;
}

/* What a listener without TLS does with requests: it serves them, or sends clients to https. */
static void config_read_redirect(struct config_reader *reader, const config_setting_t *group,
                                 struct config_listener *listener)
{
    const config_setting_t *member = config_setting_get_member(group, "http");
    const char *what = "serve";
    int port = 443;

    config_setting_lookup_string(group, "http", &what);
    if ((member != NULL && config_setting_type(member) != CONFIG_TYPE_STRING) ||
        (strcmp(what, "serve") != 0 && strcmp(what, "redirect") != 0))
        config_mistake(reader, group, "listeners", "http must be \"serve\" or \"redirect\"");
    if (config_setting_get_member(group, "https_port") != NULL &&
        (!config_setting_lookup_int(group, "https_port", &port) || port < 1 || port > 65535))
        config_mistake(reader, group, "listeners", "https_port must be a number from 1 to 65535");
    if (strcmp(what, "redirect") != 0)
        return;
    if (listener->admin || config_setting_get_member(group, "tls") != NULL)
        config_mistake(reader, group, "listeners",
                       "a listener that redirects to https is neither for admins nor for TLS");
    listener->redirect = port;
}

static void config_read_listener(struct config_reader *reader, const config_setting_t *group,
                                 struct config_listener *listener)
{
    static const char *const known[] = {"address", "port",       "admin",          "tls",
                                        "http",    "https_port", "proxy_protocol", NULL};
    const char *address = NULL;
    int port = -1, admin = 0, proxied = 0;

    config_check_members(reader, group, "listeners", known);
    config_setting_lookup_string(group, "address", &address);
    config_setting_lookup_int(group, "port", &port);
    if (config_setting_get_member(group, "admin") != NULL &&
        !config_setting_lookup_bool(group, "admin", &admin))
        config_mistake(reader, group, "listeners", "admin must be true or false");
    if (address == NULL || !config_address_valid(address)) {
        config_mistake(reader, group, "listeners",
                       "address must be an IP address (\"0.0.0.0\", \"::\") or \"unix:/a/path\"");
        address = "";
    } else if (strncmp(address, "unix:", 5) != 0 && (port < 0 || port > 65535)) {
        config_mistake(reader, group, "listeners", "port must be a number from 0 to 65535");
    }
    listener->address = config_strdup(address);
    listener->port = port;
    listener->admin = admin != 0;
    config_read_redirect(reader, group, listener);
    if (config_setting_get_member(group, "proxy_protocol") != NULL) {
        if (!config_setting_lookup_bool(group, "proxy_protocol", &proxied))
            config_mistake(reader, group, "listeners", "proxy_protocol must be true or false");
        listener->proxy_protocol = proxied != 0;
    }
    if (config_setting_get_member(group, "tls") != NULL)
        config_tls_read(reader, config_setting_get_member(group, "tls"), listener);
}

static void config_read_listeners(struct config_reader *reader, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "listeners");
    int length = config_list_length(reader, list, "listeners");
    struct config *config = reader->config;

    config->listeners = config_calloc((size_t)length + 2, sizeof(struct config_listener));
    for (int i = 0; i < length; i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);

        if (config_setting_is_group(element))
            config_read_listener(reader, element, &config->listeners[config->listener_count++]);
        else
            config_mistake(reader, element, "listeners",
                           "each element is a group: { address = \"0.0.0.0\"; port = 8080; }");
    }
    if (list != NULL) {
        if (length == 0)
            config_mistake(reader, list, "listeners", "at least one listener is needed");
        return;
    }
    config->listeners[0] =
        (struct config_listener){.address = config_strdup("0.0.0.0"), .port = 8080};
    config->listeners[1] = (struct config_listener){
        .address = config_strdup("127.0.0.1"), .port = 8081, .admin = true};
    config->listener_count = 2;
}

/* What the rule says of grids: it is one with type = "grid", and only then has columns and edges.
 */
static void config_read_grid(struct config_reader *reader, const config_setting_t *group,
                             struct config_room_rule *rule)
{
    const char *type = "plain", *edges = "end";

    if (config_setting_get_member(group, "type") != NULL &&
        !config_setting_lookup_string(group, "type", &type))
        type = "";
    rule->grid = strcmp(type, "grid") == 0;
    if (!rule->grid && strcmp(type, "plain") != 0)
        config_mistake(reader, group, "rooms", "type must be \"plain\" or \"grid\"");
    if (!rule->grid && (config_setting_get_member(group, "columns") != NULL ||
                        config_setting_get_member(group, "edges") != NULL ||
                        config_setting_get_member(group, "send") != NULL))
        config_mistake(reader, group, "rooms",
                       "columns, edges and send are for rooms with type = \"grid\"");
    rule->columns = CONFIG_GRID_COLUMNS;
    if (config_setting_get_member(group, "columns") != NULL &&
        (!config_setting_lookup_int(group, "columns", &rule->columns) || rule->columns < 1 ||
         rule->columns > CONFIG_MAX_COLUMNS))
        config_mistake(reader, group, "rooms", "columns must be a number from 1 to %d",
                       CONFIG_MAX_COLUMNS);
    if (config_setting_get_member(group, "edges") != NULL &&
        (!config_setting_lookup_string(group, "edges", &edges) ||
         (strcmp(edges, "wrap") != 0 && strcmp(edges, "end") != 0)))
        config_mistake(reader, group, "rooms", "edges must be \"wrap\" or \"end\"");
    rule->wrap = strcmp(edges, "wrap") == 0;
}

static enum permission config_lookup_permission(struct config_reader *reader,
                                                const config_setting_t *group, const char *name)
{
    const config_setting_t *setting = config_setting_get_member(group, name);
    enum permission permission = PERMISSION_UNSET;

    if (setting != NULL)
        config_read_permission(reader, setting, "rooms", &permission);
    return permission;
}

static void config_read_rule(struct config_reader *reader, const config_setting_t *group,
                             struct config_room_rule *rule)
{
    static const char *const known[] = {"pattern", "policy",  "type", "columns", "edges",
                                        "join",    "publish", "send", NULL};
    const char *policy = "";

    config_check_members(reader, group, "rooms", known);
    rule->has_policy = config_setting_get_member(group, "policy") != NULL;
    config_setting_lookup_string(group, "policy", &policy);
    if (rule->has_policy && !config_parse_policy(policy, &rule->policy))
        config_mistake(reader, group, "rooms",
                       "policy must be one of skip, disconnect and conflate");
    config_read_grid(reader, group, rule);
    rule->join = config_lookup_permission(reader, group, "join");
    rule->publish = config_lookup_permission(reader, group, "publish");
    rule->send = config_lookup_permission(reader, group, "send");
}

static void config_read_rooms(struct config_reader *reader, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "rooms");
    int length = config_list_length(reader, list, "rooms");
    struct config *config = reader->config;

    config->room_rules = config_calloc((size_t)length, sizeof(struct config_room_rule));
    for (int i = 0; i < length; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        struct config_room_rule *rule = &config->room_rules[config->room_rule_count];
        const char *pattern = NULL;

        if (!config_setting_is_group(group) ||
            !config_setting_lookup_string(group, "pattern", &pattern)) {
            config_mistake(reader, group, "rooms",
                           "each element is a group: { pattern = \"a.*\"; policy = \"skip\"; }");
            continue;
        }
        config_read_rule(reader, group, rule);
        rule->pattern = config_strdup(pattern);
        config->room_rule_count++;
    }
}

/* Does the text end with `end`? */
static bool config_ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* An origin is what browsers put into the header: a scheme and a host, in small letters, without a
 * path and without the port that the scheme stands for. */
static bool config_origin_valid(const char *origin)
{
    const char *host = strstr(origin, "://");

    if (strcmp(origin, "*") == 0 || strcmp(origin, "null") == 0)
        return true;
    if (host == NULL || host == origin || host[3] == '\0' ||
        strpbrk(host + 3, "/?# \r\n") != NULL ||
        strpbrk(origin, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        return false;
    return !(strncmp(origin, "https:", 6) == 0 && config_ends_with(origin, ":443")) &&
           !(strncmp(origin, "http:", 5) == 0 && config_ends_with(origin, ":80"));
}

static void config_read_origins(struct config_reader *reader, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "cors_origins");
    struct config *config = reader->config;

    config_read_strings(reader, root, "cors_origins", &config->cors_origins,
                        &config->cors_origin_count);
    if (config->cors_origin_count > CORS_MAX_ORIGINS)
        config_mistake(reader, list, "cors_origins", "at most %d origins can be named",
                       CORS_MAX_ORIGINS);
    for (size_t i = 0; i < config->cors_origin_count; i++) {
        const char *origin = config->cors_origins[i];

        if (!config_origin_valid(origin))
            config_mistake(reader, list, "cors_origins",
                           "\"%s\": an origin is like https://www.example.org: small letters, no "
                           "path, no port 80 or 443",
                           origin);
        if (strcmp(origin, "*") == 0 && config->cors_origin_count > 1)
            config_mistake(reader, list, "cors_origins", "\"*\" stands alone: it is every origin");
        if (strcmp(origin, "*") == 0 && config->cors_credentials)
            config_mistake(reader, list, "cors_origins",
                           "browsers ignore \"*\" with cors_credentials; name the origins");
    }
}

static void config_read_namespaces(struct config_reader *reader, const config_setting_t *root)
{
    struct config *config = reader->config;
    const config_setting_t *list = config_setting_get_member(root, "namespaces");

    if (list == NULL) {
        config->namespaces = config_calloc(1, sizeof(char *));
        config->namespaces[0] = config_strdup("/");
        config->namespace_count = 1;
        return;
    }
    config_read_strings(reader, root, "namespaces", &config->namespaces, &config->namespace_count);
    for (size_t i = 0; i < config->namespace_count; i++)
        if (config->namespaces[i][0] != '/' || strchr(config->namespaces[i], ',') != NULL)
            config_mistake(reader, list, "namespaces",
                           "\"%s\": a name begins with / and has no comma", config->namespaces[i]);
    if (config->namespace_count == 0)
        config_mistake(reader, list, "namespaces", "at least one is needed, usually \"/\"");
}

void config_lists_read(struct config_reader *reader, const config_setting_t *root)
{
    config_read_listeners(reader, root);
    config_read_strings(reader, root, "publish_keys", &reader->config->publish_keys,
                        &reader->config->publish_key_count);
    config_read_strings(reader, root, "client_keys", &reader->config->client_keys,
                        &reader->config->client_key_count);
    config_read_origins(reader, root);
    config_read_namespaces(reader, root);
    config_read_rooms(reader, root);
}

void config_free_strings(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(strings[i]);
    free(strings);
}

void config_lists_free(struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        free(config->listeners[i].address);
        config_tls_free(&config->listeners[i]);
    }
    free(config->listeners);
    for (size_t i = 0; i < config->room_rule_count; i++)
        free(config->room_rules[i].pattern);
    free(config->room_rules);
    config_free_strings(config->publish_keys, config->publish_key_count);
    config_free_strings(config->client_keys, config->client_key_count);
    config_free_strings(config->cors_origins, config->cors_origin_count);
    config_free_strings(config->namespaces, config->namespace_count);
}
