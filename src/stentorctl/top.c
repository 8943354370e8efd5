#include "top.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "request.h"
#include "stentor/base/clock.h"

enum { TOP_DEFAULT_SECONDS = 2, TOP_CLOSES = 8 };

/* Two answers of the server, and the time between them. */
struct top_pair {
    const json_t *now;
    const json_t *before;
    double seconds;
};

static double top_value(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static double top_rate(const struct top_pair *pair, const char *counter)
{
    const json_t *now = json_object_get(pair->now, "counters");
    const json_t *before = json_object_get(pair->before, "counters");

    return (top_value(now, counter) - top_value(before, counter)) / pair->seconds;
}

static void top_print_head(const struct top_pair *pair)
{
    const json_t *journal = json_object_get(pair->now, "journal");

    printf("stentord %s, up %.0f s%s\n", json_string_value(json_object_get(pair->now, "version")),
           top_value(pair->now, "uptime_seconds"),
           json_is_true(json_object_get(pair->now, "draining")) ? ", draining" : "");
    printf("clients     %10.0f   new connections/s %9.1f   memory MiB    %9.1f\n",
           top_value(pair->now, "clients"), top_rate(pair, "connections_begun_total"),
           top_value(pair->now, "memory") / 1048576);
    printf("published/s %10.1f   deliveries/s      %9.1f   sent MiB/s    %9.2f\n",
           top_rate(pair, "published_total"), top_rate(pair, "deliveries_total"),
           top_rate(pair, "delivery_bytes_total") / 1048576);
    printf("gaps/s      %10.1f   full sockets/s    %9.1f   refused/s     %9.1f\n",
           top_rate(pair, "gaps_total"), top_rate(pair, "blocked_total"),
           top_rate(pair, "refused_address_total") + top_rate(pair, "refused_memory_total") +
               top_rate(pair, "publish_refused_total"));
    printf("journal     %10.0f messages of %.0f, %.1f MiB of %.1f\n\n",
           top_value(journal, "messages"), top_value(journal, "max_messages"),
           top_value(journal, "bytes") / 1048576, top_value(journal, "max_bytes") / 1048576);
}

static void top_print_threads(const struct top_pair *pair)
{
    const json_t *before = json_object_get(pair->before, "threads"), *thread;
    size_t i;

    puts("thread         busy  deliveries/s  connections  longest wait ms  mails");
    json_array_foreach(json_object_get(pair->now, "threads"), i, thread)
    {
        const json_t *old = json_array_get(before, i);

        printf("%-12s %5.1f%% %13.1f %12.0f %16.1f %6.0f\n",
               json_string_value(json_object_get(thread, "name")),
               (top_value(thread, "cpu_us") - top_value(old, "cpu_us")) / 1e4 / pair->seconds,
               (top_value(thread, "deliveries") - top_value(old, "deliveries")) / pair->seconds,
               top_value(thread, "connections"), top_value(thread, "loop_gap_us") / 1000,
               top_value(thread, "mailbox"));
    }
}

/* Connections that ended since the answer before, by reason. */
static void top_print_closes(const struct top_pair *pair)
{
    const json_t *now = json_object_get(json_object_get(pair->now, "counters"), "closes");
    const json_t *before = json_object_get(json_object_get(pair->before, "counters"), "closes");
    const char *reason;
    const json_t *count;
    unsigned printed = 0;

    json_object_foreach((json_t *)(size_t)now, reason, count)
    {
        double rate = (json_number_value(count) - top_value(before, reason)) / pair->seconds;

        if (rate > 0 && printed++ < TOP_CLOSES)
            printf("%sclosed/s %-18s %9.1f\n", printed == 1 ? "\n" : "", reason, rate);
    }
}

static void top_print(const struct top_pair *pair, bool terminal)
{
    if (terminal)
        fputs("\033[H\033[2J", stdout);
    top_print_head(pair);
    top_print_threads(pair);
    top_print_closes(pair);
    if (!terminal)
        putchar('\n');
    fflush(stdout);
}

static void top_sleep(double seconds)
{
    struct timespec rest = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&rest, NULL);
}

/* The first answer has nothing before it: what it shows is since the start. */
static int top_watch(const struct ctl *ctl, double interval, long times)
{
    bool terminal = isatty(STDOUT_FILENO);
    json_t *before = request_json(ctl, false, "/status.json", NULL);
    uint64_t before_ns = clock_ns();

    for (long i = 0; before != NULL && (times == 0 || i < times); i++) {
        top_sleep(interval);
        json_t *now = request_json(ctl, false, "/status.json", NULL);
        uint64_t now_ns = clock_ns();
        struct top_pair pair = {now, before, (double)(now_ns - before_ns) / 1e9};

        if (now != NULL)
            top_print(&pair, terminal);
        json_decref(before);
        before = now;
        before_ns = now_ns;
    }
    json_decref(before);
    return before != NULL ? CTL_OK : CTL_FAILED;
}

int top_run(const struct ctl *ctl, int argc, char **argv)
{
    double interval = TOP_DEFAULT_SECONDS;
    bool bad = false;
    long times = 0;
    int option;
    char *end;

    optind = 1;
    while ((option = getopt(argc, argv, "+d:n:")) != -1) {
        if (option == 'd')
            interval = strtod(optarg, &end);
        else if (option == 'n')
            times = strtol(optarg, &end, 10);
        bad = bad || option == '?' || *optarg == '\0' || *end != '\0';
    }
    if (bad || optind < argc || !(interval >= 0.1 && interval <= 3600) || times < 0) {
        fprintf(stderr, "usage: stentorctl " TOP_USAGE "\n");
        return CTL_USAGE;
    }
    return top_watch(ctl, interval, times);
}
