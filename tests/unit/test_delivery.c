/*
 * Deliveries, seen from both sides: exactly once, in order, or a gap that names what is missing.
 */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "../../src/stentord/fanout.h"
#include "delivery_fixture.h"
#include "stentor/base/clock.h"

enum { SMALL_BUFFER = 4608 };

static const char small_journal[] = "journal = { messages = 10; bytes = 1048576; age = 0; };";

static const char *const everyone[] = {NULL};

static void assert_seen(const struct fixture_client *client, unsigned count, const uint64_t *seqs)
{
    assert_int_equal(client->seen_count, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(client->seen[i], seqs[i]);
}

/* A client that is connected, reads, and is in everyone's room. */
static void connect_listener(struct fixture *f, struct fixture_client *client)
{
    fixture_connect(f, client, f->head, 0);
    fixture_join(client, "");
}

static void test_everyone_in_order(void **state)
{
    static struct fixture_client clients[100];
    struct fixture f;
    uint64_t seqs[20];

    (void)state;
    fixture_open(&f, "");
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        connect_listener(&f, &clients[i]);
    for (unsigned i = 0; i < ARRAY_LEN(seqs); i++)
        seqs[i] = i % 2 ? fixture_publish(&f, NULL)
                        : fixture_accept(&f, (struct fixture_address){.rooms = everyone});
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
        fixture_read(&f, &clients[i]);
        assert_seen(&clients[i], ARRAY_LEN(seqs), seqs);
        fixture_disconnect(&clients[i]);
    }
    /* Two waited each time: one call for both. */
    assert_int_equal(stats_get(&f.thread.stats.deliveries), 20 * 100);
    assert_int_equal(stats_get(&f.thread.stats.delivery_calls), 10 * 100);
    fixture_close(&f);
}

