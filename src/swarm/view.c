#include "view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VIEW_TERMINAL_NS 250000000u
#define VIEW_PLAIN_NS 2000000000u

enum { VIEW_BAR = 30 };

static const char *const view_phases[PHASE_COUNT] = {
    "starting", "connecting", "idle", "round", "waiting for the rest of round", "goodbye",
};

void view_init(struct view *view, bool quiet)
{
    *view = (struct view){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

void view_free(struct view *view)
{
    strbuf_free(&view->text);
}

static void view_update_rate(struct view *view, const struct status *sum, uint64_t now_ns)
{
    double seconds = (double)(now_ns - view->time_ns) / 1e9;

    if (view->time_ns != 0 && sum->delivered >= view->delivered)
        view->rate = (double)(sum->delivered - view->delivered) / seconds;
    memmove(view->history, view->history + 1, sizeof(view->history) - sizeof(view->history[0]));
    view->history[VIEW_HISTORY - 1] = view->rate;
    view->delivered = sum->delivered;
    view->time_ns = now_ns;
}

static void view_append_phase(struct view *view, const struct conductor *conductor)
{
    strbuf_append_str(&view->text, view_phases[conductor->phase]);
    if (conductor->phase == PHASE_ROUND || conductor->phase == PHASE_DRAIN)
        strbuf_printf(&view->text, " %u/%u", conductor->round + 1, conductor->options->plan.count);
}

static void view_append_server(struct view *view, const struct status *sum)
{
    if (sum->server_rss > 0)
        strbuf_printf(&view->text, "server %.0f %% CPU, %.1f MB", sum->server_cpu * 100,
                      (double)sum->server_rss / 1e6);
}

static void view_plain(struct view *view, const struct conductor *conductor, uint64_t now_ns)
{
    const struct status *sum = &conductor->sum;

    view_append_phase(view, conductor);
    strbuf_printf(&view->text, ": %u of %u clients connected", sum->joined,
                  conductor->options->clients);
    if (sum->failed > 0)
        strbuf_printf(&view->text, ", %u failed", sum->failed);
    if (conductor->phase >= PHASE_ROUND)
        strbuf_printf(&view->text, ", message %llu, %.0f deliveries/s, delay p99 %.2f ms",
                      (unsigned long long)sum->messages, view->rate, (double)sum->p99_ns / 1e6);
    else if (sum->pings > 0)
        strbuf_printf(&view->text, ", %llu pings", (unsigned long long)sum->pings);
    if (sum->server_rss > 0)
        strbuf_append_str(&view->text, ", ");
    view_append_server(view, sum);
    strbuf_printf(&view->text, ", %.0f s left\n",
                  (double)conductor_left_ns(conductor, now_ns) / 1e9);
}

static void view_append_bar(struct view *view, double share)
{
    int full = (int)(share * VIEW_BAR + 0.5);

    for (int i = 0; i < VIEW_BAR; i++)
        strbuf_append_str(&view->text, i < full ? "\u2588" : "\u2591");
}

static void view_append_history(struct view *view)
{
    static const char *const steps[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                        "\u2585", "\u2586", "\u2587", "\u2588"};
    double max = 1;

    for (unsigned i = 0; i < VIEW_HISTORY; i++)
        if (view->history[i] > max)
            max = view->history[i];
    for (unsigned i = 0; i < VIEW_HISTORY; i++)
        strbuf_append_str(&view->text, steps[(int)(view->history[i] / max * 8)]);
}

/* Each line is wiped behind its end, since the one before may have been longer. */
static void view_end_line(struct view *view)
{
    strbuf_append_str(&view->text, "\033[K\n");
    view->lines++;
}

static void view_screen(struct view *view, const struct conductor *conductor, uint64_t now_ns)
{
    const struct status *sum = &conductor->sum;
    double total = (double)conductor_total_ns(conductor);
    double left = (double)conductor_left_ns(conductor, now_ns);

    if (view->lines > 0)
        strbuf_printf(&view->text, "\033[%uA", view->lines);
    view->lines = 0;
    view_append_bar(view, total > 0 && left < total ? 1 - left / total : 0);
    strbuf_printf(&view->text, " %.0f s left, ", left / 1e9);
    view_append_phase(view, conductor);
    view_end_line(view);
    view_append_bar(view, (double)sum->joined / conductor->options->clients);
    strbuf_printf(&view->text, " %u of %u connected, %u failed", sum->joined,
                  conductor->options->clients, sum->failed);
    view_end_line(view);
    view_append_history(view);
    strbuf_printf(&view->text, " %.0f deliveries/s", view->rate);
    view_end_line(view);
    strbuf_printf(&view->text, "delay p50 %.2f ms, p99 %.2f ms; ", (double)sum->p50_ns / 1e6,
                  (double)sum->p99_ns / 1e6);
    view_append_server(view, sum);
    strbuf_printf(&view->text, "%sswarm %.0f %% CPU, lag %.1f ms", sum->server_rss > 0 ? "; " : "",
                  sum->swarm_cpu * 100, (double)sum->lag_ns / 1e6);
    view_end_line(view);
}

void view_tick(struct view *view, const struct conductor *conductor, uint64_t now_ns)
{
    if (view->quiet || now_ns < view->next_ns || conductor->phase == PHASE_NONE ||
        conductor_ended(conductor))
        return;
    view->next_ns = now_ns + (view->terminal ? VIEW_TERMINAL_NS : VIEW_PLAIN_NS);
    view_update_rate(view, &conductor->sum, now_ns);
    strbuf_clear(&view->text);
    if (view->terminal)
        view_screen(view, conductor, now_ns);
    else
        view_plain(view, conductor, now_ns);
    if (!view->text.failed)
        fwrite(view->text.data, 1, view->text.len, stderr);
}

void view_clear(struct view *view)
{
    if (view->lines > 0)
        fprintf(stderr, "\033[%uA\033[J", view->lines);
    view->lines = 0;
}
