/*
 * figures.h - what follows from the measurements: costs per client and per delivery, shares.
 *
 * Pure functions over a swarm that has run. A figure that cannot be known is NAN.
 */
#ifndef STENTOR_SWARM_FIGURES_H
#define STENTOR_SWARM_FIGURES_H

#include "stentor/base/compiler.h"

#include "swarm.h"
#include "timeline.h"

struct figures_interval {
    double seconds;
    double server_cpu_ns;
    double server_cpu_share; /* of one core */
    double server_memory;    /* bytes at the end */
    double swarm_cpu_ns;
    double swarm_cpu_share;
    double wire_bytes;
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
};

struct figures_interval figures_interval(const struct swarm_interval *interval);
/* How many rounds have begun. */
unsigned figures_rounds(const struct swarm *swarm);
struct figures_round figures_round(const struct swarm *swarm, unsigned round);
struct figures_memory figures_server_memory(const struct swarm *swarm);
struct figures_memory figures_swarm_memory(const struct swarm *swarm);
double figures_server_cpu_per_connect_ns(const struct swarm *swarm);
struct figures_pings figures_pings(const struct swarm *swarm);

/* Connects per 100 ms over the ramp. */
struct timeline_peak figures_connects(const struct swarm *swarm);
struct figures_totals figures_totals(const struct swarm *swarm);

/* Notices that messages would not come. */
uint64_t figures_gaps(const struct swarm *swarm);

/* Did the swarm itself set the limit of what was measured? NULL, or a sentence. */
const char *figures_self_limit(const struct swarm *swarm);

#endif