static void test_one_call_for_one_message(void **state)
{
    struct fixture_client client;
    struct fixture f;

    (void)state;
    fixture_open(&f, "");
    connect_listener(&f, &client);
    for (int i = 0; i < 5; i++)
        fixture_publish(&f, NULL);
    assert_int_equal(stats_get(&f.thread.stats.delivery_calls), 5);
    assert_int_equal(stats_get(&f.thread.stats.catch_ups), 0);
    assert_int_equal(stats_get(&f.thread.stats.encodings[DIALECT_NATIVE]), 5);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static void test_union_of_rooms_once(void **state)
{
    static const char *const both[] = {"a", "b", "a", NULL};
    struct fixture_client in_both, in_b, in_none;
    struct fixture f;
    uint64_t seqs[3];

    (void)state;
    fixture_open(&f, "");
    connect_listener(&f, &in_both);
    connect_listener(&f, &in_b);
    connect_listener(&f, &in_none);
    fixture_join(&in_both, "a");
    fixture_join(&in_both, "b");
    fixture_join(&in_b, "b");
    seqs[0] = fixture_accept(&f, (struct fixture_address){.rooms = both});
    seqs[1] = fixture_publish(&f, "b");
    seqs[2] = fixture_accept(&f, (struct fixture_address){.rooms = both});
    fixture_run(&f);
    fixture_read(&f, &in_both);
    fixture_read(&f, &in_b);
    fixture_read(&f, &in_none);
    assert_seen(&in_both, 3, seqs);
    assert_seen(&in_b, 3, seqs);
    assert_seen(&in_none, 0, NULL);
    fixture_disconnect(&in_both);
    fixture_disconnect(&in_b);
    fixture_disconnect(&in_none);
    fixture_close(&f);
}

static void test_except(void **state)
{
    static const char *const quiet[] = {"quiet", "nobody", NULL};
    struct fixture_client listener, spared;
    struct fixture f;
    uint64_t seqs[2];

    (void)state;
    fixture_open(&f, "");
    connect_listener(&f, &listener);
    connect_listener(&f, &spared);
    fixture_join(&spared, "quiet");
    seqs[0] = fixture_accept(&f, (struct fixture_address){.rooms = everyone, .except = quiet});
    fixture_run(&f);
    seqs[1] = fixture_publish(&f, NULL);
    fixture_read(&f, &listener);
    fixture_read(&f, &spared);
    assert_seen(&listener, 2, seqs);
    assert_seen(&spared, 1, seqs + 1);
    fixture_disconnect(&listener);
    fixture_disconnect(&spared);
    fixture_close(&f);
}

static void test_joining_brings_nothing_older(void **state)
{
    struct fixture_client client;
    struct fixture f;
    uint64_t later;

    (void)state;
    fixture_open(&f, "");
    connect_listener(&f, &client);
    fixture_publish(&f, "a");
    fixture_join(&client, "a");
    fixture_leave(&client, "a");
    /* Its fan-out has not run yet when the client joins. */
    fixture_accept(&f, (struct fixture_address){.rooms = (const char *const[]){"a", NULL}});
    fixture_join(&client, "a");
    fixture_run(&f);
    later = fixture_publish(&f, "a");
    fixture_read(&f, &client);
    assert_seen(&client, 1, &later);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static void test_leaving_ends_it(void **state)
{
    struct fixture_client client;
    struct fixture f;
    uint64_t first;

    (void)state;
    fixture_open(&f, "");
    connect_listener(&f, &client);
    fixture_join(&client, "a");
    first = fixture_publish(&f, "a");
    fixture_leave(&client, "a");
    fixture_publish(&f, "a");
    fixture_read(&f, &client);
    assert_seen(&client, 1, &first);
    fixture_disconnect(&client);
    fixture_close(&f);
}

/* Members die while a fan-out visits them, so that others change places: nobody is missed. */
static void test_members_dying_during_fanout(void **state)
{
    static struct fixture_client clients[400];
    struct fixture f;

    (void)state;
    fixture_open(&f, "");
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        connect_listener(&f, &clients[i]);
    for (unsigned round = 1; round <= 6; round++) {
        /* Those whose turn it is hang up without a word: writing to them fails. */
        for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
            if (i % 7 == round)
                shutdown(clients[i].fd, SHUT_RD);
        fixture_publish(&f, NULL);
        for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
            if (i % 7 != 0 && i % 7 <= round)
                continue;
            fixture_read(&f, &clients[i]);
            assert_int_equal(clients[i].seen_count, round);
            assert_int_equal(clients[i].seen[round - 1], f.head);
        }
    }
    assert_int_equal(stats_get(&f.thread.stats.closes[CLOSE_RESET]), 342);
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        fixture_disconnect(&clients[i]);
    fixture_close(&f);
}

static void test_fanouts_begin_everywhere(void **state)
{
    static struct fixture_client clients[64];
    bool begun[ARRAY_LEN(clients)] = {false};
    unsigned places = 0;
    struct fixture f;
    struct room *room;

    (void)state;
    fixture_open(&f, "");
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        connect_listener(&f, &clients[i]);
    room = room_find(&f.thread.delivery.rooms, 0, "", 0);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(clients); i++) {
        fixture_accept(&f, (struct fixture_address){.rooms = everyone});
        begun[room->fanout.pos] = true;
        fixture_run(&f);
    }
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        places += begun[i];
    assert_true(places > ARRAY_LEN(clients) / 2);
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        fixture_disconnect(&clients[i]);
    fixture_close(&f);
}

