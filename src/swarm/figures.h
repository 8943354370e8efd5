/*
 * figures.h - what follows from a result: costs per client and per delivery, shares, totals.
 *
 * Pure functions over a result that has been concluded. A figure that cannot be known is NAN.
 */
#ifndef STENTOR_SWARM_FIGURES_H
#define STENTOR_SWARM_FIGURES_H

#include "stentor/base/compiler.h"

#include "options.h"
#include "result.h"
#include "timeline.h"

struct figures_interval {
    double seconds;
    double server_cpu_ns;
    double server_cpu_share; /* of one processor */
    double server_memory;    /* bytes at the end: resident, and with shared pages in parts */
    double server_pss;
    double server_threads;
    double server_switches; /* a second */
    double socket_memory;   /* bytes of the kernel's */
    double swarm_cpu_ns;
    double swarm_cpu_share;
    double received; /* bytes */
    double sent;
};

struct figures_round {
    struct figures_interval interval;
    double server_cpu_per_delivery_ns;
    double swarm_cpu_per_delivery_ns;
    double wire_per_payload_byte; /* received bytes per byte of delivered data */
    double deliveries_per_second;
};

struct figures_memory {
    double before; /* bytes */
    double connected;
    double idle; /* at the end of the idle phase */
    double per_client;
};

struct figures_pings {
    bool steady;               /* an interval had passed, and another one was counted */
    double interval_ns;        /* 0: unknown */
    struct timeline_peak peak; /* per 100 ms */
    double max_over_mean;
};

struct figures_totals {
    uint64_t messages, refused, unanswered, delivered, lost, duplicated, out_of_order;
    uint64_t attempted, connected, failed, disconnects, gaps;
    struct tally failures, losses;
};

struct figures_interval figures_interval(const struct result_interval *interval);

/* How many rounds have begun. */
unsigned figures_rounds(const struct result *result);
struct figures_round figures_round(const struct result *result, unsigned round);
struct figures_memory figures_server_memory(const struct result *result);
struct figures_memory figures_swarm_memory(const struct result *result);
double figures_server_cpu_per_connect_ns(const struct result *result);
double figures_server_cpu_per_delivery_ns(const struct result *result);
struct figures_pings figures_pings(const struct result *result);
struct figures_totals figures_totals(const struct result *result);

/* Connects per 100 ms over the ramp, and of how many buckets it is. */
struct timeline_peak figures_connects(const struct result *result, const struct options *options);
unsigned figures_ramp_buckets(const struct options *options);

/* The delays of all rounds together, and of the connects of all transports. */
void figures_delay(const struct result *result, struct histogram *delay);
void figures_connect_delay(const struct result *result, struct histogram *delay);

/* Has anything been seen of the server? */
bool figures_has_server(const struct result *result);

#endif
