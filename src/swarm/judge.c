#include "judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"

#define JUDGE_CONNECT_LAG 25 /* times as late as a tick may a connect begin */

void judge_doubt(struct judgement *judgement, const char *fmt, ...)
{
    va_list args;

    if (judgement->reason_count == JUDGE_MAX_REASONS)
        return;
    va_start(args, fmt);
    vsnprintf(judgement->reasons[judgement->reason_count++], JUDGE_MAX_TEXT, fmt, args);
    va_end(args);
}

/* --- Validity. */

static void judge_lag(const struct result *result, const struct options *options,
                      struct judgement *judgement)
{
    uint64_t lag = histogram_quantile(&result->loop_lag, 0.99);
    uint64_t late = histogram_quantile(&result->publish_lag, 0.99);
    uint64_t connects = histogram_quantile(&result->connect_lag, 0.99);
    double wait = 0;

    for (unsigned i = 0; i < figures_rounds(result); i++)
        wait = fmax(wait, result->rounds[i].swarm_wait_max);
    if (lag > options->max_lag_ns && wait > 0.1)
        judge_doubt(judgement,
                    "generator-bound (loop lag p99 %.0f ms; it waited %.0f %% of the time for a "
                    "processor)",
                    (double)lag / 1e6, wait * 100);
    else if (lag > options->max_lag_ns)
        judge_doubt(judgement, "generator-bound (loop lag p99 %.0f ms)", (double)lag / 1e6);
    if (late > options->max_lag_ns)
        judge_doubt(judgement, "generator-bound (messages went out %.0f ms late, p99)",
                    (double)late / 1e6);
    if (connects > JUDGE_CONNECT_LAG * options->max_lag_ns)
        judge_doubt(judgement, "generator-bound (connects began %.0f ms late, p99)",
                    (double)connects / 1e6);
}

static void judge_cpu(const struct result *result, const struct options *options,
                      struct judgement *judgement)
{
    for (unsigned i = 0; i < figures_rounds(result); i++) {
        double share = result->rounds[i].swarm_cpu_max;

        if (share <= options->max_cpu)
            continue;
        judge_doubt(judgement, "generator-bound (%.0f %% of a processor in round %u)", share * 100,
                    i + 1);
        return;
    }
}

/* What this machine did not have is not the server's fault. */
static void judge_resources(const struct result *result, struct judgement *judgement)
{
    static const char *const causes[] = {"no_descriptors", "no_local_port", "no_memory"};
    struct figures_totals totals = figures_totals(result);

    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        uint64_t count = tally_count(&totals.failures, causes[i]);

        if (count > 0)
            judge_doubt(judgement, "generator-bound (%s for %llu clients)", causes[i],
                        (unsigned long long)count);
    }
}

/* A run that was to send them, and did not, shows nothing. */
static void judge_directed(const struct result *result, const struct options *options,
                           struct judgement *judgement)
{
    if (options->directed == 0 || figures_rounds(result) == 0 || result->directed.sent > 0)
        return;
    judge_doubt(judgement, "no directed message was sent (no client was told %s)",
                options->grid != NULL ? "who its neighbours are" : "what another one is called");
}

static void judge_agents(const struct result *result, struct judgement *judgement)
{
    for (unsigned i = 0; i < result->agent_count; i++)
        if (result->agents[i].ended[0] != '\0')
            judge_doubt(judgement, "agent %s: %s", result->agents[i].name, result->agents[i].ended);
}

/* --- Bounds. */

struct judge_figure {
    double value;
    double whole; /* of which it is a share */
};

static struct judge_figure judge_count(const struct result *result, enum expect_figure figure)
{
    const struct directed_result *directed = &result->directed;
    struct figures_totals totals = figures_totals(result);
    double due = (double)(totals.delivered + totals.lost + directed->delivered + directed->lost);

    switch (figure) {
    case EXPECT_LOSS:
        return (struct judge_figure){(double)(totals.lost + directed->lost), due};
    case EXPECT_DUPLICATES:
        return (struct judge_figure){(double)(totals.duplicated + directed->duplicated), due};
    case EXPECT_ORDER:
        return (struct judge_figure){(double)totals.out_of_order, due};
    case EXPECT_REFUSED:
        return (struct judge_figure){
            (double)(totals.refused + totals.unanswered + directed->refused),
            (double)(totals.messages + directed->sent)};
    case EXPECT_DISCONNECTS:
        return (struct judge_figure){(double)totals.disconnects, result->clients};
    case EXPECT_FAILED:
        return (struct judge_figure){(double)totals.failed, result->clients};
    case EXPECT_CONNECTED:
        return (struct judge_figure){(double)totals.connected, result->clients};
    default: /* EXPECT_MISDELIVERED */
        return (struct judge_figure){(double)directed->misdelivered, (double)directed->sent};
    }
}

