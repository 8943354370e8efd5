#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stentor/base/obj.h"

#include "controller.h"
#include "figures.h"
#include "judge.h"
#include "report.h"
#include "report_html.h"
#include "report_json.h"

/* Times agree when they differ by no more than a quarter, or by no more than this. */
#define VALIDATE_SHARE 0.25
#define VALIDATE_SLACK_NS 2000000.0

/* One division of the clients. */
struct validate_split {
    unsigned processes;
    struct result result;
    struct judgement judgement;
};

static bool validate_run_split(const struct options *options, const struct payloads *payloads,
                               unsigned processes, struct validate_split *split)
{
    const char *error;

    split->processes = processes;
    if (!options->quiet)
        fprintf(stderr, "stentor-swarm: %u processes of %u clients\n", processes,
                options->clients / processes);
    if (!controller_run_here(options, payloads, processes, &split->result, &error)) {
        fprintf(stderr, "stentor-swarm: %s\n", error);
        return false;
    }
    result_conclude(&split->result);
    judge_result(&split->result, options, &split->judgement);
    return true;
}

/* --- The comparison. */

static bool validate_times_agree(double a, double b)
{
    double difference = fabs(a - b);

    return (isnan(a) && isnan(b)) || difference <= VALIDATE_SLACK_NS ||
           difference <= VALIDATE_SHARE * fmax(a, b);
}

static void validate_time(struct validate_split splits[], unsigned count, struct judgement *sum,
                          const char *name, unsigned round, const double values[])
{
    printf("  %-22s", name);
    for (unsigned i = 0; i < count; i++)
        printf("  %9.2f ms", values[i] / 1e6);
    for (unsigned i = 1; i < count; i++) {
        if (validate_times_agree(values[0], values[i]))
            continue;
        printf("  differ");
        judge_doubt(sum, "%u and %u processes do not agree: %s in round %u is %.2f and %.2f ms",
                    splits[0].processes, splits[i].processes, name, round + 1, values[0] / 1e6,
                    values[i] / 1e6);
    }
    putchar('\n');
}

static void validate_count(struct validate_split splits[], unsigned count, struct judgement *sum,
                           const char *name, const uint64_t values[])
{
    printf("  %-22s", name);
    for (unsigned i = 0; i < count; i++)
        printf("  %12llu", (unsigned long long)values[i]);
    for (unsigned i = 1; i < count; i++) {
        if (values[0] == values[i])
            continue;
        printf("  differ");
        judge_doubt(sum, "%u and %u processes do not agree: %s is %llu and %llu",
                    splits[0].processes, splits[i].processes, name, (unsigned long long)values[0],
                    (unsigned long long)values[i]);
    }
    putchar('\n');
}

static void validate_compare_counts(struct validate_split splits[], unsigned count,
                                    struct judgement *sum)
{
    uint64_t connected[OPTIONS_MAX_SPLITS] = {0}, delivered[OPTIONS_MAX_SPLITS] = {0};
    uint64_t lost[OPTIONS_MAX_SPLITS] = {0};

    for (unsigned i = 0; i < count; i++) {
        struct figures_totals totals = figures_totals(&splits[i].result);

        connected[i] = totals.connected;
        delivered[i] = totals.delivered;
        lost[i] = totals.lost;
    }
    validate_count(splits, count, sum, "clients connected", connected);
    validate_count(splits, count, sum, "messages delivered", delivered);
    validate_count(splits, count, sum, "messages lost", lost);
}

static void validate_compare_round(struct validate_split splits[], unsigned count, unsigned round,
                                   struct judgement *sum)
{
    double p50[OPTIONS_MAX_SPLITS] = {0}, p99[OPTIONS_MAX_SPLITS] = {0};
    double relative[OPTIONS_MAX_SPLITS] = {0};

    for (unsigned i = 0; i < count; i++) {
        const struct measure_part *part = &splits[i].result.measure.rounds[round].all;

        p50[i] = (double)histogram_quantile(&part->delay, 0.5);
        p99[i] = (double)histogram_quantile(&part->delay, 0.99);
        relative[i] = part->relative_ns;
    }
    printf("  round %u\n", round + 1);
    validate_time(splits, count, sum, "delay p50", round, p50);
    validate_time(splits, count, sum, "delay p99", round, p99);
    validate_time(splits, count, sum, "relative delay", round, relative);
}

/* What is wrong with one of them is wrong with all. */
static void validate_compare(struct validate_split splits[], unsigned count, unsigned rounds,
                             struct judgement *sum)
{
    *sum = splits[0].judgement;
    for (unsigned i = 1; i < count; i++) {
        sum->passed = sum->passed && splits[i].judgement.passed;
        for (unsigned j = 0; j < splits[i].judgement.reason_count; j++)
            judge_doubt(sum, "%s", splits[i].judgement.reasons[j]);
    }
    printf("\nValidation            ");
    for (unsigned i = 0; i < count; i++)
        printf("  %2u processes", splits[i].processes);
    putchar('\n');
    validate_compare_counts(splits, count, sum);
    for (unsigned round = 0; round < rounds; round++)
        validate_compare_round(splits, count, round, sum);
}

/* --- The reports. */

static json_t *validate_json(struct validate_split splits[], unsigned count,
                             const struct options *options)
{
    json_t *runs = json_array();

    for (unsigned i = 0; i < count; i++) {
        struct options named = *options;
        char label[128];

        snprintf(label, sizeof(label), "%s%s%u processes",
                 options->label != NULL ? options->label : "", options->label != NULL ? ", " : "",
                 splits[i].processes);
        named.label = label;
        json_array_append_new(runs, report_json(&splits[i].result, &named, &splits[i].judgement));
    }
    return runs;
}

static bool validate_save(json_t *runs, const struct judgement *sum, const struct options *options)
{
    json_t *root = json_pack("{s:s,s:O,s:b,s:b}", "program", "stentor-swarm", "runs", runs, "valid",
                             sum->reason_count == 0, "passed", sum->passed);
    bool ok = true;

    if (options->json_file != NULL && !report_json_save(root, options->json_file)) {
        fprintf(stderr, "stentor-swarm: %s cannot be written\n", options->json_file);
        ok = false;
    }
    if (options->report_file != NULL && !report_html_save(runs, options->report_file)) {
        fprintf(stderr, "stentor-swarm: %s cannot be written\n", options->report_file);
        ok = false;
    }
    json_decref(root);
    return ok;
}

int validate_run(const struct options *options, const struct payloads *payloads)
{
    struct validate_split *splits = calloc(options->split_count, sizeof(*splits));
    struct judgement sum;
    unsigned done = 0;
    int status = JUDGE_FAILED;
    json_t *runs;

    ENSURE(splits != NULL);
    while (done < options->split_count &&
           validate_run_split(options, payloads, options->splits[done], &splits[done])) {
        report_print(&splits[done].result, options, &splits[done].judgement, stdout);
        done++;
    }
    if (done == options->split_count) {
        validate_compare(splits, done, figures_rounds(&splits[0].result), &sum);
        report_verdict(&sum, stdout);
        status = (int)judge_status(&sum);
        runs = validate_json(splits, done, options);
        if (!validate_save(runs, &sum, options) && status == JUDGE_PASSED)
            status = JUDGE_FAILED;
        json_decref(runs);
    }
    for (unsigned i = 0; i < done; i++)
        result_free(&splits[i].result);
    free(splits);
    return status;
}