static void test_since_catches_up(void **state)
{
    struct fixture_client client;
    struct fixture f;
    uint64_t seqs[8];

    (void)state;
    fixture_open(&f, small_journal);
    for (unsigned i = 0; i < ARRAY_LEN(seqs); i++)
        seqs[i] = fixture_publish(&f, i % 2 ? "a" : NULL);
    fixture_connect(&f, &client, seqs[1], 0);
    fixture_join_from(&client, "", seqs[1]);
    fixture_read(&f, &client);
    assert_seen(&client, 3, (uint64_t[]){seqs[2], seqs[4], seqs[6]});
    assert_int_equal(client.gap_count, 0);
    assert_int_equal(session_cursor(client.session)->seq, seqs[7]);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static void test_since_before_the_window(void **state)
{
    struct fixture_client client;
    struct fixture f;
    uint64_t seqs[30];

    (void)state;
    fixture_open(&f, small_journal);
    for (unsigned i = 0; i < ARRAY_LEN(seqs); i++)
        seqs[i] = fixture_publish(&f, i < 15 ? "a" : NULL);
    fixture_connect(&f, &client, seqs[4], 0);
    fixture_join_from(&client, "", seqs[4]);
    /* The window holds the last ten; in everyone's room five of fifteen are gone. */
    fixture_read(&f, &client);
    assert_seen(&client, 10, seqs + 20);
    assert_int_equal(client.gap_count, 1);
    assert_string_equal(client.gaps[0].room, "");
    assert_int_equal(client.gaps[0].from, seqs[4] + 1);
    assert_int_equal(client.gaps[0].to, seqs[19]);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static void test_since_zero_tells_no_gap(void **state)
{
    struct fixture_client client;
    struct fixture f;

    (void)state;
    fixture_open(&f, small_journal);
    for (unsigned i = 0; i < 30; i++)
        fixture_publish(&f, NULL);
    fixture_connect(&f, &client, 0, 0);
    fixture_join_from(&client, "", 0);
    fixture_read(&f, &client);
    assert_int_equal(client.seen_count, 10);
    assert_int_equal(client.gap_count, 0);
    fixture_disconnect(&client);
    fixture_close(&f);
}

/* Fills the client's socket until it takes no more. */
static void block(struct fixture *f, struct fixture_client *client)
{
    while (session_cursor(client->session)->lag != SESSION_BLOCKED) {
        fixture_accept(f, (struct fixture_address){.rooms = everyone, .padding = 1000});
        fixture_run(f);
    }
}

static void test_slow_client_gets_the_rest_or_a_gap(void **state)
{
    struct fixture_client slow, quick;
    uint64_t before, expected;
    struct fixture f;

    (void)state;
    fixture_open(&f, small_journal);
    before = f.head;
    fixture_connect(&f, &slow, f.head, SMALL_BUFFER);
    fixture_join(&slow, "");
    connect_listener(&f, &quick);
    block(&f, &slow);
    for (unsigned i = 0; i < 50; i++) {
        fixture_publish(&f, NULL);
        fixture_read(&f, &quick);
    }
    assert_int_equal(quick.seen_count, f.head - before);
    assert_true(slow.conn->out->bytes < 2000); /* the rest of one message, whatever comes */
    fixture_read(&f, &slow);
    assert_int_equal(session_cursor(slow.session)->lag, SESSION_CURRENT);
    assert_int_equal(slow.gap_count, 1);
    /* What it saw and the gap make up everything, in order. */
    expected = before + 1;
    for (unsigned i = 0; i < slow.seen_count; i++) {
        if (expected == slow.gaps[0].from)
            expected = slow.gaps[0].to + 1;
        assert_int_equal(slow.seen[i], expected);
        expected++;
    }
    assert_int_equal(expected, f.head + 1);
    fixture_disconnect(&slow);
    fixture_disconnect(&quick);
    fixture_close(&f);
}

static void test_slow_client_is_disconnected(void **state)
{
    struct fixture_client slow;
    struct fixture f;

    (void)state;
    fixture_open(&f, "slow_client_policy = \"disconnect\";"
                     "journal = { messages = 10; bytes = 1048576; age = 0; };");
    fixture_connect(&f, &slow, f.head, SMALL_BUFFER);
    fixture_join(&slow, "");
    block(&f, &slow);
    delivery_expire(&f.thread.delivery, 0);
    assert_false(slow.told_too_slow); /* the window still holds all that it is due */
    for (unsigned i = 0; i < 20; i++)
        fixture_publish(&f, NULL);
    delivery_expire(&f.thread.delivery, 0);
    assert_true(slow.told_too_slow);
    fixture_run(&f);
    assert_null(slow.conn);
    fixture_disconnect(&slow);
    fixture_close(&f);
}

static uint64_t publish_key(struct fixture *f, const char *key)
{
    uint64_t seq = fixture_accept(f, (struct fixture_address){.rooms = everyone, .key = key});

    fixture_run(f);
    return seq;
}

static void test_conflation_sends_the_newest(void **state)
{
    struct fixture_client slow, late;
    struct fixture f;
    uint64_t a, b, last;

    (void)state;
    fixture_open(&f, "slow_client_policy = \"conflate\";"
                     "journal = { messages = 10; bytes = 1048576; age = 0; };");
    fixture_connect(&f, &slow, f.head, SMALL_BUFFER);
    fixture_join(&slow, "");
    /* Messages without a key are not conflated; these fill the socket. */
    block(&f, &slow);
    for (unsigned i = 0; i < 5; i++)
        publish_key(&f, "a");
    a = publish_key(&f, "a");
    b = publish_key(&f, "b");
    /* Both leave the window; the newest of each key is kept all the same. */
    for (unsigned i = 0; i < 20; i++)
        last = publish_key(&f, "c");
    slow.seen_count = 0;
    fixture_read(&f, &slow);
    assert_true(slow.seen_count >= 3);
    assert_int_equal(slow.seen[slow.seen_count - 3], a);
    assert_int_equal(slow.seen[slow.seen_count - 2], b);
    assert_int_equal(slow.seen[slow.seen_count - 1], last);

    fixture_connect(&f, &late, 0, 0);
    fixture_join_from(&late, "", 0);
    fixture_read(&f, &late);
    assert_seen(&late, 3, (uint64_t[]){a, b, last});
    fixture_disconnect(&slow);
    fixture_disconnect(&late);
    fixture_close(&f);
}

/* What the journal drops by age is a gap for those who come back too late. */
static void test_age(void **state)
{
    struct fixture_client client;
    struct fixture f;
    uint64_t seq;

    (void)state;
    fixture_open(&f, "journal = { messages = 10; bytes = 1048576; age = 60; };");
    seq = fixture_publish(&f, NULL);
    delivery_expire(&f.thread.delivery, clock_ms() + 30000);
    assert_int_equal(journal_count(&f.thread.delivery.journal), 1);
    delivery_expire(&f.thread.delivery, clock_ms() + 90000);
    assert_int_equal(journal_count(&f.thread.delivery.journal), 0);
    fixture_connect(&f, &client, seq - 1, 0);
    fixture_join_from(&client, "", seq - 1);
    assert_int_equal(client.gap_count, 1);
    assert_int_equal(client.gaps[0].to, seq);
    fixture_disconnect(&client);
    fixture_close(&f);
}

/* A publisher that is faster than the fan-out waits for it: the window is not run over. */
static void test_held_back_until_given(void **state)
{
    static const char *const names[] = {NULL};
    struct fixture_client clients[3];
    struct fixture f;

    (void)state;
    fixture_open(&f, small_journal);
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        connect_listener(&f, &clients[i]);
    for (unsigned i = 0; i < 100; i++)
        fixture_receive(&f, (struct fixture_address){.rooms = names});
    assert_int_equal(stats_get(&f.thread.stats.held), 90);
    fixture_run(&f);
    assert_int_equal(stats_get(&f.thread.stats.held), 0);
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
        fixture_read(&f, &clients[i]);
        assert_int_equal(clients[i].seen_count, 100);
        assert_int_equal(clients[i].gap_count, 0);
        fixture_disconnect(&clients[i]);
    }
    fixture_close(&f);
}

static void connect_poller(struct fixture *f, struct fixture_client *client)
{
    fixture_connect_polling(f, client, f->head);
    fixture_join(client, "");
}

static const char polling_journal[] =
    "journal = { messages = 10; bytes = 1048576; age = 0; }; recovery_time = 60;";

static void test_poll_is_answered_once(void **state)
{
    static struct fixture_client client;
    struct fixture f;
    uint64_t seqs[3];

    (void)state;
    fixture_open(&f, polling_journal);
    connect_poller(&f, &client);
    assert_int_equal(session_cursor(client.session)->lag, SESSION_AWAY);
    fixture_read(&f, &client);
    assert_int_equal(session_cursor(client.session)->lag, SESSION_CURRENT);
    for (unsigned i = 0; i < 3; i++)
        seqs[i] = fixture_publish(&f, NULL);
    assert_int_equal(session_cursor(client.session)->lag, SESSION_AWAY);
    /* One call for the first; one for the two that came before the next poll. */
    fixture_read(&f, &client);
    assert_seen(&client, 3, seqs);
    assert_int_equal(stats_get(&f.thread.stats.delivery_calls), 2);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static bool has_been_given(const struct fixture_client *client, uint64_t seq)
{
    return session_cursor(client->session)->seq >= seq;
}

/* Polls come last: each answer would bring a request that holds up whoever comes behind it. */
static void test_streams_before_polls(void **state)
{
    static struct fixture_client streams[50], polls[50];
    struct fixture f;
    struct room *everyones;
    uint64_t seq;

    (void)state;
    fixture_open(&f, polling_journal);
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++) {
        connect_listener(&f, &streams[i]);
        connect_poller(&f, &polls[i]);
        fixture_read(&f, &polls[i]); /* leaves a poll waiting */
    }
    seq = fixture_accept(&f, (struct fixture_address){.rooms = everyone});
    everyones = room_find(&f.thread.delivery.rooms, 0, "", 0);
    while (everyones->fanout.streams_first)
        fanout_run(&f.thread.delivery);
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++) {
        assert_true(has_been_given(&streams[i], seq));
        assert_false(has_been_given(&polls[i], seq));
    }
    fixture_run(&f);
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++) {
        fixture_read(&f, &polls[i]);
        assert_seen(&polls[i], 1, &seq);
        fixture_disconnect(&polls[i]);
        fixture_disconnect(&streams[i]);
    }
    fixture_close(&f);
}

