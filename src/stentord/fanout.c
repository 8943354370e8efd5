#include "fanout.h"

#include "catch_up.h"
#include "stentor/base/clock.h"

enum {
    FANOUT_TURN = 32,             /* members of one room that are visited in a row, at most, */
    FANOUT_TURN_NS = 200000,      /* and for about so long, however large its messages are */
    FANOUT_LOOK = 4,              /* members between two looks at the clock */
    FANOUT_REST_FACTOR = 2,       /* a fan-out that goes on rests so many times what it took */
    FANOUT_REST_MIN_NS = 1000000, /* but not if that was less than this */
    FANOUT_REST_MAX_NS = 50000000,
};

/* Where the next fan-out begins: a step of the golden ratio round the members from the last. */
static uint32_t fanout_rotate(struct delivery *delivery, uint32_t count)
{
    delivery->rotation += UINT32_C(2654435769);
    return (uint32_t)((uint64_t)delivery->rotation * count >> 32);
}

/* Everyone is to be visited, from `pos` on. */
static void fanout_begin_pass(struct room *room, bool streams_first)
{
    struct room_fanout *fanout = &room->fanout;

    fanout->remaining = room->member_count;
    fanout->streams_first = streams_first;
    fanout->polls_met = false;
}

static void fanout_begin_round(struct delivery *delivery, struct room *room, uint64_t now_ns)
{
    struct room_fanout *fanout = &room->fanout;

    fanout->state = ROOM_FANOUT_RUNNING;
    fanout->pos = fanout_rotate(delivery, room->member_count);
    fanout->again = 0;
    fanout->begun_ns = now_ns;
    fanout_begin_pass(room, true);
    TAILQ_INSERT_TAIL(&delivery->running, room, fanout.link);
}

void fanout_start(struct delivery *delivery, struct room *room, uint64_t seq)
{
    struct room_fanout *fanout = &room->fanout;

    if (delivery->stopping || (room->member_count == 0 && fanout->state == ROOM_FANOUT_IDLE))
        return;
    if (fanout->state == ROOM_FANOUT_IDLE) {
        fanout->first = seq;
        fanout_begin_round(delivery, room, clock_ns());
        delivery->fanout_count++;
        stats_add(&delivery->stats->fanouts, 1);
    } else if (fanout->state == ROOM_FANOUT_RUNNING && fanout->again == 0) {
        fanout->again = seq;
    }
    fanout->last = seq;
}

/* How long a fan-out rests that ran for so long. */
static uint64_t fanout_rest_ns(uint64_t ran_ns)
{
    uint64_t rest = ran_ns * FANOUT_REST_FACTOR;

    if (ran_ns < FANOUT_REST_MIN_NS)
        return 0;
    return rest < FANOUT_REST_MAX_NS ? rest : FANOUT_REST_MAX_NS;
}

/* All members have been visited: that was it, or another round follows after a rest. */
static void fanout_end_round(struct delivery *delivery, struct room *room)
{
    struct room_fanout *fanout = &room->fanout;
    uint64_t now_ns = clock_ns();

    stats_observe(&delivery->stats->fanout_time, (now_ns - fanout->begun_ns) / 1000);
    TAILQ_REMOVE(&delivery->running, room, fanout.link);
    if (fanout->again != 0) {
        fanout->first = fanout->again;
        fanout->state = ROOM_FANOUT_RESTING;
        fanout->rest_until_ns = now_ns + fanout_rest_ns(now_ns - fanout->begun_ns);
        TAILQ_INSERT_TAIL(&delivery->resting, room, fanout.link);
        return;
    }
    delivery->fanout_count--;
    fanout->state = ROOM_FANOUT_IDLE;
    room_release(&delivery->rooms, room);
}

static void fanout_end_pass(struct delivery *delivery, struct room *room)
{
    if (room->fanout.polls_met)
        fanout_begin_pass(room, false);
    else
        fanout_end_round(delivery, room);
}

