#include "measure.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

bool measure_init(struct measure *measure, unsigned rounds)
{
    memset(measure, 0, sizeof(*measure));
    measure->rounds = calloc(rounds > 0 ? rounds : 1, sizeof(*measure->rounds));
    if (measure->rounds == NULL)
        return false;
    measure->round_count = rounds;
    for (unsigned i = 0; i < rounds; i++)
        histogram_init(&measure->rounds[i].delay);
    return true;
}

void measure_free(struct measure *measure)
{
    free(measure->messages);
    free(measure->rounds);
    memset(measure, 0, sizeof(*measure));
}

static void measure_message_finish(struct measure *measure, struct measure_message *message)
{
    if (message->finished)
        return;
    message->finished = true;
    measure->unfinished--;
    while (measure->oldest < measure->count && measure->messages[measure->oldest].finished)
        measure->oldest++;
}

uint32_t measure_publish(struct measure *measure, uint64_t due_ns, uint32_t clients)
{
    struct measure_message *message;

    if (measure->count == measure->cap) {
        measure->cap = measure->cap > 0 ? measure->cap * 2 : 1024;
        measure->messages = realloc(measure->messages, measure->cap * sizeof(*measure->messages));
        ENSURE(measure->messages != NULL);
    }
    message = &measure->messages[measure->count++];
    *message = (struct measure_message){
        .due_ns = due_ns, .awaited = clients, .round = (uint16_t)measure->round};
    measure->unfinished++;
    if (clients == 0)
        measure_message_finish(measure, message);
    return measure->count - 1;
}

void measure_answer(struct measure *measure, uint32_t n, enum measure_answer answer)
{
    struct measure_message *message = &measure->messages[n];

    message->answer = (uint8_t)answer;
    if (answer == MEASURE_REFUSED && message->delivered == 0)
        measure_message_finish(measure, message);
}

void measure_join(const struct measure *measure, struct measure_track *track)
{
    track->first = track->next = measure->count;
    track->end = UINT32_MAX;
}

/* One delivery less is awaited. */
static void measure_settle(struct measure *measure, struct measure_message *message)
{
    if (message->awaited > 0 && --message->awaited == 0)
        measure_message_finish(measure, message);
}

static void measure_settle_range(struct measure *measure, uint32_t from, uint32_t to)
{
    for (uint32_t n = from > measure->oldest ? from : measure->oldest; n < to; n++)
        measure_settle(measure, &measure->messages[n]);
}

void measure_leave(struct measure *measure, struct measure_track *track)
{
    track->end = measure->count;
    for (unsigned i = 0; track->gaps != NULL && i < track->gaps->count; i++)
        measure_settle_range(measure, track->gaps->items[i].from, track->gaps->items[i].to);
    measure_settle_range(measure, track->next, track->end);
}

static void measure_gap_insert(struct measure_track *track, unsigned at, struct measure_gap gap)
{
    struct measure_gaps *gaps = track->gaps;
    unsigned count = gaps != NULL ? gaps->count : 0;

    if (gaps == NULL || count == gaps->cap) {
        unsigned cap = count > 0 ? count * 2 : 4;

        gaps = realloc(gaps, sizeof(*gaps) + cap * sizeof(gaps->items[0]));
        ENSURE(gaps != NULL);
        gaps->cap = cap;
        gaps->count = count;
        track->gaps = gaps;
    }
    memmove(&gaps->items[at + 1], &gaps->items[at], (count - at) * sizeof(gaps->items[0]));
    gaps->items[at] = gap;
    gaps->count++;
}

/* The number came late: it is not missing any more. False when it was not missing at all. */
static bool measure_gap_take(struct measure_track *track, uint32_t n)
{
    struct measure_gaps *gaps = track->gaps;

    for (unsigned i = 0; gaps != NULL && i < gaps->count; i++) {
        struct measure_gap gap = gaps->items[i];

        if (n < gap.from || n >= gap.to)
            continue;
        gaps->items[i].to = n;
        if (n + 1 < gap.to)
            measure_gap_insert(track, i + 1, (struct measure_gap){n + 1, gap.to});
        gaps = track->gaps;
        if (gap.from == n) {
            gaps->count--;
            memmove(&gaps->items[i], &gaps->items[i + 1],
                    (gaps->count - i) * sizeof(gaps->items[0]));
        }
        return true;
    }
    return false;
}