static void test_poll_finds_a_backlog_in_parts(void **state)
{
    static struct fixture_client client;
    static uint64_t seqs[DELIVERY_BATCH * 2 + 5];
    struct fixture f;

    (void)state;
    fixture_open(&f, "recovery_time = 60;");
    connect_poller(&f, &client);
    for (unsigned i = 0; i < ARRAY_LEN(seqs); i++)
        seqs[i] = fixture_publish(&f, NULL);
    fixture_read(&f, &client);
    assert_seen(&client, ARRAY_LEN(seqs), seqs);
    assert_int_equal(stats_get(&f.thread.stats.delivery_calls),
                     ARRAY_LEN(seqs) / DELIVERY_POLL_PACKETS + 1);
    fixture_disconnect(&client);
    fixture_close(&f);
}

static void test_poll_comes_too_late(void **state)
{
    static struct fixture_client client;
    struct fixture f;
    uint64_t first = 0;

    (void)state;
    fixture_open(&f, polling_journal);
    connect_poller(&f, &client);
    for (unsigned i = 0; i < 15; i++) {
        uint64_t seq = fixture_publish(&f, NULL);
        first = first == 0 ? seq : first;
    }
    fixture_read(&f, &client);
    assert_int_equal(client.gap_count, 1);
    assert_int_equal(client.gaps[0].from, first);
    assert_int_equal(client.gaps[0].to, first + 4);
    assert_int_equal(client.seen_count, 10);
    assert_int_equal(client.seen[0], first + 5);
    fixture_disconnect(&client);
    fixture_close(&f);
}

