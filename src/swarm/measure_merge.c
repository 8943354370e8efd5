#include "measure_merge.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

enum { MEASURE_MAX_MESSAGES = 100000000 };

static struct measure_share *measure_share_at(const struct measure *measure, uint32_t n,
                                              unsigned group)
{
    return &measure->shares[(size_t)n * measure->groups + group];
}

static void measure_merge_part(struct measure_part *part, const struct measure_part *from)
{
    uint32_t processes = part->processes + from->processes;

    part->delivered += from->delivered;
    part->lost += from->lost;
    part->duplicated += from->duplicated;
    part->out_of_order += from->out_of_order;
    part->compared += from->compared;
    if (processes > 0)
        part->relative_ns =
            (part->relative_ns * part->processes + from->relative_ns * from->processes) / processes;
    part->processes = processes;
    histogram_merge(&part->delay, &from->delay);
    histogram_merge(&part->relative, &from->relative);
}

static void measure_allocate(struct measure *measure, uint32_t cap)
{
    measure->messages = realloc(measure->messages, cap * sizeof(*measure->messages));
    measure->shares =
        realloc(measure->shares, (size_t)cap * measure->groups * sizeof(*measure->shares));
    ENSURE(measure->messages != NULL && measure->shares != NULL);
    measure->cap = cap;
}

/* Messages that only the other process knows begin as if nobody here had been there. */
static void measure_merge_new(struct measure *measure, const struct measure *from)
{
    if (from->count > measure->cap)
        measure_allocate(measure, from->count);
    for (uint32_t n = measure->count; n < from->count; n++) {
        measure->messages[n] = (struct measure_message){.due_ns = from->messages[n].due_ns,
                                                        .round = from->messages[n].round,
                                                        .answer = from->messages[n].answer,
                                                        .finished = true};
        for (unsigned group = 0; group < measure->groups; group++)
            *measure_share_at(measure, n, group) = (struct measure_share){0, 0};
    }
    if (from->count > measure->count)
        measure->count = from->count;
}

/* The message was first somewhere `earlier_ns` before it was first here. */
static void measure_shift_first(struct measure *measure, uint32_t n, uint64_t earlier_ns)
{
    for (unsigned group = 0; group < measure->groups; group++) {
        struct measure_share *share = measure_share_at(measure, n, group);

        share->behind_ns += earlier_ns * share->delivered;
    }
}

static void measure_merge_message(struct measure *measure, const struct measure *from, uint32_t n)
{
    struct measure_message *message = &measure->messages[n];
    const struct measure_message *other = &from->messages[n];
    uint64_t later_ns = 0; /* that it was first there after it was here */

    if (message->answer == MEASURE_UNANSWERED)
        message->answer = other->answer;
    if (other->delivered == 0)
        return;
    if (message->delivered == 0 || other->first_ns < message->first_ns) {
        if (message->delivered > 0)
            measure_shift_first(measure, n, message->first_ns - other->first_ns);
        message->first_ns = other->first_ns;
        message->first_group = other->first_group;
    } else {
        later_ns = other->first_ns - message->first_ns;
    }
    for (unsigned group = 0; group < measure->groups; group++) {
        const struct measure_share *theirs = measure_share_at(from, n, group);
        struct measure_share *share = measure_share_at(measure, n, group);

        share->behind_ns += theirs->behind_ns + later_ns * theirs->delivered;
        share->delivered += theirs->delivered;
    }
    if (other->last_ns > message->last_ns)
        message->last_ns = other->last_ns;
    message->delivered += other->delivered;
}

static bool measure_matches(const struct measure *measure, const struct measure *from)
{
    uint32_t both = measure->count < from->count ? measure->count : from->count;

    if (measure->groups != from->groups || measure->round_count != from->round_count)
        return false;
    for (uint32_t n = 0; n < both; n++)
        if (measure->messages[n].due_ns != from->messages[n].due_ns ||
            measure->messages[n].round != from->messages[n].round)
            return false;
    return true;
}

