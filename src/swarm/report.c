#include "report.h"

#include <math.h>
#include <string.h>

#include "figures.h"

typedef unsigned long long ull;

void report_warn_limits(const struct swarm *swarm, FILE *out)
{
    unsigned clients = swarm->options->clients;
    unsigned long ports = net_sources_capacity(&swarm->crowd->links.sources);

    if (clients > swarm->crowd->links.max_open)
        fprintf(out,
                "stentor-swarm: %u clients do not fit: the limit of open descriptors leaves room "
                "for %u.\nRaise it (ulimit -n, LimitNOFILE=), or use several processes.\n",
                clients, swarm->crowd->links.max_open);
    if (clients > ports)
        fprintf(out,
                "stentor-swarm: %u clients do not fit: the local addresses have %lu ports.\n"
                "Give more addresses (--bind), or widen net.ipv4.ip_local_port_range.\n",
                clients, ports);
}

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

static void report_connects(const struct swarm *swarm, FILE *out)
{
    const struct crowd *crowd = swarm->crowd;
    struct timeline_peak peak = figures_connects(swarm);
    char buf[32];

    fprintf(out, "\nConnects     %u attempted, %u connected, %llu failed\n", crowd->started,
            crowd->connected, (ull)crowd->failures.total);
    report_tally(out, "  failed     ", &crowd->failures);
    if (crowd->connected == 0)
        return;
    report_quantiles(out, "  delay     ", &crowd->connect_delay);
    if (peak.buckets > 0)
        fprintf(out, "  per 100 ms max %u, mean %.1f; begun at most %s late\n", peak.max, peak.mean,
                report_ms(buf, (double)crowd->connect_lag.max));
    if (swarm->has_server) {
        fprintf(out, "  server     %s CPU per connect",
                report_us(buf, figures_server_cpu_per_connect_ns(swarm)));
        fprintf(out, ", %s memory per client\n",
                report_bytes(buf, figures_server_memory(swarm).per_client));
    }
}

static void report_idle(const struct swarm *swarm, FILE *out)
{
    struct figures_interval idle = figures_interval(&swarm->idle);
    struct figures_memory memory = figures_server_memory(swarm);
    char a[32], b[32], c[32];

    if (isnan(idle.seconds))
        return;
    fprintf(out, "\nIdle         %.1f s, swarm CPU %s", idle.seconds,
            report_percent(a, idle.swarm_cpu_share));
    if (swarm->has_server)
        fprintf(out, ", server CPU %s, server memory %s (%s before the connects)",
                report_percent(a, idle.server_cpu_share), report_bytes(b, memory.idle),
                report_bytes(c, memory.before));
    fputc('\n', out);
}

static void report_round_counts(const struct swarm *swarm, FILE *out)
{
    fprintf(out, "\nRound  Interval  Messages  Refused   Delivered      Lost  Duplicated  "
                 "Out of order\n");
    for (unsigned i = 0; i < figures_rounds(swarm); i++) {
        const struct measure_round *round = &swarm->measure.rounds[i];
        char buf[32];

        if (swarm->options->in_flight > 0)
            snprintf(buf, sizeof(buf), "%u flying", swarm->options->in_flight);
        else
            snprintf(buf, sizeof(buf), "%g s",
                     (double)swarm->options->plan.rounds[i].interval_ns / 1e9);
        fprintf(out, "%5u  %8s  %8llu  %7llu  %10llu  %8llu  %10llu  %12llu\n", i + 1, buf,
                (ull)round->messages, (ull)(round->refused + round->unanswered),
                (ull)round->all.delivered, (ull)round->all.lost, (ull)round->all.duplicated,
                (ull)round->all.out_of_order);
    }
}

static void report_round_delays(const struct swarm *swarm, FILE *out)
{
    fprintf(out,
            "\nRound  Delay p50         p99       p99.9         max   Skew mean         max    "
            "Relative\n");
    for (unsigned i = 0; i < figures_rounds(swarm); i++) {
        const struct measure_round *round = &swarm->measure.rounds[i];
        const struct histogram *delay = &round->all.delay;
        char a[32], b[32], c[32], d[32], e[32], f[32], g[32];

        fprintf(out, "%5u  %9s  %10s  %10s  %10s  %10s  %10s  %10s\n", i + 1,
                report_quantile(a, delay, 0.5), report_quantile(b, delay, 0.99),
                report_quantile(c, delay, 0.999), report_quantile(d, delay, 1),
                report_ms(e, delay->count > 0 ? round->skew_mean_ns : NAN),
                report_ms(f, delay->count > 0 ? (double)round->skew_max_ns : NAN),
                report_ms(g, delay->count > 0 ? round->all.relative_ns : NAN));
    }
}

