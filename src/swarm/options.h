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

#include "mix.h"
#include "plan.h"
#include "url.h"

struct options {
    struct url target;
    struct url publish; /* path "": not given, the default one */
    unsigned clients;
    struct mix mix;
    const char *path; /* NULL: the default one of each transport */
    const char *room; /* NULL: everyone */
    const char *key;  /* NULL: none */
    const char *bind;
    const char *json_file; /* NULL: none */
    bool ramp_given;
    uint64_t ramp_ns;
    uint64_t idle_ns;
    uint64_t connect_timeout_ns;
    struct plan plan;
    size_t payload;
    pid_t pid;          /* 0: not given */
    unsigned in_flight; /* 0: by the plan's interval */
    bool quiet;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE, /* help or version was printed */
    OPTIONS_BAD,  /* what is wrong was printed */
};

enum options_result options_parse(struct options *options, int argc, char **argv) MUST_CHECK;

#endif