uint64_t fanout_wake(struct delivery *delivery, uint64_t now_ns)
{
    struct room *room, *next;
    uint64_t wait = 0;

    for (room = TAILQ_FIRST(&delivery->resting); room != NULL; room = next) {
        next = TAILQ_NEXT(room, fanout.link);
        if (room->fanout.rest_until_ns > now_ns) {
            uint64_t left = room->fanout.rest_until_ns - now_ns;
            wait = wait == 0 || left < wait ? left : wait;
            continue;
        }
        TAILQ_REMOVE(&delivery->resting, room, fanout.link);
        fanout_begin_round(delivery, room, now_ns);
    }
    return wait;
}

/* The one message that the room's fan-out is for, if that is all that anybody can be due. */
static struct message *fanout_single(const struct delivery *delivery, const struct room *room)
{
    struct message *message;
    uint64_t before;

    if (delivery->fanout_count != 1 || room->fanout.first != room->fanout.last)
        return NULL;
    before = journal_before(&delivery->journal, room->fanout.first);
    if (room->trimmed >= before) /* a gap may have to be told first */
        return NULL;
    message = journal_get(&delivery->journal, room->fanout.last);
    return message != NULL && message->except_count == 0 ? message : NULL;
}

/* Who is owed or blocked is caught up in another way; who is ahead has been reached already. */
static void fanout_visit(struct delivery *delivery, struct room *room, uint32_t slot,
                         struct message *single)
{
    const struct cursor *cursor = &delivery->cursors.cursors[slot];

    if (cursor->lag != SESSION_CURRENT || cursor->seq >= room->fanout.last)
        return;
    if (cursor->answer != 0 && room->fanout.streams_first) {
        room->fanout.polls_met = true;
        return;
    }
    if (LIKELY(single != NULL))
        catch_up_single(delivery, slot, single, journal_head(&delivery->journal));
    else
        delivery_catch_up(delivery, cursor->session);
}

/* Visits some of the room's members; true when the pass has reached all. */
static bool fanout_take_turn(struct delivery *delivery, struct room *room)
{
    struct room_fanout *fanout = &room->fanout;
    struct message *single = fanout_single(delivery, room);
    uint64_t end_ns = clock_ns() + FANOUT_TURN_NS;

    /* A visit may close sessions, so counts and positions are read anew each time. */
    for (int i = 0; i < FANOUT_TURN && fanout->remaining > 0; i++) {
        if (i > 0 && i % FANOUT_LOOK == 0 && clock_ns() > end_ns)
            break;
        if (fanout->pos >= room->member_count)
            fanout->pos = 0;
        fanout->remaining--;
        fanout_visit(delivery, room, room->members[fanout->pos++], single);
    }
    return fanout->remaining == 0;
}

void fanout_run(struct delivery *delivery)
{
    struct room *room = TAILQ_FIRST(&delivery->running);

    if (fanout_take_turn(delivery, room)) {
        fanout_end_pass(delivery, room);
    } else if (TAILQ_NEXT(room, fanout.link) != NULL) {
        /* Rooms take turns, so that a small one does not wait for a large one. */
        TAILQ_REMOVE(&delivery->running, room, fanout.link);
        TAILQ_INSERT_TAIL(&delivery->running, room, fanout.link);
    }
}

static bool fanout_list_owes(const struct room_list *rooms, uint64_t before)
{
    const struct room *room;

    TAILQ_FOREACH (room, rooms, fanout.link)
        if (room->fanout.first < before)
            return true;
    return false;
}

static void fanout_abandon_list(struct room_list *list)
{
    struct room *room;

    while ((room = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, room, fanout.link);
        room->fanout.state = ROOM_FANOUT_IDLE;
    }
}

bool fanout_owes(const struct delivery *delivery, uint64_t before)
{
    return fanout_list_owes(&delivery->running, before) ||
           fanout_list_owes(&delivery->resting, before);
}

void fanout_abandon_all(struct delivery *delivery)
{
    fanout_abandon_list(&delivery->running);
    fanout_abandon_list(&delivery->resting);
    delivery->fanout_count = 0;
}
