#include "report.h"

#include <math.h>
#include <string.h>

#include "figures.h"

typedef unsigned long long ull;

/* A number with its unit, in a width that suits it; "-" when it is not known. */
static const char *report_number(char buf[32], double value, double scale, const char *unit)
{
    double x = value / scale;

    if (isnan(value))
        snprintf(buf, 32, "-");
    else
        snprintf(buf, 32, "%.*f%s", x >= 100 ? 0 : x >= 10 ? 1 : 2, x, unit);
    return buf;
}

static const char *report_ms(char buf[32], double ns)
{
    return report_number(buf, ns, 1e6, " ms");
}

static const char *report_us(char buf[32], double ns)
{
    return report_number(buf, ns, 1e3, " us");
}

static const char *report_percent(char buf[32], double share)
{
    return report_number(buf, share, 0.01, " %");
}

static const char *report_bytes(char buf[32], double bytes)
{
    if (bytes >= 1e6)
        return report_number(buf, bytes, 1e6, " MB");
    if (bytes >= 1e4)
        return report_number(buf, bytes, 1e3, " kB");
    if (isnan(bytes))
        snprintf(buf, 32, "-");
    else
        snprintf(buf, 32, "%.0f bytes", bytes);
    return buf;
}

static void report_tally(FILE *out, const char *title, const struct tally *tally)
{
    for (unsigned i = 0; i < tally->used; i++)
        fprintf(out, "%s%llu %s", i == 0 ? title : ", ", (ull)tally->entries[i].count,
                tally->entries[i].label);
    if (tally->used > 0)
        fputc('\n', out);
}

static const char *report_quantile(char buf[32], const struct histogram *histogram, double q)
{
    return report_ms(buf, histogram->count > 0 ? (double)histogram_quantile(histogram, q) : NAN);
}

static void report_quantiles(FILE *out, const char *title, const struct histogram *histogram)
{
    char a[32], b[32], c[32], d[32];

    fprintf(out, "%s p50 %s, p99 %s, p99.9 %s, max %s\n", title, report_quantile(a, histogram, 0.5),
            report_quantile(b, histogram, 0.99), report_quantile(c, histogram, 0.999),
            report_quantile(d, histogram, 1));
}

static void report_bursts(const struct result *result, const struct options *options, FILE *out)
{
    struct timeline_burst bursts[4];
    unsigned count = timeline_find_bursts(&result->connects, figures_ramp_buckets(options), bursts,
                                          ARRAY_LEN(bursts));

    for (unsigned i = 0; i < count && i < ARRAY_LEN(bursts); i++)
        fprintf(out, "  burst      %llu connects at %.1f s, within %u ms: %.1f times the mean\n",
                (ull)bursts[i].events, bursts[i].first / 10.0, bursts[i].buckets * 100,
                bursts[i].by_mean);
    if (count > ARRAY_LEN(bursts))
        fprintf(out, "  burst      and %u more\n", count - (unsigned)ARRAY_LEN(bursts));
}

static void report_connects(const struct result *result, const struct options *options, FILE *out)
{
    struct timeline_peak peak = figures_connects(result, options);
    struct figures_totals totals = figures_totals(result);
    static struct histogram delay;
    char buf[32];

    figures_connect_delay(result, &delay);
    fprintf(out, "\nConnects     %llu attempted, %llu connected, %llu failed\n",
            (ull)totals.attempted, (ull)totals.connected, (ull)totals.failed);
    report_tally(out, "  failed     ", &totals.failures);
    if (totals.connected == 0)
        return;
    report_quantiles(out, "  delay     ", &delay);
    if (peak.buckets > 0)
        fprintf(out, "  per 100 ms max %u, mean %.1f; begun at most %s late\n", peak.max, peak.mean,
                report_ms(buf, (double)result->connect_lag.max));
    report_bursts(result, options, out);
    if (result->tls.handshakes > 0)
        fprintf(out, "  TLS        %llu handshakes, %llu of them resumed; %s, %s\n",
                (ull)result->tls.handshakes, (ull)result->tls.resumed, result->tls.version,
                result->tls.cipher);
    if (figures_has_server(result)) {
        fprintf(out, "  server     %s CPU per connect",
                report_us(buf, figures_server_cpu_per_connect_ns(result)));
        fprintf(out, ", %s memory per client\n",
                report_bytes(buf, figures_server_memory(result).per_client));
    }
}

