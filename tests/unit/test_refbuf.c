#include "unit.h"

#include <pthread.h>

#include "stentor/base/refbuf.h"

static void new_buffer_is_writable(void **state)
{
    struct refbuf *buf = refbuf_new(3);

    (void)state;
    assert_non_null(buf);
    assert_int_equal(buf->len, 3);
    memcpy(buf->data, "abc", 3);
    assert_bytes(buf->data, buf->len, "abc");
    refbuf_unref(&buf);
    assert_null(buf);
}

static void copy_holds_the_bytes(void **state)
{
    char source[] = "payload";
    struct refbuf *buf = refbuf_copy(source, 7);

    (void)state;
    memset(source, 'x', 7);
    assert_bytes(buf->data, buf->len, "payload");
    refbuf_unref(&buf);
}

static void empty_copy_is_a_buffer(void **state)
{
    struct refbuf *buf = refbuf_copy(NULL, 0);

    (void)state;
    assert_non_null(buf);
    assert_int_equal(buf->len, 0);
    refbuf_unref(&buf);
}

static void unref_of_nothing_does_nothing(void **state)
{
    struct refbuf *buf = NULL;

    (void)state;
    refbuf_unref(&buf);
    assert_null(buf);
}

static void last_reference_frees(void **state)
{
    struct refbuf *first = refbuf_copy("x", 1);
    struct refbuf *second = refbuf_ref(first);

    (void)state;
    assert_ptr_equal(first, second);
    assert_int_equal(atomic_load(&first->refs), 2);
    refbuf_unref(&first);
    assert_null(first);
    assert_int_equal(atomic_load(&second->refs), 1);
    assert_bytes(second->data, second->len, "x");
    refbuf_unref(&second);
}

enum { SHARED_ROUNDS = 20000 };

static void *share(void *arg)
{
    struct refbuf *mine = arg;

    for (int i = 0; i < SHARED_ROUNDS; i++) {
        struct refbuf *more = refbuf_ref(mine);
        refbuf_unref(&more);
    }
    refbuf_unref(&mine);
    return NULL;
}

static void threads_share_one_count(void **state)
{
    struct refbuf *buf = refbuf_copy("shared", 6);
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, share, refbuf_ref(buf)), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&buf->refs), 1);
    refbuf_unref(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_buffer_is_writable), cmocka_unit_test(copy_holds_the_bytes),
        cmocka_unit_test(empty_copy_is_a_buffer), cmocka_unit_test(unref_of_nothing_does_nothing),
        cmocka_unit_test(last_reference_frees),   cmocka_unit_test(threads_share_one_count),
    };

    return cmocka_run_group_tests_name("refbuf", tests, NULL, NULL);
}