/* What a client that comes back is due lies before its session's cursor. */
static void test_rewind(void **state)
{
    static struct fixture_client client;
    struct fixture f;
    uint64_t seqs[6];

    (void)state;
    fixture_open(&f, "recovery_time = 60;");
    connect_poller(&f, &client);
    fixture_read(&f, &client);
    for (unsigned i = 0; i < 6; i++)
        seqs[i] = fixture_publish(&f, i % 2 ? "a" : "b");
    seqs[0] = fixture_publish(&f, NULL);
    fixture_read(&f, &client);
    assert_seen(&client, 1, seqs);
    client.seen_count = 0;
    /* Everyone's message is not due again; of the rooms, what came after the third message. */
    session_rewind(client.session, seqs[2]);
    assert_int_equal(session_join(client.session, 0, (struct span){"a", 1}, seqs[2]),
                     SESSION_JOINED);
    assert_int_equal(session_join(client.session, 0, (struct span){"b", 1}, seqs[2]),
                     SESSION_JOINED);
    delivery_catch_up(client.session->delivery, client.session);
    fixture_read(&f, &client);
    assert_seen(&client, 3, seqs + 3);
    fixture_disconnect(&client);
    fixture_close(&f);
}

/* --- Everything at once, against a model */

enum { MODEL_CLIENTS = 24, MODEL_ROOMS = 5, MODEL_STEPS = 6000 };