static void report_round_costs(const struct swarm *swarm, FILE *out)
{
    fprintf(out, "\nRound  Deliveries/s  Wire/payload  Server CPU  per delivery    Memory  "
                 "Swarm CPU  per delivery\n");
    for (unsigned i = 0; i < figures_rounds(swarm); i++) {
        struct figures_round round = figures_round(swarm, i);
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

static void report_audiences(const struct swarm *swarm, FILE *out)
{
    fprintf(out, "\nTransport         Attempted  Connected    Failed  Disconnects  Gap notices\n");
    for (unsigned i = 0; i < swarm->options->mix.count; i++) {
        const struct audience *audience = &swarm->crowd->audiences[i];

        fprintf(out, "%-16s  %9u  %9u  %8llu  %11llu  %11llu\n", audience->transport->name,
                audience->attempted, audience->connected, (ull)audience->failures.total,
                (ull)audience->losses.total, (ull)audience->gaps);
        report_tally(out, "  failed     ", &audience->failures);
        report_tally(out, "  causes     ", &audience->losses);
    }
}

static void report_part(const struct measure_part *part, const char *transport, FILE *out)
{
    char a[32], b[32], c[32], d[32];

    fprintf(out, "%-16s  %10llu  %8llu  %10llu  %12llu  %9s  %10s  %10s  %10s\n", transport,
            (ull)part->delivered, (ull)part->lost, (ull)part->duplicated, (ull)part->out_of_order,
            report_quantile(a, &part->delay, 0.5), report_quantile(b, &part->delay, 0.99),
            report_quantile(c, &part->delay, 1),
            report_ms(d, part->compared > 0 ? part->relative_ns : NAN));
}

static void report_round_transports(const struct swarm *swarm, FILE *out)
{
    fprintf(out,
            "\nRound  Transport          Delivered      Lost  Duplicated  Out of order  Delay p50 "
            "        p99         max    Relative\n");
    for (unsigned i = 0; i < figures_rounds(swarm); i++) {
        for (unsigned j = 0; j < swarm->options->mix.count; j++) {
            fprintf(out, "%5u  ", i + 1);
            report_part(&swarm->measure.rounds[i].groups[j],
                        swarm->options->mix.shares[j].transport->name, out);
        }
    }
}

/* With one transport all of it stands above. */
static void report_transports(const struct swarm *swarm, FILE *out)
{
    if (swarm->options->mix.count == 1)
        return;
    report_audiences(swarm, out);
    if (figures_rounds(swarm) > 0)
        report_round_transports(swarm, out);
}

static void report_pings(const struct swarm *swarm, FILE *out)
{
    struct figures_pings pings = figures_pings(swarm);
    char buf[32];

    if (swarm->crowd->pings.total == 0)
        return;
    fprintf(out, "Pings        %llu", (ull)swarm->crowd->pings.total);
    if (pings.interval_ns > 0)
        fprintf(out, ", every %.1f s", pings.interval_ns / 1e9);
    fprintf(out, "; per 100 ms max %u, mean %.1f, max/mean %s%s\n", pings.peak.max, pings.peak.mean,
            report_number(buf, pings.max_over_mean, 1, ""),
            pings.steady ? "" : " (the run was too short to tell)");
}

static void report_rest(const struct swarm *swarm, FILE *out)
{
    const struct crowd *crowd = swarm->crowd;
    struct figures_memory memory = figures_swarm_memory(swarm);
    const char *limit = figures_self_limit(swarm);
    uint64_t gaps = figures_gaps(swarm);
    char buf[32];

    fputc('\n', out);
    if (swarm->publisher->answer_delay.count > 0)
        report_quantiles(out, "Publishing   answer", &swarm->publisher->answer_delay);
    report_tally(out, "  failed     ", &swarm->publisher->refusals);
    fprintf(out, "Disconnects  %llu\n", (ull)crowd->losses.total);
    report_tally(out, "  causes     ", &crowd->losses);
    report_pings(swarm, out);
    if (gaps > 0)
        fprintf(out, "Gaps         %llu notices of messages that would not come\n", (ull)gaps);
    if (swarm->measure.foreign > 0)
        fprintf(out, "Foreign      %llu messages of other publishers\n",
                (ull)swarm->measure.foreign);
    report_quantiles(out, "Swarm        loop lag", &swarm->loop_lag);
    fprintf(out, "             %s memory per client", report_bytes(buf, memory.per_client));
    fprintf(out, ", messages sent at most %s late\n",
            report_ms(buf, (double)swarm->publish_lag.max));
    if (limit != NULL)
        fprintf(out, "             Warning: %s.\n", limit);
}

static void report_title(const struct options *options, FILE *out)
{
    const struct mix *mix = &options->mix;

    fprintf(out, "stentor-swarm " STENTOR_VERSION ": %u clients of %s by", options->clients,
            options->target.authority);
    for (unsigned i = 0; i < mix->count; i++)
        fprintf(out, mix->count > 1 ? "%s%s:%u" : "%s%s", i > 0 ? "," : " ",
                mix->shares[i].transport->name, mix->shares[i].weight);
    fprintf(out, ", %zu bytes of payload\n", options->payload);
}

void report_print(const struct swarm *swarm, FILE *out)
{
    report_title(swarm->options, out);
    report_connects(swarm, out);
    report_idle(swarm, out);
    if (figures_rounds(swarm) > 0) {
        report_round_counts(swarm, out);
        report_round_delays(swarm, out);
        report_round_costs(swarm, out);
    }
    report_transports(swarm, out);
    report_rest(swarm, out);
    if (swarm->stopped != NULL)
        fprintf(out, "\nEnded early: %s.", swarm->stopped);
    fprintf(out, "\nResult       %s\n", swarm_passed(swarm) ? "passed" : "FAILED");
}