static void report_idle(const struct result *result, FILE *out)
{
    struct figures_interval idle = figures_interval(&result->idle);
    struct figures_memory memory = figures_server_memory(result);
    char a[32], b[32], c[32];

    if (isnan(idle.seconds))
        return;
    fprintf(out, "\nIdle         %.1f s, swarm CPU %s", idle.seconds,
            report_percent(a, idle.swarm_cpu_share));
    if (figures_has_server(result)) {
        fprintf(out, ", server CPU %s, server memory %s (%s before the connects)",
                report_percent(a, idle.server_cpu_share), report_bytes(b, memory.idle),
                report_bytes(c, memory.before));
        fprintf(out, "\n             server: PSS %s, %.0f threads, %.0f context switches/s, ",
                report_bytes(a, idle.server_pss), idle.server_threads, idle.server_switches);
        fprintf(out, "%s of sockets in the kernel", report_bytes(a, idle.socket_memory));
    }
    fputc('\n', out);
}

static void report_round_counts(const struct result *result, const struct options *options,
                                FILE *out)
{
    fprintf(out, "\nRound  Interval  Messages  Refused   Delivered      Lost  Duplicated  "
                 "Out of order\n");
    for (unsigned i = 0; i < figures_rounds(result); i++) {
        const struct measure_round *round = &result->measure.rounds[i];
        char buf[32];

        if (options->in_flight > 0)
            snprintf(buf, sizeof(buf), "%u flying", options->in_flight);
        else
            snprintf(buf, sizeof(buf), "%g s", (double)options->plan.rounds[i].interval_ns / 1e9);
        fprintf(out, "%5u  %8s  %8llu  %7llu  %10llu  %8llu  %10llu  %12llu\n", i + 1, buf,
                (ull)round->messages, (ull)(round->refused + round->unanswered),
                (ull)round->all.delivered, (ull)round->all.lost, (ull)round->all.duplicated,
                (ull)round->all.out_of_order);
    }
}

static void report_round_delays(const struct result *result, FILE *out)
{
    fprintf(out,
            "\nRound  Delay p50         p99       p99.9         max   Skew mean         max    "
            "Relative         p99\n");
    for (unsigned i = 0; i < figures_rounds(result); i++) {
        const struct measure_round *round = &result->measure.rounds[i];
        const struct histogram *delay = &round->all.delay;
        char a[32], b[32], c[32], d[32], e[32], f[32], g[32], h[32];

        fprintf(out, "%5u  %9s  %10s  %10s  %10s  %10s  %10s  %10s  %10s\n", i + 1,
                report_quantile(a, delay, 0.5), report_quantile(b, delay, 0.99),
                report_quantile(c, delay, 0.999), report_quantile(d, delay, 1),
                report_ms(e, round->skew.count > 0 ? histogram_mean(&round->skew) : NAN),
                report_ms(f, round->skew.count > 0 ? (double)round->skew.max : NAN),
                report_ms(g, round->all.processes > 0 ? round->all.relative_ns : NAN),
                report_quantile(h, &round->all.relative, 0.99));
    }
}

static void report_round_costs(const struct result *result, FILE *out)
{
    fprintf(out, "\nRound  Deliveries/s  Wire/payload  Server CPU  per delivery    Memory  "
                 "Swarm CPU  per delivery\n");
    for (unsigned i = 0; i < figures_rounds(result); i++) {
        struct figures_round round = figures_round(result, i);
        char a[32], b[32], c[32], d[32], e[32], f[32];

        fprintf(out, "%5u  %12.0f  %12s  %10s  %12s  %8s  %9s  %12s\n", i + 1,
                round.deliveries_per_second, report_number(a, round.wire_per_payload_byte, 1, ""),
                report_percent(b, round.interval.server_cpu_share),
                report_us(c, round.server_cpu_per_delivery_ns),
                report_bytes(f, round.interval.server_memory),
                report_percent(d, round.interval.swarm_cpu_share),
                report_us(e, round.swarm_cpu_per_delivery_ns));
    }
}

static void report_groups(const struct result *result, const struct options *options, FILE *out)
{
    fprintf(out, "\nTransport         Attempted  Connected    Failed  Disconnects  Gap notices\n");
    for (unsigned i = 0; i < options->mix.count; i++) {
        const struct result_group *group = &result->groups[i];

        fprintf(out, "%-16s  %9u  %9u  %8llu  %11llu  %11llu\n",
                options->mix.shares[i].transport->name, group->attempted, group->connected,
                (ull)group->failures.total, (ull)group->losses.total, (ull)group->gaps);
        report_tally(out, "  failed     ", &group->failures);
        report_tally(out, "  causes     ", &group->losses);
    }
}

