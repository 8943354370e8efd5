#include "unit.h"

static void appends_in_order(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    strbuf_append(&buf, "ab", 2);
    strbuf_append_char(&buf, 'c');
    strbuf_append_str(&buf, "def");
    strbuf_printf(&buf, "%d-%s", 42, "x");
    strbuf_append(&buf, NULL, 0);
    assert_strbuf(&buf, "abcdef42-x");
    assert_false(buf.failed);
    strbuf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
}

static void grows_over_every_size(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        strbuf_append_char(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.len, i + 1);
        assert_true(buf.cap >= buf.len);
    }
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    strbuf_free(&buf);
}

static void printf_longer_than_the_room(void **state)
{
    struct strbuf buf = STRBUF_INIT;
    char text[301];

    (void)state;
    memset(text, 'z', 300);
    text[300] = '\0';
    strbuf_append_char(&buf, '<');
    strbuf_printf(&buf, "%s>", text);
    assert_int_equal(buf.len, 302);
    assert_int_equal(buf.data[0], '<');
    assert_memory_equal(buf.data + 1, text, 300);
    assert_int_equal(buf.data[301], '>');
    strbuf_free(&buf);
}

static void clear_keeps_the_memory(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    strbuf_append_str(&buf, "old");
    size_t cap = buf.cap;
    strbuf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, cap);
    strbuf_append_str(&buf, "new");
    assert_strbuf(&buf, "new");
    strbuf_free(&buf);
}

static void consume_moves_the_rest(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    strbuf_consume(&buf, 0);
    strbuf_append_str(&buf, "abcdef");
    strbuf_consume(&buf, 0);
    assert_strbuf(&buf, "abcdef");
    strbuf_consume(&buf, 2);
    assert_strbuf(&buf, "cdef");
    strbuf_consume(&buf, 4);
    assert_strbuf(&buf, "");
    strbuf_append_str(&buf, "gh");
    assert_strbuf(&buf, "gh");
    strbuf_free(&buf);
}

static void cstr_ends_with_nul_outside_the_content(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    assert_string_equal(strbuf_cstr(&buf), "");
    assert_int_equal(buf.len, 0);
    for (unsigned i = 1; i <= 64; i++) { /* 64 bytes fill the first block of memory */
        strbuf_append_char(&buf, 'x');
        assert_int_equal(strlen(strbuf_cstr(&buf)), i);
        assert_int_equal(buf.len, i);
    }
    strbuf_free(&buf);
}

/* No machine has that much: each of these sizes must fail, and none may overflow or loop. */
static void impossible_sizes_fail(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2 + 2, SIZE_MAX / 2 + 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct strbuf buf = STRBUF_INIT;
        strbuf_append_str(&buf, "abcd");
        assert_false(strbuf_reserve(&buf, sizes[i]));
        assert_true(buf.failed);
        strbuf_free(&buf);
    }
}

static void failed_buffer_ignores_appends(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    strbuf_append_str(&buf, "kept");
    assert_false(strbuf_reserve(&buf, SIZE_MAX));
    strbuf_append_str(&buf, "lost");
    strbuf_append_char(&buf, 'l');
    strbuf_printf(&buf, "%d", 1);
    assert_strbuf(&buf, "kept");
    assert_string_equal(strbuf_cstr(&buf), "");
    assert_true(buf.failed);
    strbuf_clear(&buf);
    strbuf_append_str(&buf, "again");
    assert_strbuf(&buf, "again");
    strbuf_free(&buf);
    assert_false(buf.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(grows_over_every_size),
        cmocka_unit_test(printf_longer_than_the_room),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(consume_moves_the_rest),
        cmocka_unit_test(cstr_ends_with_nul_outside_the_content),
        cmocka_unit_test(impossible_sizes_fail),
        cmocka_unit_test(failed_buffer_ignores_appends),
    };

    return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
