#include "measure.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

static void measure_part_init(struct measure_part *part)
{
    histogram_init(&part->delay);
    histogram_init(&part->relative);
}

bool measure_init(struct measure *measure, unsigned rounds, unsigned groups)
{
    unsigned parts = (rounds + 1) * groups;

    memset(measure, 0, sizeof(*measure));
    measure->rounds = calloc(rounds > 0 ? rounds : 1, sizeof(*measure->rounds));
    measure->parts = calloc(parts, sizeof(*measure->parts));
    if (measure->rounds == NULL || measure->parts == NULL) {
        measure_free(measure);
        return false;
    }
    measure->round_count = rounds;
    measure->groups = groups;
    histogram_init(&measure->recent);
    for (unsigned i = 0; i < parts; i++)
        measure_part_init(&measure->parts[i]);
    for (unsigned i = 0; i < rounds; i++) {
        measure->rounds[i].groups = &measure->parts[i * groups];
        measure_part_init(&measure->rounds[i].all);
        histogram_init(&measure->rounds[i].skew);
    }
    return true;
}

void measure_free(struct measure *measure)
{
    free(measure->messages);
    free(measure->shares);
    free(measure->rounds);
    free(measure->parts);
    memset(measure, 0, sizeof(*measure));
}

static struct measure_share *measure_share(const struct measure *measure, uint32_t n,
                                           unsigned group)
{
    return &measure->shares[(size_t)n * measure->groups + group];
}

/* What the track's group is counted in, for a message. */
static struct measure_part *measure_part(const struct measure *measure, uint32_t n,
                                         const struct measure_track *track)
{
    return &measure->rounds[measure->messages[n].round].groups[track->group];
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

/* Room for one more message. */
static void measure_grow(struct measure *measure)
{
    size_t shares;

    if (measure->count < measure->cap)
        return;
    measure->cap = measure->cap > 0 ? measure->cap * 2 : 1024;
    shares = (size_t)measure->cap * measure->groups;
    measure->messages = realloc(measure->messages, measure->cap * sizeof(*measure->messages));
    measure->shares = realloc(measure->shares, shares * sizeof(*measure->shares));
    ENSURE(measure->messages != NULL && measure->shares != NULL);
}

uint32_t measure_publish(struct measure *measure, uint64_t due_ns, uint32_t clients)
{
    uint32_t n = measure->count;
    struct measure_message *message;

    measure_grow(measure);
    measure->count++;
    message = &measure->messages[n];
    *message = (struct measure_message){
        .due_ns = due_ns, .awaited = clients, .round = (uint16_t)measure->round};
    memset(measure_share(measure, n, 0), 0, measure->groups * sizeof(*measure->shares));
    measure->unfinished++;
    if (clients == 0)
        measure_message_finish(measure, message);
    return n;
}

void measure_answer(struct measure *measure, uint32_t n, enum measure_answer answer)
{
    struct measure_message *message = &measure->messages[n];

    message->answer = (uint8_t)answer;
    if ((answer == MEASURE_REFUSED || answer == MEASURE_UNSENT) && message->delivered == 0)
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
static bool measure_place(struct measure_part *part, struct measure_track *track, uint32_t n)
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
        part->out_of_order++;
        return true;
    }
    part->duplicated++;
    return false;
}

bool measure_arrival(struct measure *measure, struct measure_track *track, uint64_t n, uint64_t t,
                     uint64_t now_ns)
{
    struct measure_message *message;
    struct measure_share *share;
    struct measure_part *part;

    if (n >= measure->count || measure->messages[n].due_ns != t) {
        measure->foreign++;
        return false;
    }
    message = &measure->messages[n];
    part = measure_part(measure, (uint32_t)n, track);
    if (!measure_place(part, track, (uint32_t)n))
        return false;
    if (message->delivered++ == 0) {
        message->first_ns = now_ns;
        message->first_group = track->group;
    } else {
        histogram_record(&part->relative, now_ns - message->first_ns);
    }
    message->last_ns = now_ns;
    share = measure_share(measure, (uint32_t)n, track->group);
    share->behind_ns += now_ns - message->first_ns;
    share->delivered++;
    part->delivered++;
    measure->delivered++;
    histogram_record(&part->delay, now_ns > t ? now_ns - t : 0);
    histogram_record(&measure->recent, now_ns > t ? now_ns - t : 0);
    measure_settle(measure, message);
    return true;
}