static void report_upgrades(const struct result *result, const struct options *options, FILE *out)
{
    for (unsigned i = 0; i < options->mix.count; i++) {
        const struct result_group *group = &result->groups[i];

        if (group->upgraded + group->upgrade_failures.total == 0)
            continue;
        fprintf(out, "\nUpgrades     %u of %u %s clients moved to a WebSocket\n", group->upgraded,
                group->connected, options->mix.shares[i].transport->name);
        report_tally(out, "  failed     ", &group->upgrade_failures);
    }
}

static void report_part(const struct measure_part *part, const char *transport, FILE *out)
{
    char a[32], b[32], c[32], d[32];

    fprintf(out, "%-16s  %10llu  %8llu  %10llu  %12llu  %9s  %10s  %10s  %10s\n", transport,
            (ull)part->delivered, (ull)part->lost, (ull)part->duplicated, (ull)part->out_of_order,
            report_quantile(a, &part->delay, 0.5), report_quantile(b, &part->delay, 0.99),
            report_quantile(c, &part->delay, 1),
            report_ms(d, part->processes > 0 ? part->relative_ns : NAN));
}

static void report_round_transports(const struct result *result, const struct options *options,
                                    FILE *out)
{
    fprintf(out,
            "\nRound  Transport          Delivered      Lost  Duplicated  Out of order  Delay p50 "
            "        p99         max    Relative\n");
    for (unsigned i = 0; i < figures_rounds(result); i++) {
        for (unsigned j = 0; j < options->mix.count; j++) {
            fprintf(out, "%5u  ", i + 1);
            report_part(&result->measure.rounds[i].groups[j],
                        options->mix.shares[j].transport->name, out);
        }
    }
}

/* With one transport all of it stands above. */
static void report_transports(const struct result *result, const struct options *options, FILE *out)
{
    report_upgrades(result, options, out);
    if (options->mix.count == 1)
        return;
    report_groups(result, options, out);
    if (figures_rounds(result) > 0)
        report_round_transports(result, options, out);
}

static void report_behaviour(const struct result *result, FILE *out)
{
    const struct result_behaviour *behaviour = &result->behaviour;

    if (behaviour->churning + behaviour->stalled + behaviour->slow + behaviour->storms == 0)
        return;
    fprintf(out, "\nBehaviour    %u churning, %u stalled, %u slow clients; %llu storms\n",
            behaviour->churning, behaviour->stalled, behaviour->slow, (ull)behaviour->storms);
    if (behaviour->left > 0)
        fprintf(out, "  returns    %llu of %llu that had left, after %llu failed connects\n",
                (ull)behaviour->returned, (ull)behaviour->left, (ull)behaviour->failures.total);
    report_tally(out, "  failed     ", &behaviour->failures);
    if (behaviour->returned > 0)
        report_quantiles(out, "  away      ", &behaviour->return_delay);
    if (behaviour->slow > 0)
        fprintf(out, "  slow       %llu messages got\n", (ull)behaviour->slow_messages);
}

static void report_directed(const struct directed_result *directed, FILE *out)
{
    if (directed->sent == 0)
        return;
    fprintf(out,
            "\nDirected     %llu sent, %llu refused, %llu to who had left, %llu delivered, "
            "%llu lost, %llu duplicated, %llu to somebody else\n",
            (ull)directed->sent, (ull)directed->refused, (ull)directed->departed,
            (ull)directed->delivered, (ull)directed->lost, (ull)directed->duplicated,
            (ull)directed->misdelivered);
    if (directed->placed > 0)
        fprintf(out, "  grid       %llu clients were told their neighbours\n",
                (ull)directed->placed);
    report_quantiles(out, "  delay     ", &directed->delay);
}

static void report_pings(const struct result *result, FILE *out)
{
    struct figures_pings pings = figures_pings(result);
    char buf[32];

    if (result->pings.total == 0)
        return;
    fprintf(out, "Pings        %llu", (ull)result->pings.total);
    if (pings.interval_ns > 0)
        fprintf(out, ", every %.1f s", pings.interval_ns / 1e9);
    fprintf(out, "; per 100 ms max %u, mean %.1f, max/mean %s%s\n", pings.peak.max, pings.peak.mean,
            report_number(buf, pings.max_over_mean, 1, ""),
            pings.steady ? "" : " (the run was too short to tell)");
}

