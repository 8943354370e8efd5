#include "unit.h"

#include <time.h>

#include "stentor/base/idtable.h"

struct object {
    int number;
    struct idtable_node node;
};

/* An id whose hash, which is its last eight bytes, is chosen by the test. */
static void set_id(struct idtable_node *node, uint64_t first, uint64_t last)
{
    memcpy(node->id, &first, sizeof(first));
    memcpy(node->id + sizeof(first), &last, sizeof(last));
}

static void an_empty_table(void **state)
{
    struct idtable_node node = {.next = NULL};
    struct idtable table;

    (void)state;
    assert_true(idtable_init(&table));
    assert_int_equal(table.count, 0);
    assert_null(idtable_find(&table, node.id));
    assert_null(idtable_any(&table));
    idtable_remove(&table, &node);
    assert_int_equal(table.count, 0);
    idtable_destroy(&table);
}

static void add_find_remove(void **state)
{
    struct object a = {.number = 1}, b = {.number = 2};
    struct idtable table;

    (void)state;
    set_id(&a.node, 1, 2);
    set_id(&b.node, 2, 1);
    assert_true(idtable_init(&table));
    idtable_add(&table, &a.node);
    assert_ptr_equal(idtable_find(&table, a.node.id), &a.node);
    assert_null(idtable_find(&table, b.node.id));
    assert_ptr_equal(idtable_any(&table), &a.node);
    idtable_add(&table, &b.node);
    assert_int_equal(table.count, 2);
    assert_ptr_equal(idtable_find(&table, b.node.id), &b.node);
    idtable_remove(&table, &a.node);
    idtable_remove(&table, &a.node);
    assert_int_equal(table.count, 1);
    assert_null(idtable_find(&table, a.node.id));
    assert_ptr_equal(idtable_find(&table, b.node.id), &b.node);
    assert_ptr_equal(idtable_any(&table), &b.node);
    idtable_add(&table, &a.node);
    assert_ptr_equal(idtable_find(&table, a.node.id), &a.node);
    idtable_destroy(&table);
}

/* Ids that differ in any one byte are different ids, also in the bytes that are no hash. */
static void every_byte_counts(void **state)
{
    struct idtable_node nodes[IDTABLE_ID + 1];
    struct idtable table;

    (void)state;
    memset(nodes, 0, sizeof(nodes));
    assert_true(idtable_init(&table));
    for (size_t i = 0; i <= IDTABLE_ID; i++) {
        if (i < IDTABLE_ID)
            nodes[i].id[i] = 1;
        idtable_add(&table, &nodes[i]);
    }
    for (size_t i = 0; i <= IDTABLE_ID; i++)
        assert_ptr_equal(idtable_find(&table, nodes[i].id), &nodes[i]);
    idtable_destroy(&table);
}

/* All in one bucket, whatever the number of buckets: removed from the chain's ends and middle. */
static void ids_with_one_hash(void **state)
{
    enum { COUNT = 300 };
    struct idtable_node nodes[COUNT];
    struct idtable table;

    (void)state;
    assert_true(idtable_init(&table));
    for (uint64_t i = 0; i < COUNT; i++) {
        set_id(&nodes[i], i, 77);
        idtable_add(&table, &nodes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t gone = i * 7 % COUNT;
        assert_ptr_equal(idtable_find(&table, nodes[gone].id), &nodes[gone]);
        idtable_remove(&table, &nodes[gone]);
        assert_null(idtable_find(&table, nodes[gone].id));
        assert_int_equal(table.count, COUNT - i - 1);
    }
    assert_null(idtable_any(&table));
    idtable_destroy(&table);
}

/* Many come and go by chance, held against a plain array. */
static void chance_against_an_array(void **state)
{
    enum { COUNT = 2000, STEPS = 40000 };
    struct idtable_node *nodes = calloc(COUNT, sizeof(*nodes));
    bool in[COUNT] = {false};
    struct idtable table;
    uint64_t chance = 1;
    size_t count = 0;

    (void)state;
    assert_non_null(nodes);
    assert_true(idtable_init(&table));
    for (uint64_t i = 0; i < COUNT; i++)
        set_id(&nodes[i], i, (uint64_t)unit_random(&chance) << 20 ^ unit_random(&chance));
    for (int step = 0; step < STEPS; step++) {
        size_t i = unit_random(&chance) % COUNT;
        assert_ptr_equal(idtable_find(&table, nodes[i].id), in[i] ? &nodes[i] : NULL);
        if (in[i])
            idtable_remove(&table, &nodes[i]);
        else
            idtable_add(&table, &nodes[i]);
        in[i] = !in[i];
        count += in[i] ? 1 : (size_t)-1;
        assert_int_equal(table.count, count);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(idtable_find(&table, nodes[i].id), in[i] ? &nodes[i] : NULL);
    idtable_destroy(&table);
    free(nodes);
}

/* Emptied through idtable_any: everything comes once, in a time in proportion to the number. */
static void emptied_one_by_one(void **state)
{
    enum { COUNT = 200000 };
    struct object *objects = calloc(COUNT, sizeof(*objects));
    struct idtable_node *node;
    struct idtable table;
    uint64_t chance = 9;
    size_t count = 0;
    clock_t start;

    (void)state;
    assert_non_null(objects);
    assert_true(idtable_init(&table));
    for (size_t i = 0; i < COUNT; i++) {
        set_id(&objects[i].node, i, (uint64_t)unit_random(&chance) << 20 ^ unit_random(&chance));
        idtable_add(&table, &objects[i].node);
    }
    start = clock();
    while ((node = idtable_any(&table)) != NULL) {
        struct object *object = CONTAINER_OF(node, struct object, node);
        assert_int_equal(object->number++, 0);
        idtable_remove(&table, node);
        count++;
    }
    assert_true(clock() - start < 3 * CLOCKS_PER_SEC);
    assert_int_equal(count, COUNT);
    assert_int_equal(table.count, 0);
    idtable_destroy(&table);
    free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table),          cmocka_unit_test(add_find_remove),
        cmocka_unit_test(every_byte_counts),       cmocka_unit_test(ids_with_one_hash),
        cmocka_unit_test(chance_against_an_array), cmocka_unit_test(emptied_one_by_one),
    };

    return cmocka_run_group_tests_name("idtable", tests, NULL, NULL);
}