static double judge_quantile(const struct histogram *histogram, double q)
{
    return histogram->count > 0 ? (double)histogram_quantile(histogram, q) : NAN;
}

static double judge_delay(const struct result *result, enum expect_figure figure)
{
    static struct histogram delay;

    figures_delay(result, &delay);
    switch (figure) {
    case EXPECT_P50:
        return judge_quantile(&delay, 0.5);
    case EXPECT_P90:
        return judge_quantile(&delay, 0.9);
    case EXPECT_P99:
        return judge_quantile(&delay, 0.99);
    case EXPECT_P999:
        return judge_quantile(&delay, 0.999);
    case EXPECT_MAX_DELAY:
        return judge_quantile(&delay, 1);
    default: /* EXPECT_MEAN */
        return delay.count > 0 ? histogram_mean(&delay) : NAN;
    }
}

/* The worst of the rounds. */
static double judge_worst(const struct result *result, enum expect_figure figure)
{
    double worst = NAN;

    for (unsigned i = 0; i < figures_rounds(result); i++) {
        const struct measure_round *round = &result->measure.rounds[i];

        if (figure == EXPECT_RELATIVE && round->all.processes > 0)
            worst = fmax(worst, round->all.relative_ns);
        else if (figure == EXPECT_SKEW && round->skew.count > 0)
            worst = fmax(worst, (double)round->skew.max);
    }
    return worst;
}

static double judge_connect_p99(const struct result *result)
{
    static struct histogram delay;

    figures_connect_delay(result, &delay);
    return judge_quantile(&delay, 0.99);
}

static double judge_figure(const struct result *result, const struct expect_bound *bound)
{
    struct judge_figure count;

    switch (bound->figure) {
    case EXPECT_P50:
    case EXPECT_P90:
    case EXPECT_P99:
    case EXPECT_P999:
    case EXPECT_MAX_DELAY:
    case EXPECT_MEAN:
        return judge_delay(result, bound->figure);
    case EXPECT_RELATIVE:
    case EXPECT_SKEW:
        return judge_worst(result, bound->figure);
    case EXPECT_CONNECT_P99:
        return judge_connect_p99(result);
    case EXPECT_RETURN_P99:
        return judge_quantile(&result->behaviour.return_delay, 0.99);
    case EXPECT_DIRECTED_P99:
        return judge_quantile(&result->directed.delay, 0.99);
    case EXPECT_CPU:
        return figures_server_cpu_per_delivery_ns(result);
    case EXPECT_MEMORY:
        return figures_server_memory(result).per_client;
    default:
        count = judge_count(result, bound->figure);
        if (!bound->is_share)
            return count.value;
        return count.whole > 0 ? count.value / count.whole : 0;
    }
}

void judge_result(const struct result *result, const struct options *options,
                  struct judgement *judgement)
{
    memset(judgement, 0, sizeof(*judgement));
    judge_lag(result, options, judgement);
    judge_cpu(result, options, judgement);
    judge_resources(result, judgement);
    judge_directed(result, options, judgement);
    judge_agents(result, judgement);
    judgement->passed = result->stopped[0] == '\0';
    judgement->bound_count = options->expect.count;
    for (unsigned i = 0; i < options->expect.count; i++) {
        const struct expect_bound *bound = &options->expect.bounds[i];
        double value = judge_figure(result, bound);

        judgement->bounds[i] = (struct judge_bound){bound->text, value, expect_met(bound, value)};
        judgement->passed = judgement->passed && judgement->bounds[i].met;
    }
}

enum judge_status judge_status(const struct judgement *judgement)
{
    if (judgement->reason_count > 0)
        return JUDGE_INVALID;
    return judgement->passed ? JUDGE_PASSED : JUDGE_FAILED;
}

void judge_verdict(const struct judgement *judgement, char text[JUDGE_MAX_TEXT])
{
    if (judgement->reason_count == 0)
        snprintf(text, JUDGE_MAX_TEXT, "VALID");
    else
        snprintf(text, JUDGE_MAX_TEXT, "INVALID: %.*s", JUDGE_MAX_TEXT - 10, judgement->reasons[0]);
}