static void report_agents(const struct result *result, FILE *out)
{
    char a[32], b[32];

    if (result->agent_count == 0)
        return;
    fprintf(out, "\nAgent             Clients  Clock ahead     at most off   CPU    Lag p99\n");
    for (unsigned i = 0; i < result->agent_count; i++) {
        const struct result_agent *agent = &result->agents[i];

        fprintf(out, "%-16s  %7u  ", agent->name, agent->clients);
        if (agent->same_clock)
            fprintf(out, "%11s  %14s", "the same", "-");
        else
            fprintf(out, "%11s  %14s", report_us(a, (double)agent->offset_ns),
                    report_us(b, (double)agent->error_ns));
        fprintf(out, "  %4.0f %%  %9s%s%s\n", agent->cpu_max * 100,
                report_ms(a, (double)agent->lag_p99_ns), agent->ended[0] != '\0' ? "  " : "",
                agent->ended);
    }
}

static void report_swarm(const struct result *result, FILE *out)
{
    struct figures_memory memory = figures_swarm_memory(result);
    char buf[32];

    report_quantiles(out, "Swarm        loop lag", &result->loop_lag);
    fprintf(out, "             %s memory per client", report_bytes(buf, memory.per_client));
    fprintf(out, ", messages sent at most %s late\n",
            report_ms(buf, (double)result->publish_lag.max));
}

static void report_rest(const struct result *result, FILE *out)
{
    struct figures_totals totals = figures_totals(result);

    fputc('\n', out);
    if (result->answer_delay.count > 0)
        report_quantiles(out, "Publishing   answer", &result->answer_delay);
    report_tally(out, "  failed     ", &result->refusals);
    fprintf(out, "Disconnects  %llu\n", (ull)totals.disconnects);
    report_tally(out, "  causes     ", &totals.losses);
    report_pings(result, out);
    if (totals.gaps > 0)
        fprintf(out, "Gaps         %llu notices of messages that would not come\n",
                (ull)totals.gaps);
    if (result->measure.foreign > 0)
        fprintf(out, "Foreign      %llu messages of other publishers\n",
                (ull)result->measure.foreign);
    report_swarm(result, out);
}

static void report_title(const struct options *options, FILE *out)
{
    const struct mix *mix = &options->mix;

    fprintf(out, "stentor-swarm " STENTOR_VERSION ": %u clients of %s by", options->clients,
            options->target.authority);
    for (unsigned i = 0; i < mix->count; i++)
        fprintf(out, mix->count > 1 ? "%s%s:%u" : "%s%s", i > 0 ? "," : " ",
                mix->shares[i].transport->name, mix->shares[i].weight);
    if (options->payload_file != NULL)
        fprintf(out, ", payloads of %s\n", options->payload_file);
    else
        fprintf(out, ", %zu bytes of payload\n", options->payload);
}

void report_verdict(const struct judgement *judgement, FILE *out)
{
    char verdict[JUDGE_MAX_TEXT];

    for (unsigned i = 0; i < judgement->bound_count; i++)
        if (!judgement->bounds[i].met)
            fprintf(out, "Not met      %s\n", judgement->bounds[i].text);
    fprintf(out, "Result       %s\n", judgement->passed ? "passed" : "FAILED");
    judge_verdict(judgement, verdict);
    fprintf(out, "%s\n", verdict);
    for (unsigned i = 1; i < judgement->reason_count; i++)
        fprintf(out, "         %s\n", judgement->reasons[i]);
}

void report_print(const struct result *result, const struct options *options,
                  const struct judgement *judgement, FILE *out)
{
    report_title(options, out);
    report_connects(result, options, out);
    report_idle(result, out);
    if (figures_rounds(result) > 0) {
        report_round_counts(result, options, out);
        report_round_delays(result, out);
        report_round_costs(result, out);
    }
    report_transports(result, options, out);
    report_behaviour(result, out);
    report_directed(&result->directed, out);
    report_agents(result, out);
    report_rest(result, out);
    if (result->stopped[0] != '\0')
        fprintf(out, "\nEnded early: %s.\n", result->stopped);
    fputc('\n', out);
    report_verdict(judgement, out);
}