/* Counts and histograms; what was compared is no sum. */
static void measure_add(struct measure_part *sum, const struct measure_part *part)
{
    sum->delivered += part->delivered;
    sum->lost += part->lost;
    sum->duplicated += part->duplicated;
    sum->out_of_order += part->out_of_order;
    histogram_merge(&sum->delay, &part->delay);
    histogram_merge(&sum->relative, &part->relative);
}

void measure_sum(struct measure *measure, unsigned round)
{
    struct measure_part *all = &measure->rounds[round].all;

    all->delivered = all->lost = all->duplicated = all->out_of_order = 0;
    measure_part_init(all);
    for (unsigned i = 0; i < measure->groups; i++)
        measure_add(all, &measure->rounds[round].groups[i]);
}

void measure_expire(struct measure *measure, uint64_t before_ns)
{
    while (measure->oldest < measure->count &&
           measure->messages[measure->oldest].due_ns < before_ns)
        measure_message_finish(measure, &measure->messages[measure->oldest]);
}

void measure_depart(struct measure *measure, struct measure_track *track)
{
    uint32_t next = track->next;

    measure_leave(measure, track);
    track->end = next;
    measure_finish_track(measure, track);
    track->first = track->next = track->end;
}

/* Was it published, as far as anybody can tell? */
static bool measure_published(const struct measure_message *message)
{
    return message->answer == MEASURE_ACCEPTED || message->delivered > 0;
}

static void measure_count_lost(struct measure *measure, const struct measure_track *track,
                               uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++)
        if (measure_published(&measure->messages[n]))
            measure_part(measure, n, track)->lost++;
}

void measure_finish_track(struct measure *measure, struct measure_track *track)
{
    uint32_t end = track->end < measure->count ? track->end : measure->count;

    for (unsigned i = 0; track->gaps != NULL && i < track->gaps->count; i++)
        measure_count_lost(measure, track, track->gaps->items[i].from, track->gaps->items[i].to);
    measure_count_lost(measure, track, track->next, end);
    free(track->gaps);
    track->gaps = NULL;
}

/* Of one message, `delivered` clients, not counting the first one, were behind by that in all. */
static void measure_compare(struct measure_part *part, uint64_t behind_ns, uint32_t delivered)
{
    if (delivered == 0)
        return;
    part->compared++;
    part->relative_ns += ((double)behind_ns / delivered - part->relative_ns) / part->compared;
}

static void measure_compare_groups(struct measure *measure, uint32_t n)
{
    const struct measure_message *message = &measure->messages[n];
    struct measure_round *round = &measure->rounds[message->round];
    uint64_t behind_ns = 0;

    for (unsigned i = 0; i < measure->groups; i++) {
        const struct measure_share *share = measure_share(measure, n, i);
        uint32_t others = share->delivered - (i == message->first_group);

        measure_compare(&round->groups[i], share->behind_ns, others);
        measure_compare(&measure->parts[measure->round_count * measure->groups + i],
                        share->behind_ns, others);
        behind_ns += share->behind_ns;
    }
    measure_compare(&round->all, behind_ns, message->delivered - 1);
}

const struct measure_part *measure_group(const struct measure *measure, unsigned group)
{
    return &measure->parts[measure->round_count * measure->groups + group];
}

/* A part that has compared something is one process's. */
static void measure_part_finish(struct measure_part *part)
{
    part->processes = part->compared > 0;
}

void measure_finish(struct measure *measure)
{
    struct measure_part *sums = &measure->parts[measure->round_count * measure->groups];

    for (uint32_t n = 0; n < measure->count; n++)
        if (measure->messages[n].delivered > 0)
            measure_compare_groups(measure, n);
    for (unsigned round = 0; round < measure->round_count; round++) {
        measure_sum(measure, round);
        measure_part_finish(&measure->rounds[round].all);
        for (unsigned i = 0; i < measure->groups; i++) {
            measure_add(&sums[i], &measure->rounds[round].groups[i]);
            measure_part_finish(&measure->rounds[round].groups[i]);
        }
    }
    for (unsigned i = 0; i < measure->groups; i++)
        measure_part_finish(&sums[i]);
}