struct model_client {
    struct fixture_client client;
    bool in[MODEL_ROOMS];
    uint64_t due[FIXTURE_MAX_SEEN];      /* seqs that it must see, or that a gap must name */
    unsigned due_room[FIXTURE_MAX_SEEN]; /* bits of the rooms by which it is due */
    unsigned due_count;
};

static const char *const model_rooms[MODEL_ROOMS] = {"", "r1", "r2", "r3", "r4"};
static unsigned model_random_state = 12345;

static unsigned model_random(unsigned n)
{
    model_random_state = model_random_state * 1103515245u + 12345u;
    return (model_random_state >> 16) % n;
}

static unsigned model_memberships(const struct model_client *m)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < MODEL_ROOMS; i++)
        bits |= (unsigned)m->in[i] << i;
    return bits;
}

static void model_publish(struct fixture *f, struct model_client *models)
{
    const char *rooms[3] = {NULL}, *except[2] = {NULL};
    unsigned target = 1 + model_random(MODEL_ROOMS - 1), second = 1 + model_random(MODEL_ROOMS - 1);
    unsigned to = 1, spared = 0;
    uint64_t seq;

    if (model_random(3) > 0) {
        rooms[0] = model_rooms[target];
        to = 1u << target;
        if (model_random(2)) {
            rooms[1] = model_rooms[second];
            to |= 1u << second;
        }
    }
    if (model_random(6) == 0) {
        unsigned room = 1 + model_random(MODEL_ROOMS - 1);
        except[0] = model_rooms[room];
        spared = 1u << room;
    }
    seq = fixture_accept(f, (struct fixture_address){
                                .rooms = rooms,
                                .except = except,
                                .padding = model_random(8) ? 40 : 900,
                            });
    for (unsigned i = 0; i < MODEL_CLIENTS; i++) {
        unsigned in = model_memberships(&models[i]);
        if (!(in & to) || in & spared)
            continue;
        models[i].due[models[i].due_count] = seq;
        models[i].due_room[models[i].due_count++] = in & to;
    }
}

/* Joining and leaving are exact for a client that is caught up: what is due at that time comes. */
static void model_change_room(struct fixture *f, struct model_client *m)
{
    unsigned room = 1 + model_random(MODEL_ROOMS - 1);

    fixture_run(f);
    fixture_read(f, &m->client);
    if (m->in[room])
        fixture_leave(&m->client, model_rooms[room]);
    else
        fixture_join(&m->client, model_rooms[room]);
    m->in[room] = !m->in[room];
}

static bool model_in_gap(const struct model_client *m, uint64_t seq, unsigned rooms)
{
    for (unsigned i = 0; i < m->client.gap_count; i++)
        for (unsigned r = 0; r < MODEL_ROOMS; r++)
            if (rooms & 1u << r && strcmp(m->client.gaps[i].room, model_rooms[r]) == 0 &&
                seq >= m->client.gaps[i].from && seq <= m->client.gaps[i].to)
                return true;
    return false;
}

/* Each message that was due came once, in order, or lies in a gap; nothing else came. */
static void model_check(struct model_client *m)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < m->due_count; i++) {
        if (seen < m->client.seen_count && m->client.seen[seen] == m->due[i])
            seen++;
        else
            assert_true(model_in_gap(m, m->due[i], m->due_room[i]));
    }
    assert_int_equal(seen, m->client.seen_count);
    m->due_count = m->client.seen_count = m->client.gap_count = 0;
}

