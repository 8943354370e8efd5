/* Several runs side by side. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "judge.h"
#include "report_html.h"

static const char command_compare_help[] =
    "Usage: stentor-swarm compare [--report FILE] RESULT.json...\n"
    "Shows results that stentor-swarm has written with --json side by side.\n"
    "\n"
    "      --report FILE   write an HTML page with plots\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 if all of them are valid and as expected, 1 otherwise, 2 usage, 3 if one is\n"
    "INVALID.\n";

/* A file holds one run, or several in `runs`. */
static bool command_load(json_t *runs, const char *file)
{
    json_error_t error;
    json_t *root = json_load_file(file, 0, &error), *list = json_object_get(root, "runs"), *run;
    bool ok = root != NULL;
    size_t i;

    if (!ok)
        fprintf(stderr, "stentor-swarm: %s: %s\n", file, error.text);
    else if (list != NULL)
        json_array_foreach(list, i, run) json_array_append(runs, run);
    else
        json_array_append(runs, root);
    json_decref(root);
    return ok;
}

static bool command_is_run(const json_t *run)
{
    return json_is_array(json_object_get(run, "rounds")) &&
           json_is_object(json_object_get(run, "connects")) &&
           json_is_object(json_object_get(run, "totals")) &&
           json_is_object(json_object_get(run, "verdict")) &&
           json_is_array(json_object_get(run, "seconds"));
}

/* The number at a path such as "totals.delay_ns.p99". */
static const json_t *command_at(const json_t *run, const char *path)
{
    char name[64];

    while (*path != '\0') {
        size_t len = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        run = json_object_get(run, name);
        path += len + (path[len] == '.');
    }
    return run;
}

enum { COMMAND_COLUMN = 32 }; /* wide enough for names that differ at their end */

static void command_print_number(const json_t *value, double scale)
{
    if (json_is_number(value))
        printf("  %*.*f", COMMAND_COLUMN, scale > 1 ? 2 : 0, json_number_value(value) / scale);
    else
        printf("  %*s", COMMAND_COLUMN, "-");
}

static const struct {
    const char *title;
    const char *path;
    double scale;
} command_figures[] = {
    {"clients", "options.clients", 1},
    {"connected", "connects.connected", 1},
    {"delivered", "totals.delivered", 1},
    {"lost", "totals.lost", 1},
    {"duplicated", "totals.duplicated", 1},
    {"out of order", "totals.out_of_order", 1},
    {"disconnects", "disconnects.total", 1},
    {"connect p99, ms", "connects.delay_ns.p99", 1e6},
    {"delay p50, ms", "totals.delay_ns.p50", 1e6},
    {"delay p99, ms", "totals.delay_ns.p99", 1e6},
    {"delay max, ms", "totals.delay_ns.max", 1e6},
    {"server CPU/delivery, us", "totals.server_cpu_per_delivery_ns", 1e3},
    {"server memory/client, B", "server.memory.per_client", 1},
};

static void command_print_texts(const json_t *runs)
{
    size_t i;
    json_t *run;

    printf("%-24s", "");
    json_array_foreach(runs, i, run)
    {
        const char *label = json_string_value(command_at(run, "options.label"));
        const char *server = json_string_value(command_at(run, "options.server"));

        printf("  %*.*s", COMMAND_COLUMN, COMMAND_COLUMN,
               label != NULL    ? label
               : server != NULL ? server
                                : "?");
    }
    printf("\n%-24s", "verdict");
    json_array_foreach(runs, i, run)
        printf("  %*s", COMMAND_COLUMN,
               json_is_true(command_at(run, "verdict.valid")) ? "valid" : "INVALID");
    printf("\n%-24s", "as expected");
    json_array_foreach(runs, i, run) printf(
        "  %*s", COMMAND_COLUMN, json_is_true(json_object_get(run, "passed")) ? "yes" : "NO");
    putchar('\n');
}

static int command_print(const json_t *runs)
{
    int status = JUDGE_PASSED;
    json_t *run;
    size_t i;

    command_print_texts(runs);
    for (size_t row = 0; row < ARRAY_LEN(command_figures); row++) {
        printf("%-24s", command_figures[row].title);
        json_array_foreach(runs, i, run) command_print_number(
            command_at(run, command_figures[row].path), command_figures[row].scale);
        putchar('\n');
    }
    json_array_foreach(runs, i, run)
    {
        if (!json_is_true(command_at(run, "verdict.valid")))
            status = JUDGE_INVALID;
        else if (!json_is_true(json_object_get(run, "passed")) && status == JUDGE_PASSED)
            status = JUDGE_FAILED;
    }
    return status;
}

static int command_compare_files(int count, char **files, const char *report)
{
    json_t *runs = json_array(), *run;
    int status = JUDGE_USAGE;
    bool ok = true;
    size_t i;

    for (int n = 0; n < count && ok; n++)
        ok = command_load(runs, files[n]);
    json_array_foreach(runs, i, run)
    {
        if (ok && !command_is_run(run))
            fputs("stentor-swarm: a file is no result of stentor-swarm --json\n", stderr);
        ok = ok && command_is_run(run);
    }
    if (ok) {
        status = command_print(runs);
        if (report != NULL && !report_html_save(runs, report)) {
            fprintf(stderr, "stentor-swarm: %s cannot be written\n", report);
            status = JUDGE_FAILED;
        }
    }
    json_decref(runs);
    return status;
}

int command_compare(int argc, char **argv)
{
    static const struct option options[] = {
        {"report", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *report = NULL;
    int opt;

    optind = 0;
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'r') {
            report = optarg;
        } else {
            fputs(command_compare_help, opt == 'h' ? stdout : stderr);
            return opt == 'h' ? JUDGE_PASSED : JUDGE_USAGE;
        }
    }
    if (optind == argc) {
        fputs(command_compare_help, stderr);
        return JUDGE_USAGE;
    }
    return command_compare_files(argc - optind, argv + optind, report);
}
