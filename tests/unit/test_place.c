#include "unit.h"

#include "../../src/swarm/place.h"

#define SECOND UINT64_C(1000000000)

static void test_takes_what_the_server_says(void **state)
{
    struct place *place = NULL;

    (void)state;
    assert_true(place_take(&place,
                           unit_span("{\"room\":\"a\",\"cell\":{\"x\":0,\"y\":0},\"north\":null,"
                                     "\"east\":\"abc\",\"south\":\"d\",\"west\":\"abc\"}"),
                           7 * SECOND));
    assert_true(place_has(place, PLACE_EAST, unit_span("abc")));
    assert_true(place_has(place, PLACE_WEST, unit_span("abc")));
    assert_true(place_has(place, PLACE_SOUTH, unit_span("d")));
    assert_false(place_has(place, PLACE_SOUTH, unit_span("ab")));
    assert_false(place_has(place, PLACE_NORTH, unit_span("")));
    assert_true(place_changed_lately(place, 8 * SECOND));
    assert_false(place_changed_lately(place, (7 + PLACE_LATELY) * SECOND));
    free(place);
}

static void test_keeps_what_it_has_when_that_makes_no_sense(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"north\":null,\"east\":null,\"south\":null}",
        "{\"north\":null,\"east\":1,\"south\":null,\"west\":null}",
        "{\"north\":null,\"east\":\"\",\"south\":null,\"west\":null}",
        "{\"north\":null,\"east\":\"a name that is much too long\",\"south\":null,\"west\":null}",
    };
    struct place *place = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(place_take(&place, unit_span(bad[i]), SECOND));
        assert_null(place);
    }
    assert_true(place_take(
        &place, unit_span("{\"north\":\"n\",\"east\":null,\"south\":null,\"west\":null}"), SECOND));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(place_take(&place, unit_span(bad[i]), 2 * SECOND));
    assert_true(place_has(place, PLACE_NORTH, unit_span("n")));
    assert_int_equal(place->changed_ns, SECOND);
    free(place);
}

static void test_chooses_among_those_who_are_there(void **state)
{
    struct place place = {.names = {"", "e", "", "w"}};
    unsigned times[PLACE_WAYS] = {0};

    (void)state;
    for (uint64_t random = 0; random < 400; random++)
        times[place_choose(&place, random)]++;
    assert_int_equal(times[PLACE_EAST], 200);
    assert_int_equal(times[PLACE_WEST], 200);
    place = (struct place){.names = {"", "e", "s", "w"}};
    memset(times, 0, sizeof(times));
    for (uint64_t random = 0; random < 300; random++)
        times[place_choose(&place, random)]++;
    assert_true(times[PLACE_EAST] == 100 && times[PLACE_SOUTH] == 100 && times[PLACE_WEST] == 100);
    place = (struct place){.changed_ns = 0};
    assert_int_equal(place_choose(&place, 3), PLACE_WAYS);
    assert_int_equal(place_opposite(PLACE_NORTH), PLACE_SOUTH);
    assert_int_equal(place_opposite(PLACE_WEST), PLACE_EAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_the_server_says),
        cmocka_unit_test(test_keeps_what_it_has_when_that_makes_no_sense),
        cmocka_unit_test(test_chooses_among_those_who_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
