/* permessage-deflate: inflating anything stays within the limit and leaves nothing behind for the
 * next message; deflating anything can be undone; any header can be negotiated about. */
#include "fuzz.h"

#include "stentor/wire/deflate.h"

static struct deflater *deflater;
static struct inflater *inflater;

static void check_inflate(const uint8_t *data, size_t len, size_t max)
{
    struct strbuf out = STRBUF_INIT, again = STRBUF_INIT;
    struct inflater *fresh = inflater_new();
    int result = inflater_message(inflater, data, len, max, &out);

    FUZZ_REQUIRE(result == 0 || result == INFLATE_BAD_DATA || result == INFLATE_TOO_BIG);
    FUZZ_REQUIRE(out.len <= max + 1);
    FUZZ_REQUIRE(result != 0 || out.len <= max);
    FUZZ_REQUIRE(fresh != NULL && inflater_message(fresh, data, len, max, &again) == result);
    FUZZ_REQUIRE(fuzz_same(&out, &again));
    inflater_free(&fresh);
    strbuf_free(&out);
    strbuf_free(&again);
}

static void check_round_trip(const uint8_t *data, size_t len)
{
    struct strbuf small = STRBUF_INIT, back = STRBUF_INIT;

    FUZZ_REQUIRE(deflater_message(deflater, data, len, &small));
    FUZZ_REQUIRE(inflater_message(inflater, small.data, small.len, len, &back) == 0);
    FUZZ_REQUIRE(back.len == len && (len == 0 || memcmp(back.data, data, len) == 0));
    strbuf_free(&small);
    strbuf_free(&back);
}

static void check_negotiation(const char *offers, size_t len)
{
    struct strbuf answer = STRBUF_INIT;

    if (deflate_negotiate(offers, len, &answer))
        FUZZ_REQUIRE(strncmp(strbuf_cstr(&answer), "permessage-deflate; ", 20) == 0);
    else
        FUZZ_REQUIRE(answer.len == 0);
    strbuf_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (deflater == NULL) {
        deflater = deflater_new(1);
        inflater = inflater_new();
        FUZZ_REQUIRE(deflater != NULL && inflater != NULL);
    }
    size_t max = data[0] < 128 ? data[0] : (size_t)1 << (data[0] % 20);
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    check_inflate(copy, size - 1, max);
    check_round_trip(copy, size - 1);
    check_negotiation((const char *)copy, size - 1);
    free(copy);
    return 0;
}
