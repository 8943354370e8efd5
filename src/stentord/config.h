/*
 * config.h - the configuration: read from its file, checked, and constant from then on.
 *
 * A `struct config` is an immutable and refcounted snapshot of the file and of what the file names:
 * any thread may read one that it holds a reference to. A server that is told to read the file
 * again gets another snapshot (reload.h). libconfig is known to the config*.c files alone.
 */
#ifndef STENTORD_CONFIG_H
#define STENTORD_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "static_files.h"
#include "stentor/base/strbuf.h"

struct tls_context;

enum slow_policy {
    SLOW_SKIP,       /* go on with what the journal still holds, and say what is missing */
    SLOW_DISCONNECT, /* close, and say why */
    SLOW_CONFLATE,   /* of messages with one key the newest is enough */
};

/* One certificate of a listener: its chain, its private key, an OCSP response ("": none). */
struct config_certificate {
    char *chain;
    char *key;
    char *ocsp;
};

/* How a listener speaks TLS; tls_context.c makes of it what handshakes need. */
struct config_tls {
    struct config_certificate *certificates;
    size_t certificate_count;
    char *min_version;         /* "1.2" or "1.3" */
    char *ciphers;             /* up to TLS 1.2 */
    char *ciphersuites;        /* from TLS 1.3 on */
    char *curves;              /* "": as it is best with this library */
    char *client_certificates; /* "off", "optional" or "required" */
    char *client_ca;           /* file; "": none */
    bool tickets;
    char *ticket_keys; /* file; "": keys of this process's own */
    char *ktls;        /* "auto", "on" or "off" */
    int handshake_timeout;
};

struct config_listener {
    char *address; /* an IP address, or unix:PATH */
    int port;      /* 0: any free one */
    bool admin;
    bool proxy_protocol;             /* connections begin with its header */
    int redirect;                    /* the port that https is at; 0: serve, and do not redirect */
    struct config_tls *tls;          /* NULL: plain */
    struct tls_context *tls_context; /* of the same */
};

/* Who may do something. A client without a key is anyone; UNSET: as in all other rooms. */
enum permission { PERMISSION_NOBODY, PERMISSION_KEY, PERMISSION_ANYONE, PERMISSION_UNSET };

struct config_room_rule {
    char *pattern;   /* fnmatch(3) */
    bool has_policy; /* or else it is slow_client_policy */
    enum slow_policy policy;
    bool grid; /* its members have neighbours (grid.h) */
    int columns;
    bool wrap;
    enum permission join, publish, send;
};

/* Field types of the option table. */
#define CONFIG_FIELD_INT int
#define CONFIG_FIELD_BOOL bool
#define CONFIG_FIELD_STR char *
#define CONFIG_FIELD_PERMISSION enum permission

struct config {
    atomic_uint refs;
    unsigned generation; /* how often it has been read again */
    char *path;          /* of the file; absolute */
#define OPTION(type, field, path, value, min, max, reload) CONFIG_FIELD_##type field;
#include "options.def"
#undef OPTION
    enum slow_policy default_policy; /* slow_client_policy, understood */
    int level;                       /* log_level, understood */
    struct config_listener *listeners;
    size_t listener_count;
    char **publish_keys;
    size_t publish_key_count;
    char **client_keys;
    size_t client_key_count;
    char **cors_origins;
    size_t cors_origin_count;
    char **namespaces;
    size_t namespace_count;
    struct config_room_rule *room_rules;
    size_t room_rule_count;
    char *warnings;                   /* lines about what works and may not be meant; "": none */
    struct static_files static_files; /* under static_root */
};

/* Reads and checks the file, and what it names. NULL after any mistake; each is a line in
 * `mistakes`: FILE:LINE: OPTION: what is wrong and what to do. `old` is the configuration by which
 * the server runs that reads it again; NULL: it starts. */
struct config *config_load(const char *path, const struct config *old,
                           struct strbuf *mistakes) MUST_CHECK;

/* Makes `fresh`, which nobody else has seen yet, something that a server which runs by `old` can
 * take over: what cannot change while it runs stays as it is in `old`. Each line in `changed` says
 * what changes; each one in `kept`, what does not. */
void config_succeed(struct config *fresh, const struct config *old, struct strbuf *changed,
                    struct strbuf *kept);

/* Do both stand for one place to listen at? */
bool config_same_listener(const struct config_listener *a, const struct config_listener *b);

/* Writes what the configuration has of warnings to the log. */
void config_log_warnings(const struct config *config);

struct config *config_ref(struct config *config);
void config_unref(struct config **config);

/* The first rule whose pattern fits the room of that name; NULL when none does. */
const struct config_room_rule *config_room_rule(const struct config *config, const char *room);

/* Is it a grid? (NULL: everyone, and not.) */
bool config_room_is_grid(const struct config *config, const char *room);

/* What happens to clients that fall behind in a room of that name (NULL: everyone). */
enum slow_policy config_room_policy(const struct config *config, const char *room);

/* The namespace of those who name none: "/", or the first one if that is not declared. */
int config_default_namespace(const struct config *config);

/* The index of a declared namespace; -1 for any other. */
int config_find_namespace(const struct config *config, const char *name, size_t len);

#endif
