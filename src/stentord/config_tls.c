/* The group `tls` of a listener. */
#include <stdlib.h>
#include <string.h>

#include "config_priv.h"
#include "stentor/base/strbuf.h"
#include "tls_context.h"

static const char config_tls_hint[] =
    "is a group: tls = { certificates = ( { chain = \"/a/chain.pem\"; key = \"/a/key.pem\"; } ); }";

/* The members with a text that is no file's name. */
static const struct {
    const char *name;
    size_t offset;
    const char *value;
} config_tls_texts[] = {
    {"min_version", offsetof(struct config_tls, min_version), "1.2"},
    {"ciphers", offsetof(struct config_tls, ciphers), "ECDHE+AESGCM:ECDHE+CHACHA20"},
    {"ciphersuites", offsetof(struct config_tls, ciphersuites),
     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"},
    {"curves", offsetof(struct config_tls, curves), ""},
    {"client_certificates", offsetof(struct config_tls, client_certificates), "off"},
    {"ktls", offsetof(struct config_tls, ktls), "auto"},
};

static char **config_tls_text(struct config_tls *tls, size_t i)
{
    return (char **)(void *)((char *)tls + config_tls_texts[i].offset);
}

/* The text of a member, or `value` when there is none. */
static char *config_tls_read_text(struct config_reader *reader, const config_setting_t *group,
                                  const char *name, const char *value)
{
    const config_setting_t *member = config_setting_get_member(group, name);
    const char *text = value;

    if (member != NULL && config_setting_type(member) == CONFIG_TYPE_STRING)
        text = config_setting_get_string(member);
    else if (member != NULL)
        config_mistake(reader, member, "listeners", "tls: %s must be a text in double quotes",
                       name);
    return config_strdup(text);
}

/* The same for the name of a file: relative ones begin where the configuration is. */
static char *config_tls_read_file(struct config_reader *reader, const config_setting_t *group,
                                  const char *name)
{
    char *text = config_tls_read_text(reader, group, name, "");
    char *path;

    if (*text == '\0')
        return text;
    path = config_resolve(reader->config, text);
    free(text);
    return path;
}

static void config_tls_read_certificate(struct config_reader *reader, const config_setting_t *group,
                                        struct config_certificate *certificate)
{
    static const char *const known[] = {"chain", "key", "ocsp", NULL};

    if (!config_setting_is_group(group)) {
        config_mistake(reader, group, "listeners",
                       "tls: each certificate is a group: { chain = \"...\"; key = \"...\"; }");
        return;
    }
    config_check_members(reader, group, "listeners", known);
    certificate->chain = config_tls_read_file(reader, group, "chain");
    certificate->key = config_tls_read_file(reader, group, "key");
    certificate->ocsp = config_tls_read_file(reader, group, "ocsp");
    if (*certificate->chain == '\0' || *certificate->key == '\0')
        config_mistake(reader, group, "listeners",
                       "tls: each certificate has a chain and a key: files in PEM format");
}

static void config_tls_read_certificates(struct config_reader *reader,
                                         const config_setting_t *group, struct config_tls *tls)
{
    const config_setting_t *list = config_setting_get_member(group, "certificates");
    int count = list != NULL && config_setting_is_list(list) ? config_setting_length(list) : 0;

    tls->certificates = config_calloc((size_t)count, sizeof(struct config_certificate));
    if (count == 0)
        config_mistake(reader, group, "listeners", "tls %s", config_tls_hint);
    for (int i = 0; i < count; i++)
        config_tls_read_certificate(reader, config_setting_get_elem(list, (unsigned)i),
                                    &tls->certificates[tls->certificate_count++]);
}

static void config_tls_read_others(struct config_reader *reader, const config_setting_t *group,
                                   struct config_tls *tls)
{
    int tickets = 1, seconds = 10;

    for (size_t i = 0; i < ARRAY_LEN(config_tls_texts); i++)
        *config_tls_text(tls, i) = config_tls_read_text(reader, group, config_tls_texts[i].name,
                                                        config_tls_texts[i].value);
    if (config_setting_get_member(group, "tickets") != NULL &&
        !config_setting_lookup_bool(group, "tickets", &tickets))
        config_mistake(reader, group, "listeners", "tls: tickets must be true or false");
    if (config_setting_get_member(group, "handshake_timeout") != NULL &&
        (!config_setting_lookup_int(group, "handshake_timeout", &seconds) || seconds < 1 ||
         seconds > 3600))
        config_mistake(reader, group, "listeners",
                       "tls: handshake_timeout must be a number of seconds from 1 to 3600");
    tls->client_ca = config_tls_read_file(reader, group, "client_ca");
    tls->ticket_keys = config_tls_read_file(reader, group, "ticket_keys");
    tls->tickets = tickets != 0;
    tls->handshake_timeout = seconds;
}

/* Each line of what the files are like becomes a mistake or a warning. */
static void config_tls_report(struct config_reader *reader, const config_setting_t *group,
                              struct strbuf *lines, bool mistake)
{
    char *save = NULL, *text = config_strdup(strbuf_cstr(lines));

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (mistake)
            config_mistake(reader, group, "listeners", "tls: %s", line);
        else
            config_warning(reader, group, "listeners", "tls: %s", line);
    }
    free(text);
}

static void config_tls_load(struct config_reader *reader, const config_setting_t *group,
                            struct config_listener *listener)
{
    struct strbuf mistakes = STRBUF_INIT, warnings = STRBUF_INIT;

    listener->tls_context = tls_context_new(listener->tls, reader->old, &mistakes, &warnings);
    if (listener->tls_context == NULL && mistakes.len == 0)
        strbuf_append_str(&mistakes, "there is no memory for it\n");
    config_tls_report(reader, group, &mistakes, true);
    config_tls_report(reader, group, &warnings, false);
    strbuf_free(&mistakes);
    strbuf_free(&warnings);
}

void config_tls_read(struct config_reader *reader, const config_setting_t *group,
                     struct config_listener *listener)
{
    static const char *const known[] = {"certificates",        "min_version", "ciphers",
                                        "ciphersuites",        "curves",      "client_ca",
                                        "client_certificates", "tickets",     "ticket_keys",
                                        "handshake_timeout",   "ktls",        NULL};
    unsigned mistakes = reader->mistakes;

    if (!config_setting_is_group(group)) {
        config_mistake(reader, group, "listeners", "tls %s", config_tls_hint);
        return;
    }
    config_check_members(reader, group, "listeners", known);
    listener->tls = config_calloc(1, sizeof(*listener->tls));
    config_tls_read_certificates(reader, group, listener->tls);
    config_tls_read_others(reader, group, listener->tls);
    if (reader->mistakes == mistakes)
        config_tls_load(reader, group, listener);
}

void config_tls_free(struct config_listener *listener)
{
    struct config_tls *tls = listener->tls;

    tls_context_unref(&listener->tls_context);
    if (tls == NULL)
        return;
    for (size_t i = 0; i < tls->certificate_count; i++) {
        free(tls->certificates[i].chain);
        free(tls->certificates[i].key);
        free(tls->certificates[i].ocsp);
    }
    free(tls->certificates);
    for (size_t i = 0; i < ARRAY_LEN(config_tls_texts); i++)
        free(*config_tls_text(tls, i));
    free(tls->client_ca);
    free(tls->ticket_keys);
    free(tls);
}
