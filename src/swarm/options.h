/*
 * options.h - what the command line asks for.
 *
 * The options are read once, before anything else runs, and constant from then on. Strings point
 * into argv.
 */
#ifndef STENTOR_SWARM_OPTIONS_H
#define STENTOR_SWARM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stentor/base/compiler.h"

#include "behaviour.h"
#include "expect.h"
#include "mix.h"
#include "plan.h"
#include "tls.h"
#include "url.h"

enum { OPTIONS_MAX_HEADERS = 16, OPTIONS_MAX_SPLITS = 4, OPTIONS_MAX_ARGUMENTS = 256 };

struct options {
    struct url target;
    unsigned clients;
    struct mix mix;
    const char *path;  /* NULL: the default one of each transport */
    const char *hello; /* that plain clients say first; NULL: nothing */
    const char *room;  /* NULL: everyone */
    const char *key;   /* NULL: none */
    const char *bind;
    struct tls_options tls; /* its host is that of a URL */
    struct behaviour behaviour;
    bool ramp_given;
    uint64_t ramp_ns;
    uint64_t idle_ns;
    uint64_t connect_timeout_ns;

    struct plan plan;
    size_t payload;
    const char *payload_file; /* NULL: they are made up */
    unsigned in_flight;       /* 0: by the plan's interval */
    double directed;          /* messages a second and client */
    const char *grid;         /* the room in which they go to neighbours; NULL: to anybody */
    struct url publish;       /* path "": not given, the default one */
    const char *publish_method;
    const char *publish_body;
    const char *emit; /* the event by which clients publish; NULL: by HTTP */
    const char *event;
    const char *headers[OPTIONS_MAX_HEADERS]; /* of publish requests */
    unsigned header_count;
    bool has_content_type;

    pid_t pid;          /* 0: not given */
    struct url metrics; /* host "": not given */
    struct expect expect;
    uint64_t max_lag_ns; /* beyond which a run is not valid, as with the next one */
    double max_cpu;      /* the share of a processor */

    const char *on;  /* hosts of agents; NULL: this process */
    const char *via; /* the command by which they are reached */
    const char *agent_program;
    unsigned splits[OPTIONS_MAX_SPLITS]; /* --validate: numbers of processes */
    unsigned split_count;

    const char *log_file;    /* of each delivery; NULL: none */
    const char *json_file;   /* NULL: none */
    const char *report_file; /* NULL: none */
    const char *label;       /* what reports call the run */
    bool quiet;

    int argument_count; /* as they were given, for agents */
    char **arguments;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE, /* help or version was printed */
    OPTIONS_BAD,  /* what is wrong was printed */
};

enum options_result options_parse(struct options *options, int argc, char **argv) MUST_CHECK;

extern const char options_help[];

#endif
