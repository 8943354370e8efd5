#include "unit.h"

#include "../../src/swarm/peers.h"

enum { CLIENTS = 10 };

/* Two processes; what one sends the other one reads. */
struct pair {
    struct role roles[2];
    struct peers peers[2];
    unsigned departed[CLIENTS];
    unsigned arrived[4];
    uint64_t delay_ns;
    unsigned notes;
};

struct way {
    struct pair *pair;
    unsigned from;
};

static void on_departed(void *arg, uint32_t client)
{
    ((struct pair *)arg)->departed[client]++;
}

static void on_arrived(void *arg, uint32_t n, uint64_t delay_ns)
{
    ((struct pair *)arg)->arrived[n]++;
    ((struct pair *)arg)->delay_ns = delay_ns;
}

static void on_note(void *arg, uint32_t to, const struct strbuf *note)
{
    const struct way *way = arg;
    struct peers_reader reader = {on_departed, on_arrived, way->pair};

    assert_true(to == PEERS_ALL || to == 1 - way->from);
    assert_true(peers_take(&way->pair->peers[1 - way->from], (struct span){note->data, note->len},
                           &reader));
    way->pair->notes++;
}

static void flush(struct pair *pair)
{
    for (unsigned i = 0; i < 2; i++) {
        struct way way = {pair, i};

        peers_flush(&pair->peers[i], on_note, &way);
    }
}

static int open_pair(void **state)
{
    static struct pair pair;

    pair = (struct pair){.roles = {{.index = 0, .count = 2}, {.index = 1, .count = 2}}};
    for (unsigned i = 0; i < 2; i++)
        peers_init(&pair.peers[i], CLIENTS, &pair.roles[i]);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    for (unsigned i = 0; i < 2; i++)
        peers_free(&pair->peers[i]);
    return 0;
}

static void test_names_are_known_to_the_other(void **state)
{
    struct pair *pair = *state;

    peers_tell_name(&pair->peers[1], 2, "alpha"); /* number 5 of the run */
    assert_null(peers_name(&pair->peers[0], 5));
    flush(pair);
    assert_string_equal(peers_name(&pair->peers[0], 5), "alpha");
    assert_null(peers_name(&pair->peers[0], 4));
    flush(pair);
    assert_int_equal(pair->notes, 1); /* nothing is told twice */
}

static void test_who_leaves_or_comes_back_has_departed(void **state)
{
    struct pair *pair = *state;

    peers_tell_name(&pair->peers[1], 2, "alpha");
    peers_tell_name(&pair->peers[1], 2, NULL);
    peers_tell_name(&pair->peers[1], 2, "beta");
    flush(pair);
    assert_string_equal(peers_name(&pair->peers[0], 5), "beta");
    assert_int_equal(pair->departed[5], 1);
    peers_tell_name(&pair->peers[1], 2, "gamma"); /* its leaving was not told */
    flush(pair);
    assert_int_equal(pair->departed[5], 2);
    peers_tell_name(&pair->peers[1], 2, NULL);
    flush(pair);
    assert_null(peers_name(&pair->peers[0], 5));
    assert_int_equal(pair->departed[5], 3);
}

static void test_arrivals_are_told_to_the_sender_alone(void **state)
{
    struct pair *pair = *state;

    peers_tell_arrival(&pair->peers[0], 1, 3, UINT64_MAX);
    peers_tell_arrival(&pair->peers[0], 1, 3, 77);
    flush(pair);
    assert_int_equal(pair->arrived[3], 2); /* the sender sees that it came twice */
    assert_int_equal(pair->delay_ns, 77);
    assert_int_equal(pair->notes, 1);
}

static void test_a_name_too_long_is_not_told(void **state)
{
    struct pair *pair = *state;
    char name[PEERS_NAME + 2];

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    peers_tell_name(&pair->peers[0], 0, name);
    flush(pair);
    assert_int_equal(pair->notes, 0);
}

static void test_nonsense_is_refused(void **state)
{
    struct pair *pair = *state;
    struct peers_reader reader = {on_departed, on_arrived, pair};
    struct strbuf note = STRBUF_INIT;
    struct archive archive = archive_writer(&note);
    uint8_t item = 0;
    uint32_t client = CLIENTS;
    struct span name = {"name", 4};

    archive_u8(&archive, &item);
    archive_u32(&archive, &client); /* nobody has that number */
    archive_bytes(&archive, &name);
    assert_false(peers_take(&pair->peers[0], (struct span){note.data, note.len}, &reader));
    for (size_t len = 1; len < note.len; len++)
        assert_false(peers_take(&pair->peers[0], (struct span){note.data, len}, &reader));
    assert_false(peers_take(&pair->peers[0], (struct span){"\x07", 1}, &reader));
    strbuf_free(&note);
}

static void test_alone_nothing_is_told(void **state)
{
    struct role role = {.index = 0, .count = 1};
    struct peers peers;

    (void)state;
    peers_init(&peers, CLIENTS, &role);
    peers_tell_name(&peers, 1, "alpha");
    assert_int_equal(peers.renamed.len, 0);
    assert_int_equal(peers_number(&peers, 7), 7);
    peers_free(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_are_known_to_the_other, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_who_leaves_or_comes_back_has_departed, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(test_arrivals_are_told_to_the_sender_alone, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(test_a_name_too_long_is_not_told, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_nonsense_is_refused, open_pair, close_pair),
        cmocka_unit_test(test_alone_nothing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
