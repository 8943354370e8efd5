/*
 * Each address is counted by itself, however many there are, and what has gone makes room.
 */
#include "unit.h"

#include <arpa/inet.h>

#include "../../src/stentord/address_table.h"

static struct peer peer_v4(uint32_t address)
{
    struct peer peer = {0};
    uint32_t bytes = htonl(address);

    peer_set(&peer, AF_INET, (const uint8_t *)&bytes, 80);
    return peer;
}

static struct peer peer_v6(const char *text)
{
    struct peer peer = {0};
    uint8_t bytes[16];

    assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
    peer_set(&peer, AF_INET6, bytes, 80);
    return peer;
}

static unsigned enter(struct address_table *table, struct peer peer, uint32_t *record)
{
    unsigned count;

    *record = address_table_enter(table, &peer, &count);
    return count;
}

static void test_counts(void **state)
{
    static struct address_table table;
    uint32_t record, other;

    (void)state;
    assert_true(address_table_init(&table));
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(enter(&table, peer_v4(0x7f000001), &record), i);
    assert_int_equal(enter(&table, peer_v4(0x7f000002), &other), 1);
    assert_int_not_equal(record, other);
    address_table_leave(&table, record);
    address_table_leave(&table, 0);
    assert_int_equal(enter(&table, peer_v4(0x7f000001), &record), 3);
    address_table_destroy(&table);
}

static void test_kinds_of_addresses(void **state)
{
    static struct address_table table;
    struct peer local = {.family = AF_UNIX};
    uint32_t record;

    (void)state;
    assert_true(address_table_init(&table));
    assert_int_equal(enter(&table, peer_v6("2001:db8::1"), &record), 1);
    assert_int_equal(enter(&table, peer_v6("2001:db8::ffff:1"), &record), 2); /* the same /64 */
    assert_int_equal(enter(&table, peer_v6("2001:db8:0:1::1"), &record), 1);
    assert_int_equal(enter(&table, peer_v6("::1"), &record), 1);
    assert_int_equal(enter(&table, peer_v4(0), &record), 1);
    assert_int_equal(enter(&table, local, &record), 0);
    assert_int_equal(record, 0);
    address_table_destroy(&table);
}

/* Many at a time, each with a number of connections of its own: none is counted with another. */
static void test_many(void **state)
{
    enum { ADDRESSES = 50000 };
    static struct address_table table;
    uint32_t *records = calloc(ADDRESSES * 3, sizeof(*records));
    size_t count = 0;

    (void)state;
    assert_non_null(records);
    assert_true(address_table_init(&table));
    for (uint32_t round = 1; round <= 3; round++)
        for (uint32_t address = 0; address < ADDRESSES; address++)
            if (address % 3 + 1 >= round)
                assert_int_equal(enter(&table, peer_v4(address * 2654435761u), &records[count++]),
                                 round);
    assert_in_range(table.used, ADDRESSES, ADDRESSES + 1);
    for (size_t i = 0; i < count; i++)
        address_table_leave(&table, records[i]);
    for (uint32_t address = 0; address < ADDRESSES; address++)
        assert_int_equal(enter(&table, peer_v4(address * 2654435761u), &records[0]), 1);
    free(records);
    address_table_destroy(&table);
}

/* A million addresses that come and go, a thousand at a time, take the room of some thousands. */
static void test_room_is_reused(void **state)
{
    enum { ADDRESSES = 1000000, AT_ONCE = 1000 };
    static struct address_table table;
    uint32_t records[AT_ONCE] = {0};

    (void)state;
    assert_true(address_table_init(&table));
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        address_table_leave(&table, records[i % AT_ONCE]);
        assert_int_equal(enter(&table, peer_v4(i), &records[i % AT_ONCE]), 1);
    }
    assert_in_range(table.used, AT_ONCE, 2 * ADDRESS_TABLE_BLOCK);
    address_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_kinds_of_addresses),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_room_is_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
