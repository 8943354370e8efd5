/*
 * What is kept of a client, written out and read back: as it was, or not at all.
 */
#include "unit.h"

#include "../../src/stentord/config.h"
#include "../../src/stentord/engine_queue.h"
#include "../../src/stentord/recovery_record.h"

static char *namespaces[] = {"/", "/x"};
static const struct config the_config = {.namespaces = namespaces, .namespace_count = 2};
static const struct config *const config = &the_config;

static const uint8_t pid[SESSION_ID_BYTES] = {1, 2, 3};
static const uint8_t id[SESSION_ID_BYTES] = {4, 5, 6};

/* Of a client in the second namespace, with two rooms and two packets. */
static struct recovery_record *some_record(void)
{
    struct recovery_record *record = recovery_record_new(1, id, 2, 1);

    assert_non_null(record);
    record->given = UINT64_C(1) << 52;
    record->last = 7;
    record->msgpack = true;
    recovery_record_add(record, &(struct recovery_room){.name = {"", 0}, .from = 1, .told = 2});
    recovery_record_add(record, &(struct recovery_room){.name = {"a", 1}, .from = 3, .told = 4});
    assert_true(engine_queue_add(&record->queue, &(struct engine_io_packet){
                                                     .type = ENGINE_IO_MESSAGE,
                                                     .data = {"text", 4},
                                                 }));
    assert_true(engine_queue_add(&record->queue, &(struct engine_io_packet){
                                                     .type = ENGINE_IO_MESSAGE,
                                                     .binary = true,
                                                     .data = {"\0\377", 2},
                                                 }));
    return record;
}

static struct strbuf some_packed(void)
{
    struct recovery_record *record = some_record();
    struct strbuf packed = STRBUF_INIT;

    recovery_record_pack(&packed, pid, record, config);
    recovery_record_free(record);
    assert_false(packed.failed);
    return packed;
}

static void assert_same(const struct recovery_record *a, const struct recovery_record *b)
{
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->namespace, b->namespace);
    assert_memory_equal(a->id, b->id, SESSION_ID_BYTES);
    assert_int_equal(a->given, b->given);
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->msgpack, b->msgpack);
    assert_int_equal(a->queue.len, b->queue.len);
    assert_int_equal(a->room_count, b->room_count);
    for (size_t i = 0; i < a->room_count; i++) {
        assert_int_equal(a->rooms[i].from, b->rooms[i].from);
        assert_int_equal(a->rooms[i].told, b->rooms[i].told);
        assert_int_equal(a->rooms[i].name.len, b->rooms[i].name.len);
        assert_memory_equal(a->rooms[i].name.ptr, b->rooms[i].name.ptr, a->rooms[i].name.len);
    }
}

static void comes_back_as_it_was(void **state)
{
    struct recovery_record *record = some_record(), *read;
    struct strbuf packed = some_packed();
    uint8_t read_pid[SESSION_ID_BYTES];
    struct engine_io_packet packet;
    const char *error;
    size_t pos = 0;

    (void)state;
    read = recovery_record_unpack((struct span){packed.data, packed.len}, read_pid, config, &error);
    assert_non_null(read);
    assert_memory_equal(read_pid, pid, SESSION_ID_BYTES);
    assert_same(read, record);
    assert_true(engine_queue_next(&read->queue, &pos, &packet) && !packet.binary);
    assert_span(packet.data, "text");
    assert_true(engine_queue_next(&read->queue, &pos, &packet) && packet.binary);
    assert_memory_equal(packet.data.ptr, "\0\377", 2);
    assert_false(engine_queue_next(&read->queue, &pos, &packet));
    recovery_record_free(read);
    recovery_record_free(record);
    strbuf_free(&packed);
}

static void what_is_cut_off_is_refused(void **state)
{
    struct strbuf packed = some_packed();
    uint8_t read_pid[SESSION_ID_BYTES];
    const char *error;

    (void)state;
    for (size_t len = 0; len < packed.len; len++) {
        char *part = malloc(len + 1); /* of its own, so that reading too far is found */

        memcpy(part, packed.data, len);
        assert_null(recovery_record_unpack((struct span){part, len}, read_pid, config, &error));
        free(part);
    }
    strbuf_free(&packed);
}

/* Whatever byte is another one, it is refused or means something else, and nothing breaks. */
static void damage_does_no_harm(void **state)
{
    struct strbuf packed = some_packed();
    uint8_t read_pid[SESSION_ID_BYTES];
    const char *error;
    unsigned refused = 0;

    (void)state;
    for (size_t i = 0; i < packed.len; i++) {
        for (int change = 1; change < 256; change++) {
            packed.data[i] = (char)(packed.data[i] ^ change);
            struct recovery_record *read = recovery_record_unpack(
                (struct span){packed.data, packed.len}, read_pid, config, &error);
            refused += read == NULL;
            recovery_record_free(read);
            packed.data[i] = (char)(packed.data[i] ^ change);
        }
    }
    assert_true(refused > packed.len);
    strbuf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(damage_does_no_harm),
    };

    return cmocka_run_group_tests_name("recovery_record", tests, NULL, NULL);
}
