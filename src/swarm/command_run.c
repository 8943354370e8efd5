/* A run, in this process or by agents, and its reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "controller.h"
#include "judge.h"
#include "options.h"
#include "payloads.h"
#include "report.h"
#include "report_html.h"
#include "report_json.h"
#include "run.h"
#include "validate.h"

static bool command_complain(const char *what, const char *error)
{
    fprintf(stderr, "stentor-swarm: %s%s%s\n", what, what[0] != '\0' ? ": " : "", error);
    return false;
}

static bool command_load_payloads(const struct options *options, struct payloads *payloads)
{
    char error[PAYLOADS_MAX_ERROR];

    payloads_init(payloads, options->payload);
    if (options->payload_file == NULL || payloads_load(payloads, options->payload_file, error))
        return true;
    return command_complain(options->payload_file, error);
}

/* Writes the files that were asked for. */
static bool command_save(const json_t *root, const struct options *options)
{
    json_t *runs;
    bool ok = true;

    if (options->json_file != NULL && !report_json_save(root, options->json_file))
        ok = command_complain(options->json_file, "cannot be written");
    if (options->report_file != NULL) {
        runs = json_pack("[O]", root);
        if (!report_html_save(runs, options->report_file))
            ok = command_complain(options->report_file, "cannot be written");
        json_decref(runs);
    }
    return ok;
}

static int command_report(struct result *result, const struct options *options)
{
    struct judgement judgement;
    json_t *root;
    int status;

    result_conclude(result);
    judge_result(result, options, &judgement);
    report_print(result, options, &judgement, stdout);
    status = (int)judge_status(&judgement);
    root = report_json(result, options, &judgement);
    if (!command_save(root, options) && status == JUDGE_PASSED)
        status = JUDGE_FAILED;
    json_decref(root);
    return status;
}

static int command_run_once(const struct options *options, const struct payloads *payloads)
{
    struct result result;
    const char *error;
    bool ok;
    int status;

    if (options->on != NULL)
        ok = controller_run(options, payloads, &result, &error);
    else
        ok = run_here(options, payloads, &result, &error);
    if (!ok) {
        command_complain("", error);
        return JUDGE_FAILED;
    }
    status = command_report(&result, options);
    result_free(&result);
    return status;
}

int command_run(int argc, char **argv, const struct mix *mix)
{
    struct options options;
    struct payloads payloads;
    int status = JUDGE_FAILED;

    switch (options_parse(&options, argc, argv)) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_DONE:
        return JUDGE_PASSED;
    case OPTIONS_BAD:
        return JUDGE_USAGE;
    }
    if (mix != NULL)
        options.mix = *mix;
    if (command_load_payloads(&options, &payloads)) {
        if (options.split_count > 0)
            status = validate_run(&options, &payloads);
        else
            status = command_run_once(&options, &payloads);
    }
    payloads_free(&payloads);
    return status;
}