static void run_model(unsigned holes)
{
    static struct model_client models[MODEL_CLIENTS];
    struct fixture f;

    memset(models, 0, sizeof(models));
    fixture_open(&f, "journal = { messages = 40; bytes = 1048576; age = 0; }; recovery_time = 60;");
    f.holes = holes;
    for (unsigned i = 0; i < MODEL_CLIENTS; i++) {
        if (i % 3 == 2)
            fixture_connect_polling(&f, &models[i].client, f.head);
        else
            fixture_connect(&f, &models[i].client, f.head, i % 3 ? SMALL_BUFFER : 0);
        fixture_join(&models[i].client, "");
        models[i].in[0] = true;
    }
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        struct model_client *m = &models[model_random(MODEL_CLIENTS)];

        switch (model_random(8)) {
        case 0:
            model_change_room(&f, m);
            break;
        case 1:
        case 2:
            fixture_read(&f, &m->client);
            break;
        case 3:
            fixture_run(&f);
            break;
        default:
            model_publish(&f, models);
        }
        if (step % 500 != 499)
            continue;
        fixture_run(&f);
        for (unsigned i = 0; i < MODEL_CLIENTS; i++) {
            fixture_read(&f, &models[i].client);
            model_check(&models[i]);
        }
    }
    assert_true(stats_get(&f.thread.stats.gaps) > 0);
    assert_true(stats_get(&f.thread.stats.blocked) > 0);
    for (unsigned i = 0; i < MODEL_CLIENTS; i++)
        fixture_disconnect(&models[i].client);
    fixture_close(&f);
}

static void test_model(void **state)
{
    (void)state;
    run_model(0);
}

static void test_model_with_numbers_given(void **state)
{
    (void)state;
    run_model(99999);
}

/* Mail that looks how far the fan-out has come when it is opened. */
struct late_mail {
    struct mail mail;
    uint64_t deliveries; /* by then */
};

static void open_late_mail(struct mail *mail, void *self)
{
    const struct io_thread *thread = self;

    CONTAINER_OF(mail, struct late_mail, mail)->deliveries = stats_get(&thread->stats.deliveries);
}

static void test_mail_does_not_wait_for_a_slice(void **state)
{
    static struct fixture_client clients[300];
    struct late_mail late = {.mail.open = open_late_mail, .deliveries = UINT64_MAX};
    struct fixture f;

    (void)state;
    fixture_open(&f, "");
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        connect_listener(&f, &clients[i]);
    fixture_accept(&f, (struct fixture_address){.rooms = everyone});
    stage_post(&f.thread.stage, &late.mail);
    delivery_run(&f.thread.delivery);
    event_base_loop(f.thread.stage.base, EVLOOP_NONBLOCK);
    assert_in_range(late.deliveries, 1,
                    32); /* one turn; the fan-out goes on, however busy we are */
    fixture_run(&f);
    assert_int_equal(stats_get(&f.thread.stats.deliveries), ARRAY_LEN(clients));
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        fixture_disconnect(&clients[i]);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone_in_order),
        cmocka_unit_test(test_one_call_for_one_message),
        cmocka_unit_test(test_union_of_rooms_once),
        cmocka_unit_test(test_except),
        cmocka_unit_test(test_joining_brings_nothing_older),
        cmocka_unit_test(test_leaving_ends_it),
        cmocka_unit_test(test_members_dying_during_fanout),
        cmocka_unit_test(test_fanouts_begin_everywhere),
        cmocka_unit_test(test_mail_does_not_wait_for_a_slice),
        cmocka_unit_test(test_since_catches_up),
        cmocka_unit_test(test_since_before_the_window),
        cmocka_unit_test(test_since_zero_tells_no_gap),
        cmocka_unit_test(test_slow_client_gets_the_rest_or_a_gap),
        cmocka_unit_test(test_slow_client_is_disconnected),
        cmocka_unit_test(test_conflation_sends_the_newest),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_held_back_until_given),
        cmocka_unit_test(test_poll_is_answered_once),
        cmocka_unit_test(test_streams_before_polls),
        cmocka_unit_test(test_poll_finds_a_backlog_in_parts),
        cmocka_unit_test(test_poll_comes_too_late),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_model_with_numbers_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