/* Is it the client's first copy of the message? Counts what was wrong with its place. */
static bool measure_place(struct measure_round *round, struct measure_track *track, uint32_t n)
{
    if (n >= track->next) {
        if (n > track->next)
            measure_gap_insert(track, track->gaps != NULL ? track->gaps->count : 0,
                               (struct measure_gap){track->next, n});
        track->next = n + 1;
        return true;
    }
    if (n < track->first)
        return false; /* under way while the client joined: it may get it or not */
    if (measure_gap_take(track, n)) {
        round->out_of_order++;
        return true;
    }
    round->duplicated++;
    return false;
}

void measure_arrival(struct measure *measure, struct measure_track *track, uint64_t n, uint64_t t,
                     uint64_t now_ns)
{
    struct measure_message *message;
    struct measure_round *round;

    if (n >= measure->count || measure->messages[n].due_ns != t) {
        measure->foreign++;
        return;
    }
    message = &measure->messages[n];
    round = &measure->rounds[message->round];
    if (!measure_place(round, track, (uint32_t)n))
        return;
    if (message->delivered++ == 0)
        message->first_ns = now_ns;
    message->last_ns = now_ns;
    message->behind_ns += now_ns - message->first_ns;
    round->delivered++;
    measure->delivered++;
    histogram_record(&round->delay, now_ns > t ? now_ns - t : 0);
    measure_settle(measure, message);
}

void measure_expire(struct measure *measure, uint64_t before_ns)
{
    while (measure->oldest < measure->count &&
           measure->messages[measure->oldest].due_ns < before_ns)
        measure_message_finish(measure, &measure->messages[measure->oldest]);
}

/* Was it published, as far as anybody can tell? */
static bool measure_published(const struct measure_message *message)
{
    return message->answer == MEASURE_ACCEPTED || message->delivered > 0;
}

static void measure_count_lost(struct measure *measure, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++)
        if (measure_published(&measure->messages[n]))
            measure->rounds[measure->messages[n].round].lost++;
}

void measure_finish_track(struct measure *measure, struct measure_track *track)
{
    uint32_t end = track->end < measure->count ? track->end : measure->count;

    for (unsigned i = 0; track->gaps != NULL && i < track->gaps->count; i++)
        measure_count_lost(measure, track->gaps->items[i].from, track->gaps->items[i].to);
    measure_count_lost(measure, track->next, end);
    free(track->gaps);
    track->gaps = NULL;
}

static void measure_sum_up(struct measure_round *round, const struct measure_message *message,
                           uint32_t *reached, uint32_t *compared)
{
    uint64_t skew;

    round->messages++;
    round->refused += message->answer == MEASURE_REFUSED;
    round->unanswered += message->answer == MEASURE_UNANSWERED;
    if (message->delivered == 0)
        return;
    skew = message->last_ns - message->first_ns;
    (*reached)++;
    round->skew_mean_ns += ((double)skew - round->skew_mean_ns) / *reached;
    if (skew > round->skew_max_ns)
        round->skew_max_ns = skew;
    if (message->delivered > 1) {
        double behind = (double)message->behind_ns / (message->delivered - 1);

        (*compared)++;
        round->relative_ns += (behind - round->relative_ns) / *compared;
    }
}

void measure_finish(struct measure *measure)
{
    uint32_t reached = 0, compared = 0;

    for (uint32_t n = 0; n < measure->count; n++) {
        const struct measure_message *message = &measure->messages[n];

        if (n > 0 && message->round != message[-1].round)
            reached = compared = 0;
        measure_sum_up(&measure->rounds[message->round], message, &reached, &compared);
    }
}
