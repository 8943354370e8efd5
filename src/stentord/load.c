#include "load.h"

#include "stentor/base/log.h"
#include "stentor/base/wheel.h"

enum {
    LOAD_WINDOW_MS = 10000, /* of the maximum that is shown */
    LOAD_SLOW_US = 50000,   /* a tick that is so late is logged */
};

/* Counters that explain a slow tick. */
static const stats_value *load_counter(const struct load *load, unsigned i)
{
    const stats_value *counters[] = {
        &load->stats->deliveries,  &load->stats->http_requests,     &load->stats->handshakes,
        &load->stats->ws_messages, &load->stats->connections_begun,
    };

    return counters[i];
}

static void load_remember(struct load *load)
{
    load->tick_ns = clock_ns();
    load->cpu_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < LOAD_KINDS; i++)
        load->spent_ns[i] = 0;
    for (unsigned i = 0; i < ARRAY_LEN(load->before); i++)
        load->before[i] = stats_get(load_counter(load, i));
}

void load_start(struct load *load, struct stats *stats)
{
    *load = (struct load){.stats = stats, .window_ms = clock_ms() + LOAD_WINDOW_MS};
    load_remember(load);
}

/* The maximum of the last window and of the one that runs: a peak is seen for at least one window.
 */
static void load_keep_maximum(struct load *load, uint64_t late_us)
{
    uint64_t now_ms = clock_ms();

    if (now_ms >= load->window_ms) {
        load->window_ms = now_ms + LOAD_WINDOW_MS;
        load->last_max_us = load->window_max_us;
        load->window_max_us = 0;
    }
    if (late_us > load->window_max_us)
        load->window_max_us = late_us;
    stats_set(&load->stats->loop_gap_us,
              load->window_max_us > load->last_max_us ? load->window_max_us : load->last_max_us);
    if (late_us > stats_get(&load->stats->loop_gap_max_us))
        stats_set(&load->stats->loop_gap_max_us, late_us);
}

static unsigned long long load_ms(uint64_t ns)
{
    return (unsigned long long)(ns / 1000000);
}

static unsigned long long load_since(const struct load *load, unsigned i)
{
    return (unsigned long long)(stats_get(load_counter(load, i)) - load->before[i]);
}

static void load_explain(const struct load *load, const char *thread, uint64_t gap_ns,
                         uint64_t cpu_ns)
{
    uint64_t known = 0;

    for (unsigned i = 0; i < LOAD_KINDS; i++)
        known += load->spent_ns[i];
    log_warning(
        "slow",
        "%s: %llu ms without a tick: mail %llu, fan-outs %llu, timers %llu, connections and "
        "the rest %llu, without the CPU %llu; meanwhile %llu deliveries, %llu requests, "
        "%llu handshakes, %llu messages from clients, %llu new connections",
        thread, load_ms(gap_ns), load_ms(load->spent_ns[LOAD_MAIL]),
        load_ms(load->spent_ns[LOAD_FANOUT]), load_ms(load->spent_ns[LOAD_TIMER]),
        load_ms(cpu_ns > known ? cpu_ns - known : 0),
        load_ms(gap_ns > cpu_ns ? gap_ns - cpu_ns : 0), load_since(load, 0), load_since(load, 1),
        load_since(load, 2), load_since(load, 3), load_since(load, 4));
}

void load_tick(struct load *load, const char *thread)
{
    uint64_t gap_ns = clock_ns() - load->tick_ns;
    uint64_t cpu_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - load->cpu_ns;
    uint64_t due_ns = WHEEL_TICK_MS * UINT64_C(1000000);
    uint64_t late_us = gap_ns > due_ns ? (gap_ns - due_ns) / 1000 : 0;

    load_keep_maximum(load, late_us);
    stats_add(&load->stats->busy_us, cpu_ns / 1000);
    if (late_us >= LOAD_SLOW_US) {
        stats_add(&load->stats->slow_ticks, 1);
        load_explain(load, thread, gap_ns, cpu_ns);
    }
    load_remember(load);
}