bool measure_merge(struct measure *measure, const struct measure *from)
{
    if (!measure_matches(measure, from))
        return false;
    measure_merge_new(measure, from);
    for (uint32_t n = 0; n < from->count; n++)
        measure_merge_message(measure, from, n);
    for (unsigned i = 0; i < (measure->round_count + 1) * measure->groups; i++)
        measure_merge_part(&measure->parts[i], &from->parts[i]);
    for (unsigned i = 0; i < measure->round_count; i++)
        measure_merge_part(&measure->rounds[i].all, &from->rounds[i].all);
    measure->delivered += from->delivered;
    measure->foreign += from->foreign;
    return true;
}

static void measure_conclude_message(struct measure *measure, uint32_t n)
{
    const struct measure_message *message = &measure->messages[n];
    struct measure_round *round = &measure->rounds[message->round];
    uint64_t behind_ns = 0;

    if (message->answer == MEASURE_UNSENT && message->delivered == 0)
        return;
    round->messages++;
    round->refused += message->answer == MEASURE_REFUSED;
    round->unanswered += message->answer == MEASURE_UNANSWERED;
    if (message->delivered == 0)
        return;
    histogram_record(&round->skew, message->last_ns - message->first_ns);
    if (message->delivered == 1)
        return;
    for (unsigned group = 0; group < measure->groups; group++)
        behind_ns += measure_share_at(measure, n, group)->behind_ns;
    round->compared++;
    round->from_first_ns +=
        ((double)behind_ns / (message->delivered - 1) - round->from_first_ns) / round->compared;
}

void measure_conclude(struct measure *measure)
{
    for (uint32_t n = 0; n < measure->count; n++)
        measure_conclude_message(measure, n);
}

static void measure_archive_part(struct archive *archive, struct measure_part *part)
{
    archive_u64(archive, &part->delivered);
    archive_u64(archive, &part->lost);
    archive_u64(archive, &part->duplicated);
    archive_u64(archive, &part->out_of_order);
    archive_double(archive, &part->relative_ns);
    archive_u32(archive, &part->processes);
    archive_u32(archive, &part->compared);
    archive_histogram(archive, &part->delay);
    archive_histogram(archive, &part->relative);
}

static void measure_archive_message(struct archive *archive, struct measure *measure, uint32_t n)
{
    struct measure_message *message = &measure->messages[n];

    archive_u64(archive, &message->due_ns);
    archive_u64(archive, &message->first_ns);
    archive_u64(archive, &message->last_ns);
    archive_u32(archive, &message->delivered);
    archive_u16(archive, &message->round);
    archive_u8(archive, &message->first_group);
    archive_u8(archive, &message->answer);
    for (unsigned group = 0; group < measure->groups; group++) {
        archive_u64(archive, &measure_share_at(measure, n, group)->behind_ns);
        archive_u32(archive, &measure_share_at(measure, n, group)->delivered);
    }
    if (message->round >= measure->round_count || message->last_ns < message->first_ns)
        archive->failed = true;
}

static void measure_archive_messages(struct archive *archive, struct measure *measure)
{
    archive_count(archive, &measure->count, MEASURE_MAX_MESSAGES);
    if (!archive_writes(archive) && measure->count > 0) {
        measure->messages = calloc(measure->count, sizeof(*measure->messages));
        measure->shares =
            calloc((size_t)measure->count * measure->groups, sizeof(*measure->shares));
        ENSURE(measure->messages != NULL && measure->shares != NULL);
        measure->cap = measure->count;
    }
    for (uint32_t n = 0; n < measure->count; n++)
        measure_archive_message(archive, measure, n);
}

void measure_archive(struct archive *archive, struct measure *measure)
{
    uint32_t rounds = measure->round_count, groups = measure->groups;

    archive_u32(archive, &rounds);
    archive_u32(archive, &groups);
    if (rounds != measure->round_count || groups != measure->groups) {
        archive->failed = true;
        return;
    }
    for (unsigned i = 0; i < (rounds + 1) * groups; i++)
        measure_archive_part(archive, &measure->parts[i]);
    for (unsigned i = 0; i < rounds; i++)
        measure_archive_part(archive, &measure->rounds[i].all);
    archive_u64(archive, &measure->delivered);
    archive_u64(archive, &measure->foreign);
    measure_archive_messages(archive, measure);
}
