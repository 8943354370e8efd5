/*
 * What a socket did not take: order, offsets, references, and that the queue is gone when empty.
 */
#include "unit.h"

#include "../../src/stentord/outq.h"

static struct refbuf *letters(char first, size_t len)
{
    struct refbuf *buf = refbuf_new(len);

    assert_non_null(buf);
    for (size_t i = 0; i < len; i++)
        buf->data[i] = (uint8_t)(first + (char)(i % 26));
    return buf;
}

static void test_empty_is_gone(void **state)
{
    struct refbuf *buf = letters('a', 10);
    struct outq *queue = NULL;
    struct iovec iov[4];

    (void)state;
    assert_true(outq_append(&queue, buf, 4));
    assert_int_equal(queue->bytes, 6);
    assert_int_equal(outq_peek(queue, iov, 4), 1);
    assert_int_equal(iov[0].iov_len, 6);
    assert_memory_equal(iov[0].iov_base, "efghij", 6);
    outq_consume(&queue, 5);
    assert_non_null(queue);
    outq_consume(&queue, 1);
    assert_null(queue);
    assert_int_equal(atomic_load(&buf->refs), 1);
    refbuf_unref(&buf);
}

/* Appends and writes in odd pieces; the bytes come out as they went in. */
static void test_order(void **state)
{
    struct outq *queue = NULL;
    char in[8192], out[8192];
    size_t in_len = 0, out_len = 0;
    uint64_t chance = 7;

    (void)state;
    for (int i = 0; i < 500; i++) {
        if (in_len < 6000 && unit_random(&chance) % 2) {
            struct refbuf *buf = letters((char)('a' + i % 20), 1 + unit_random(&chance) % 40);
            assert_true(outq_append(&queue, buf, 0));
            memcpy(in + in_len, buf->data, buf->len);
            in_len += buf->len;
            refbuf_unref(&buf);
        } else if (queue != NULL) {
            struct iovec iov[3];
            int n = outq_peek(queue, iov, 3);
            size_t written = 0, want;
            for (int k = 0; k < n; k++)
                written += iov[k].iov_len;
            want = 1 + unit_random(&chance) % written;
            for (int k = 0; k < n && want > 0; k++) {
                size_t part = iov[k].iov_len < want ? iov[k].iov_len : want;
                memcpy(out + out_len, iov[k].iov_base, part);
                out_len += part;
                want -= part;
                outq_consume(&queue, part);
            }
        }
        assert_int_equal(queue != NULL ? queue->bytes : 0, in_len - out_len);
    }
    while (queue != NULL) {
        struct iovec iov[1];
        assert_int_equal(outq_peek(queue, iov, 1), 1);
        memcpy(out + out_len, iov[0].iov_base, iov[0].iov_len);
        out_len += iov[0].iov_len;
        outq_consume(&queue, iov[0].iov_len);
    }
    assert_int_equal(in_len, out_len);
    assert_memory_equal(in, out, in_len);
}

/* Only what waits behind the item that is being sent counts. */
static void test_behind_first(void **state)
{
    struct refbuf *buf = letters('a', 3);
    struct outq *queue = NULL;

    (void)state;
    assert_true(outq_append(&queue, buf, 1));
    assert_int_equal(outq_behind_first(queue), 0);
    assert_true(outq_append(&queue, buf, 0));
    assert_true(outq_append(&queue, buf, 0));
    assert_int_equal(outq_behind_first(queue), 6);
    outq_consume(&queue, 1);
    assert_int_equal(outq_behind_first(queue), 6);
    outq_consume(&queue, 2);
    assert_int_equal(outq_behind_first(queue), 3);
    outq_free(&queue);
    refbuf_unref(&buf);
}

static void test_free_drops_references(void **state)
{
    struct refbuf *buf = letters('a', 3);
    struct outq *queue = NULL;

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_true(outq_append(&queue, buf, 0));
    assert_int_equal(atomic_load(&buf->refs), 21);
    outq_free(&queue);
    assert_null(queue);
    assert_int_equal(atomic_load(&buf->refs), 1);
    refbuf_unref(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_gone),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_behind_first),
        cmocka_unit_test(test_free_drops_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
