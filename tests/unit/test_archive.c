#include "unit.h"

#include "../../src/swarm/archive.h"

struct sample {
    uint64_t u64;
    int64_t i64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8;
    bool yes;
    double real;
    char text[8];
    uint32_t count;
    uint32_t list[4];
};

static void walk(struct archive *archive, struct sample *sample)
{
    archive_u64(archive, &sample->u64);
    archive_i64(archive, &sample->i64);
    archive_u32(archive, &sample->u32);
    archive_u16(archive, &sample->u16);
    archive_u8(archive, &sample->u8);
    archive_bool(archive, &sample->yes);
    archive_double(archive, &sample->real);
    archive_text(archive, sample->text, sizeof(sample->text));
    archive_count(archive, &sample->count, ARRAY_LEN(sample->list));
    for (uint32_t i = 0; i < sample->count; i++)
        archive_u32(archive, &sample->list[i]);
}

static const struct sample full = {
    .u64 = UINT64_MAX,
    .i64 = INT64_MIN,
    .u32 = UINT32_MAX,
    .u16 = UINT16_MAX,
    .u8 = 255,
    .yes = true,
    .real = -0.1,
    .text = "seven.",
    .count = 3,
    .list = {1, 0, 70000},
};

static struct strbuf written(void)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    struct sample sample = full;

    walk(&archive, &sample);
    assert_true(archive_complete(&archive));
    return bytes;
}

static void test_there_and_back(void **state)
{
    struct strbuf bytes = written();
    struct archive archive = archive_reader((struct span){bytes.data, bytes.len});
    struct sample sample;

    (void)state;
    memset(&sample, 0, sizeof(sample));
    walk(&archive, &sample);
    assert_true(archive_complete(&archive));
    assert_int_equal(sample.u64, full.u64);
    assert_true(sample.i64 == full.i64);
    assert_int_equal(sample.u32, full.u32);
    assert_int_equal(sample.u16, full.u16);
    assert_int_equal(sample.u8, full.u8);
    assert_true(sample.yes);
    assert_true(sample.real == full.real);
    assert_string_equal(sample.text, full.text);
    assert_int_equal(sample.count, 3);
    assert_int_equal(sample.list[2], 70000);
    strbuf_free(&bytes);
}

/* Whatever is cut off, too much or of another type is found out, and nothing is believed. */
static void test_damage(void **state)
{
    struct strbuf bytes = written();

    (void)state;
    for (size_t len = 0; len < bytes.len; len++) {
        struct archive archive = archive_reader((struct span){bytes.data, len});
        struct sample sample = {0};

        walk(&archive, &sample);
        assert_false(archive_complete(&archive));
        assert_true(sample.count <= ARRAY_LEN(sample.list));
    }
    strbuf_append_char(&bytes, 1);
    {
        struct archive archive = archive_reader((struct span){bytes.data, bytes.len});
        struct sample sample = {0};

        walk(&archive, &sample);
        assert_false(archive_complete(&archive)); /* one value too many */
    }
    strbuf_free(&bytes);
}

static void test_limits(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive out = archive_writer(&bytes), in;
    uint64_t large = 300;
    uint8_t small = 7;
    uint32_t count = 0;

    (void)state;
    archive_u64(&out, &large);
    in = archive_reader((struct span){bytes.data, bytes.len});
    archive_u8(&in, &small);
    assert_true(in.failed);
    assert_int_equal(small, 7);
    in = archive_reader((struct span){bytes.data, bytes.len});
    archive_count(&in, &count, 1000); /* there are no 300 bytes behind it */
    assert_true(in.failed);
    assert_int_equal(count, 0);
    strbuf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
