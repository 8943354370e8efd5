#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

#include "stentor/wire/packjson.h"

/* The bytes and texts for which another library is named were written by it: notepack.io 2.2.0,
 * which socket.io-msgpack-parser uses, and @msgpack/msgpack 2. */

static void encode(struct strbuf *out, const char *json)
{
    size_t len = strlen(json);
    char *copy = unit_exact_copy(json, len);
    char error[JSON_MAX_ERROR];

    if (!json_text_valid(json, len, error))
        fail_msg("the test's JSON is wrong: %s: %s", json, error);
    strbuf_clear(out);
    packjson_encode(out, (struct span){copy, len}, NULL, 0);
    assert_false(out->failed);
    free(copy);
}

/* Decodes a copy that ends where the bytes end. What was decoded must be JSON. */
static bool decode(struct packjson *decoded, const void *data, size_t len, const char **error)
{
    void *copy = unit_exact_copy(data, len);
    char json_error[JSON_MAX_ERROR];
    bool good = packjson_decode(decoded, copy, len, error);

    free(copy);
    if (good && !json_text_valid(decoded->json.data, decoded->json.len, json_error))
        fail_msg("not JSON: %s: %s", strbuf_cstr(&decoded->json), json_error);
    assert_true(good || *error != NULL);
    return good;
}

static void check_encode(const char *json, const char *hex)
{
    struct strbuf out = STRBUF_INIT;

    encode(&out, json);
    assert_hex(out.data, out.len, hex);
    strbuf_free(&out);
}

static void check_decode(const char *hex, const char *json)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error = NULL;

    unit_unhex(&bytes, hex);
    if (!decode(&decoded, bytes.data, bytes.len, &error))
        fail_msg("%s: %s", hex, error);
    assert_strbuf(&decoded.json, json);
    assert_int_equal(decoded.attachment_count, 0);
    packjson_free(&decoded);
    strbuf_free(&bytes);
}

static void check_refused(const char *hex, const char *expected)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error = NULL;

    unit_unhex(&bytes, hex);
    if (decode(&decoded, bytes.data, bytes.len, &error))
        fail_msg("%s was accepted as %s", hex, strbuf_cstr(&decoded.json));
    if (strcmp(error, expected) != 0)
        fail_msg("%s: got \"%s\", expected \"%s\"", hex, error, expected);
    packjson_free(&decoded);
    strbuf_free(&bytes);
}

/* One text and the bytes for it, in both directions. */
static const struct {
    const char *json;
    const char *hex;
} pairs[] = {
    {"null", "c0"},
    {"false", "c2"},
    {"true", "c3"},
    /* integers, on both sides of each boundary */
    {"0", "00"},
    {"127", "7f"},
    {"128", "cc80"},
    {"255", "ccff"},
    {"256", "cd0100"},
    {"65535", "cdffff"},
    {"65536", "ce00010000"},
    {"4294967295", "ceffffffff"},
    {"4294967296", "cf0000000100000000"},
    {"9007199254740991", "cf001fffffffffffff"},
    {"9007199254740993", "cf0020000000000001"}, /* no float 64 has this value */
    {"9223372036854775807", "cf7fffffffffffffff"},
    {"9223372036854775808", "cf8000000000000000"},
    {"18446744073709551615", "cfffffffffffffffff"},
    {"-1", "ff"},
    {"-32", "e0"},
    {"-33", "d0df"},
    {"-128", "d080"},
    {"-129", "d1ff7f"},
    {"-32768", "d18000"},
    {"-32769", "d2ffff7fff"},
    {"-2147483648", "d280000000"},
    {"-2147483649", "d3ffffffff7fffffff"},
    {"-9007199254740991", "d3ffe0000000000001"},
    {"-9007199254740993", "d3ffdfffffffffffff"},
    {"-9223372036854775807", "d38000000000000001"},
    {"-9223372036854775808", "d38000000000000000"},
    /* other numbers */
    {"-0", "cb8000000000000000"},
    {"0.5", "cb3fe0000000000000"},
    {"-1.5", "cbbff8000000000000"},
    {"0.1", "cb3fb999999999999a"},
    {"0.30000000000000004", "cb3fd3333333333334"},
    {"1e+300", "cb7e37e43c8800759c"},
    {"1.7976931348623157e+308", "cb7fefffffffffffff"},
    {"-1.7976931348623157e+308", "cbffefffffffffffff"},
    {"2.2250738585072014e-308", "cb0010000000000000"},
    {"4.94065645841247e-324", "cb0000000000000001"},
    {"1.8446744073709552e+19", "cb43f0000000000000"}, /* 2^64 */
    {"-9.223372036854778e+18", "cbc3e0000000000001"}, /* the next below -2^63 */
    /* texts */
    {"\"\"", "a0"},
    {"\"a\"", "a161"},
    {"\"\\u0000\"", "a100"},
    {"\"a\\u0000b\"", "a3610062"},
    {"\"\\\"\\\\/\"", "a3225c2f"},
    {"\"\\u000a\\u0001\\u001f\x7f\"", "a40a011f7f"},
    {"\"\xc3\xbc\"", "a2c3bc"},
    {"\"\xf0\x9f\x98\x80\"", "a4f09f9880"},
    {"\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xee\x80\x80\"", "aaf48fbfbfefbfbfee8080"},
    {"\"[{]},:\"", "a65b7b5d7d2c3a"},
    {"\"0123456789012345678901234567890\"",
     "bf30313233343536373839303132333435363738393031323334353637383930"},
    {"\"01234567890123456789012345678901\"",
     "d9203031323334353637383930313233343536373839303132333435363738393031"},
    /* containers */
    {"[]", "90"},
    {"{}", "80"},
    {"[[]]", "9190"},
    {"[{},[]]", "928090"},
    {"[1,\"a\",null,true,[2,[3]]]", "9501a161c0c392029103"},
    {"{\"a\":{\"b\":{\"c\":[]}}}", "81a16181a16281a16390"},
    {"{\"a\":[1,{\"b\":[]}],\"\":{},\"\xc3\xbc\":null}", "83a161920181a16290a080a2c3bcc0"},
    {"{\"a\":\"}\",\"b\":\"{\\\"\"}", "82a161a17da162a27b22"},
    {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]", "9f0102030405060708090a0b0c0d0e0f"},
    {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", "dc00100102030405060708090a0b0c0d0e0f10"},
    {"{\"a\":1,\"a\":2}", "82a16101a16102"}, /* the last one counts, on either side */
    {"{\"_placeholder\":true,\"num\":0}", "82ac5f706c616365686f6c646572c3a36e756d00"},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        check_encode(pairs[i].json, pairs[i].hex);
        check_decode(pairs[i].hex, pairs[i].json);
    }
}

static void json_of_other_forms(void **state)
{
    static const struct {
        const char *json;
        const char *hex;
    } cases[] = {
        {" \t\r\n1 \n", "01"},
        {" [ 1 , [ ] , { \"a\" : true } ] ", "93019081a161c3"},
        {"{\r\n\"a\"\t:\t[\n]\n}", "81a16190"},
        {"[ ]", "90"},
        {"{\n}", "80"},
        {"\"\\n\\t\\b\\f\\r\\/\"", "a60a09080c0d2f"},
        {"\"\\u00fc\\ud83d\\ude00\"", "a6c3bcf09f9880"},
        {"{\"\\u0061\\n\":1}", "81a2610a01"},
        {"{\"a\\\\\":\"\\\\\"}", "81a2615ca15c"},
        /* a number with a point or an exponent is a float, whatever its value */
        {"1.0", "cb3ff0000000000000"},
        {"1e2", "cb4059000000000000"},
        {"1E+2", "cb4059000000000000"},
        {"-0.0", "cb8000000000000000"},
        {"0e0", "cb0000000000000000"},
        {"-0e5", "cb8000000000000000"},
        {"5e-324", "cb0000000000000001"},
        {"1e-400", "cb0000000000000000"},
        /* and so is an integer that 64 bits do not hold */
        {"18446744073709551616", "cb43f0000000000000"},
        {"-9223372036854775809", "cbc3e0000000000000"},
        {"100000000000000000000000000000000000000000000", "cb4911efc659cf7d4c"},
        {"-123456789012345678901234567890123456789012345", "cbc91624db949eb59e"},
        {"[18446744073709551615,18446744073709551616]", "92cfffffffffffffffffcb43f0000000000000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_encode(cases[i].json, cases[i].hex);
}

/* Numbers whose exponent or whose point comes after hundreds of digits. */
static void long_numbers(void **state)
{
    enum { DIGITS = 5000 };
    struct strbuf json = STRBUF_INIT;

    (void)state;
    for (int i = 0; i < DIGITS; i++)
        strbuf_append_char(&json, '1');
    strbuf_printf(&json, "e-%d", DIGITS - 1);
    check_encode(strbuf_cstr(&json), "cb3ff1c71c71c71c72"); /* 1.111... */
    strbuf_clear(&json);
    strbuf_append_str(&json, "0.");
    for (int i = 0; i < DIGITS; i++)
        strbuf_append_char(&json, '0');
    strbuf_printf(&json, "5e%d", DIGITS);
    check_encode(strbuf_cstr(&json), "cb3fe0000000000000");
    strbuf_clear(&json);
    strbuf_append_str(&json, "-1e");
    for (int i = 0; i < DIGITS; i++)
        strbuf_append_char(&json, '0');
    strbuf_append_char(&json, '2');
    check_encode(strbuf_cstr(&json), "cbc059000000000000");
    strbuf_free(&json);
}

static void bytes_of_other_forms(void **state)
{
    static const struct {
        const char *hex;
        const char *json;
    } cases[] = {
        /* integers in more bits than they need */
        {"cc00", "0"},
        {"cd007f", "127"},
        {"ce00000001", "1"},
        {"cf0000000000000001", "1"},
        {"d000", "0"},
        {"d0ff", "-1"},
        {"d17fff", "32767"},
        {"d2ffffffff", "-1"},
        {"d2000000ff", "255"},
        {"d3ffffffffffffffff", "-1"},
        {"d37fffffffffffffff", "9223372036854775807"},
        /* floats */
        {"ca00000000", "0"},
        {"ca80000000", "-0"},
        {"ca3f800000", "1"},
        {"ca3dcccccd", "0.10000000149011612"},
        {"ca7f7fffff", "3.4028234663852886e+38"},
        {"ca00000001", "1.401298464324817e-45"},
        {"ca7fc00000", "null"},
        {"ca7f800000", "null"},
        {"caff800000", "null"},
        {"cb0000000000000000", "0"},
        {"cb3ff0000000000000", "1"},
        {"cb4340000000000000", "9007199254740992"},
        {"cb7ff8000000000000", "null"},
        {"cb7ff0000000000001", "null"},
        {"cbfff8000000000000", "null"},
        {"cb7ff0000000000000", "null"},
        {"cbfff0000000000000", "null"},
        /* texts and containers with longer heads */
        {"d900", "\"\""},
        {"d90161", "\"a\""},
        {"da000161", "\"a\""},
        {"db0000000161", "\"a\""},
        {"dc0000", "[]"},
        {"dc000101", "[1]"},
        {"dd00000000", "[]"},
        {"dd0000000101", "[1]"},
        {"de0000", "{}"},
        {"de0001a16101", "{\"a\":1}"},
        {"df00000000", "{}"},
        {"df00000001a16101", "{\"a\":1}"},
        {"81d9016101", "{\"a\":1}"},
        /* keys that are integers */
        {"810001", "{\"0\":1}"},
        {"81ff01", "{\"-1\":1}"},
        {"81cfffffffffffffffff01", "{\"18446744073709551615\":1}"},
        {"81d3800000000000000001", "{\"-9223372036854775808\":1}"},
        {"820101a13102", "{\"1\":1,\"1\":2}"},
        /* notepack's undefined */
        {"d40000", "null"},
        {"d400ff", "null"},
        {"91d40000", "[null]"},
        {"81a161d40000", "{\"a\":null}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_decode(cases[i].hex, cases[i].json);
}

static void dates(void **state)
{
    static const struct {
        const char *hex;
        const char *json;
    } cases[] = {
        /* the timestamp extension, by @msgpack/msgpack */
        {"d6ff00000000", "\"1970-01-01T00:00:00.000Z\""},
        {"d7ff1d535300499602d2", "\"2009-02-13T23:31:30.123Z\""},
        {"c70cff000000000000000400000000", "\"2514-05-30T01:53:04.000Z\""},
        {"c70cff3b8b87c0ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""},
        {"c70cff00000000fffffff1868b8400", "\"0000-01-01T00:00:00.000Z\""},
        {"c70cff3b8b87c00000003afff4417f", "\"9999-12-31T23:59:59.999Z\""},
        /* and at its limits */
        {"d6ffffffffff", "\"2106-02-07T06:28:15.000Z\""},
        {"d7ffee6b27ffffffffff", "\"2514-05-30T01:53:03.999Z\""},
        {"d7ff0000000000000000", "\"1970-01-01T00:00:00.000Z\""},
        {"c708ff0000000000000001", "\"1970-01-01T00:00:01.000Z\""},
        {"c70cff3b9ac9ff0000000000000000", "\"1970-01-01T00:00:00.999Z\""},
        {"c704ff00000001", "\"1970-01-01T00:00:01.000Z\""},
        {"c8000cff000f42400000000000000000", "\"1970-01-01T00:00:00.001Z\""},
        /* notepack's Date */
        {"d7000000011f71fb04cb", "\"2009-02-13T23:31:30.123Z\""},
        {"d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""},
        {"d700fffffffcb2a1839a", "\"1969-07-20T20:17:40.250Z\""},
        {"d7000000000000000000", "\"1970-01-01T00:00:00.000Z\""},
        {"d700ffffc77590fba000", "\"0000-01-01T00:00:00.000Z\""},
        {"d7000000e677d21fdbff", "\"9999-12-31T23:59:59.999Z\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_decode(cases[i].hex, cases[i].json);
}

static void dates_that_are_none(void **state)
{
    static const char out_of_range[] = "a date is out of range";
    static const char malformed[] = "a timestamp is malformed";

    (void)state;
    check_refused("d700ffffc77590fb9fff", out_of_range); /* the millisecond before the year 0 */
    check_refused("d7000000e677d21fdc00", out_of_range); /* and the one after 9999 */
    check_refused("d7007fffffffffffffff", out_of_range);
    check_refused("d7008000000000000000", out_of_range);
    check_refused("c70cff00000000fffffff1868b83ff", out_of_range);
    check_refused("c70cff000000000000003afff44180", out_of_range);
    check_refused("c70cff000000007fffffffffffffff", out_of_range);
    check_refused("c70cff000000008000000000000000", out_of_range);
    check_refused("d7ffee6b280000000000", malformed); /* a whole second of nanoseconds */
    check_refused("d7ffffffffffffffffff", malformed);
    check_refused("c70cff3b9aca000000000000000000", malformed);
    check_refused("c70cffffffffff0000000000000000", malformed);
    check_refused("d4ff00", malformed);
    check_refused("d5ff0000", malformed);
    check_refused("c700ff", malformed);
    check_refused("c703ff000000", malformed);
    check_refused("c705ff0000000000", malformed);
    check_refused("d8ff00000000000000000000000000000000", malformed);
}

static void what_json_cannot_say(void **state)
{
    static const char extension[] = "an extension type has no equivalent in JSON";
    static const char key[] = "a map has a key that is neither a text nor an integer";
    static const char text[] = "a text is not UTF-8";

    (void)state;
    check_refused("d40100", extension);
    check_refused("d5020000", extension);
    check_refused("d60100000000", extension);
    check_refused("d77f0000000000000000", extension);
    check_refused("d8fe00000000000000000000000000000000", extension);
    check_refused("c70180 00", extension);
    check_refused("c70005", extension);
    check_refused("91c8000105 00", extension);
    check_refused("81c001", key);
    check_refused("81c201", key);
    check_refused("81ca3f80000001", key);
    check_refused("819001", key);
    check_refused("818001", key);
    check_refused("81c4016101", key);
    check_refused("81d4000001", key);
    check_refused("82a1610191 01 02", key);
    check_refused("a1ff", text);
    check_refused("a2c080", text);
    check_refused("a3eda080", text); /* half of a surrogate pair */
    check_refused("a4f4908080", text);
    check_refused("a1c3", text);
    check_refused("81a1ff01", text);
    check_refused("91d901bf", text);
    check_refused("81a10001", "a map has a key with a NUL character");
    check_refused("81a361006201", "a map has a key with a NUL character");
}

static void what_is_no_messagepack(void **state)
{
    static const char cut_off[] = "the value is cut off";
    static const char behind[] = "there are bytes behind the value";

    (void)state;
    check_refused("c1", "it is not MessagePack");
    check_refused("91c1", "it is not MessagePack");
    check_refused("81a161c1", "it is not MessagePack");
    check_refused("", cut_off);
    check_refused("0000", behind);
    check_refused("90c0", behind);
    check_refused("c0c1", behind);
    check_refused("a16161", behind);
    check_refused("c4016161", behind);
    check_refused("81a1610101", behind);
}

/* Decodes what begins as a whole value does and is shorter. */
static void check_prefixes(const struct strbuf *bytes)
{
    struct packjson decoded;
    const char *error;

    for (size_t len = 0; len < bytes->len; len++) {
        if (decode(&decoded, bytes->data, len, &error))
            fail_msg("%zu of %zu bytes were accepted", len, bytes->len);
        assert_string_equal(error, "the value is cut off");
        packjson_free(&decoded);
    }
}

static void cut_off_at_every_byte(void **state)
{
    /* each form of a head */
    static const char all[] =
        "dc0019 c0 c2 7f e0 cc80 cd0100 ce00010000 cf0000000100000000 d080 d18000 d280000000"
        "d38000000000000000 ca3f800000 cb3ff0000000000000 a3616263 d90161 da000161 db0000000161"
        "c40101 c5000102 c60000000103 83 a16192 0102 0503 a16380 de0001 a161 df00000001 a162 "
        "dd00000001 01"
        "d40000 98 d6ff00000000 d7ff1d535300499602d2 d7000000011f71fb04cb"
        "c70cff3b8b87c0ffffffffffffffff c7020001 02 c800010003 c9000000010004"
        "d8000102030405060708090a0b0c0d0e0f10";
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        strbuf_clear(&bytes);
        unit_unhex(&bytes, pairs[i].hex);
        check_prefixes(&bytes);
    }
    strbuf_clear(&bytes);
    unit_unhex(&bytes, all);
    check_prefixes(&bytes);
    if (!decode(&decoded, bytes.data, bytes.len, &error))
        fail_msg("%s", error);
    assert_int_equal(decoded.attachment_count, 7);
    packjson_free(&decoded);
    strbuf_free(&bytes);
}

/* The values of all pairs in one row, one after the other. */
static void skip_goes_from_value_to_value(void **state)
{
    struct strbuf row = STRBUF_INIT, value = STRBUF_INIT;
    size_t pos = 0, used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        unit_unhex(&row, pairs[i].hex);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        strbuf_clear(&value);
        unit_unhex(&value, pairs[i].hex);
        assert_true(packjson_skip(row.data + pos, row.len - pos, &used));
        assert_int_equal(used, value.len);
        for (size_t len = 0; len < value.len; len++) {
            void *copy = unit_exact_copy(value.data, len);
            assert_false(packjson_skip(copy, len, &used));
            free(copy);
        }
        pos += value.len;
    }
    assert_int_equal(pos, row.len);
    strbuf_free(&row);
    strbuf_free(&value);
}

/* Kilobytes of address space that the process had at most. */
static unsigned long address_space(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    unsigned long kilobytes = 0;
    char line[256];

    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL &&
           sscanf(line, "VmPeak: %lu", &kilobytes) != 1)
        continue;
    fclose(status);
    assert_true(kilobytes > 0);
    return kilobytes;
}

/* Whoever claims to send billions of elements has not yet sent them: nothing is taken for them. */
static void lengths_that_are_only_claimed(void **state)
{
    static const char *const claims[] = {
        "ddffffffff",
        "dfffffffff",
        "dd10000000 dd10000000 dd10000000",
        "dd10000000 00000000",
        "df00ffffff a16101",
        "92 01 dd7fffffff 01",
        "81a161 df40000000",
        "dcffff",
        "deffff a1",
        "dbffffffff61",
        "c6ffffffff61",
        "c9ffffffff0061",
        "c9ffffffff 00000000000000",
        "c9fffffffe00",
        "daffff",
        "c5ffff",
        "c8ffff00",
        "bf6161",
        "9f",
        "8f",
        "8101",
        "82010203",
    };
    unsigned long before = address_space();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        check_refused(claims[i], "the value is cut off");
    assert_in_range(address_space(), before, before + 64 * 1024);
}

/* `depth` containers in each other, with nil in the innermost one: the first is an array, and every
 * second one a map if maps are wanted. */
static void nest(struct strbuf *bytes, size_t depth, bool maps)
{
    strbuf_clear(bytes);
    for (size_t i = 0; i < depth; i++)
        strbuf_append(bytes, maps && i % 2 == 1 ? "\x81\x01" : "\x91", maps && i % 2 == 1 ? 2 : 1);
    strbuf_append(bytes, "\xc0", 1);
}

static bool decodes_at_depth(size_t depth, bool maps)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error = NULL;
    bool good;

    nest(&bytes, depth, maps);
    good = decode(&decoded, bytes.data, bytes.len, &error);
    if (!good)
        assert_string_equal(
            error, "the value is nested deeper than 32 levels, or there is no memory for it");
    packjson_free(&decoded);
    strbuf_free(&bytes);
    return good;
}

static void depth_that_is_read(void **state)
{
    (void)state;
    for (size_t depth = 0; depth <= 32; depth++) {
        assert_true(decodes_at_depth(depth, false));
        assert_true(decodes_at_depth(depth, true));
    }
    for (size_t depth = 33; depth < 100000; depth = depth * 3 / 2) {
        assert_false(decodes_at_depth(depth, false));
        assert_false(decodes_at_depth(depth, true));
    }
}

/* An empty container counts like any other. */
static void depth_of_empty_containers(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    (void)state;
    nest(&bytes, 31, false);
    bytes.data[31] = (char)0x80;
    assert_true(decode(&decoded, bytes.data, bytes.len, &error));
    packjson_free(&decoded);
    nest(&bytes, 32, false);
    bytes.data[32] = (char)0x80;
    assert_false(decode(&decoded, bytes.data, bytes.len, &error));
    packjson_free(&decoded);
    strbuf_free(&bytes);
}

/* Arrays and objects in turn, `depth` of them, and an empty array in the innermost. */
static void nest_json(struct strbuf *json, int depth)
{
    strbuf_clear(json);
    for (int i = 0; i < depth; i++)
        strbuf_append_str(json, i % 2 == 0 ? "[1," : "{\"a\":");
    strbuf_append_str(json, "[]");
    for (int i = depth - 1; i >= 0; i--)
        strbuf_append_char(json, i % 2 == 0 ? ']' : '}');
}

/* As deep as jansson reads. */
static void depth_that_is_written(void **state)
{
    enum { DEPTH = 2047 };
    struct strbuf json = STRBUF_INIT, out = STRBUF_INIT;
    char error[JSON_MAX_ERROR];

    (void)state;
    nest_json(&json, DEPTH + 1);
    assert_false(json_text_valid(json.data, json.len, error));
    nest_json(&json, DEPTH);
    encode(&out, strbuf_cstr(&json));
    assert_int_equal(out.len, DEPTH / 2 * 5 + 3);
    for (size_t i = 0; i < DEPTH / 2; i++)
        assert_hex(out.data + 5 * i, 5, "92 01 81 a161");
    assert_hex(out.data + DEPTH / 2 * 5, 3, "92 01 90");
    strbuf_free(&json);
    strbuf_free(&out);
}

/* Arrays, objects and texts around the sizes at which their heads grow. */
static void sizes_around_each_head(void **state)
{
    static const size_t sizes[] = {0, 1, 14, 15, 16, 17, 31, 32, 255, 256, 65535, 65536, 70000};
    struct strbuf json = STRBUF_INIT, out = STRBUF_INIT;
    const char *error;

    (void)state;
    for (size_t i = 0; i < 3 * ARRAY_LEN(sizes); i++) {
        static const char *const open[] = {"[", "{", "\""}, *const close[] = {"]", "}", "\""};
        struct packjson decoded;
        strbuf_clear(&json);
        strbuf_append_str(&json, open[i % 3]);
        for (size_t k = 0; k < sizes[i / 3]; k++) {
            if (i % 3 == 0)
                strbuf_append_str(&json, k == 0 ? "7" : ",7");
            else if (i % 3 == 1)
                strbuf_printf(&json, "%s\"%zu\":null", k == 0 ? "" : ",", k);
            else
                strbuf_append_char(&json, 'x');
        }
        strbuf_append_str(&json, close[i % 3]);
        encode(&out, strbuf_cstr(&json));
        assert_true(decode(&decoded, out.data, out.len, &error));
        assert_strbuf(&decoded.json, strbuf_cstr(&json));
        packjson_free(&decoded);
    }
    strbuf_free(&json);
    strbuf_free(&out);
}

/* Text through MessagePack and back. */
static void check_returns(const char *json)
{
    struct strbuf out = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    encode(&out, json);
    assert_true(decode(&decoded, out.data, out.len, &error));
    assert_strbuf(&decoded.json, json);
    packjson_free(&decoded);
    strbuf_free(&out);
}

static void integers_around_powers_of_two(void **state)
{
    char text[32];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t off = 0; off < 3; off++) {
            uint64_t value = (UINT64_C(1) << bit) + off - 1;
            snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
            check_returns(text);
            if (value == 0 || value > UINT64_C(1) << 63)
                continue;
            snprintf(text, sizeof(text), "-%llu", (unsigned long long)value);
            check_returns(text);
        }
    }
}

/* A float's text is read as the same float, and written as the same bytes. */
static void check_double(uint64_t bits)
{
    char bytes[9] = {(char)0xcb};
    struct packjson decoded;
    const char *error;
    double value, again;
    json_t *number;

    memcpy(&value, &bits, sizeof(value));
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (char)(bits >> (56 - 8 * i));
    assert_true(decode(&decoded, bytes, sizeof(bytes), &error));
    number = json_loadb(decoded.json.data, decoded.json.len, json_load_flags(), NULL);
    if (isfinite(value)) {
        again = json_number_value(number);
        assert_memory_equal(&again, &value, sizeof(value));
    } else {
        assert_true(json_is_null(number));
    }
    json_decref(number);
    packjson_free(&decoded);
}

static void floats_keep_every_bit(void **state)
{
    uint64_t chance = 3;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t high = unit_random(&chance), low = unit_random(&chance);
        check_double(high << 33 | low << 2 | (uint64_t)(i & 3));
    }
    for (unsigned exponent = 0; exponent < 2048; exponent++) {
        check_double((uint64_t)exponent << 52);
        check_double((uint64_t)exponent << 52 | 1);
        check_double(UINT64_C(1) << 63 | (uint64_t)exponent << 52 | ((UINT64_C(1) << 52) - 1));
    }
}

static struct refbuf *attachment_of(size_t len, char fill)
{
    struct refbuf *attachment = refbuf_new(len);

    assert_non_null(attachment);
    memset(attachment->data, fill, len);
    return attachment;
}

static void placeholders_become_binary(void **state)
{
    static const struct {
        const char *json;
        const char *hex;
    } cases[] = {
        {"{\"_placeholder\":true,\"num\":0}", "c4026161"},
        {"{\"num\":1,\"_placeholder\":true}", "c40162"},
        {" { \"_placeholder\" : true , \"num\" : 1 } ", "c40162"},
        {"[\"x\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]",
         "93a178c40162c4026161"},
        {"{\"a\":{\"_placeholder\":true,\"num\":0},\"b\":[{}]}", "82a161c4026161a1629180"},
        {"[[],{\"_placeholder\":true,\"num\":0},[1]]", "9390c40261619101"},
        {"{\"_placeholder\":true,\"num\":0,\"x\":\"}\"}", "c4026161"},
        {"{\"x\":\"{[\\\"\",\"_placeholder\":true,\"num\":0}", "c4026161"},
        {"{\"\\u005fplaceholder\":true,\"nu\\u006d\":0}", "c4026161"},
        {"{\"_placeholder\":true,\"num\":5,\"num\":0}", "c4026161"},
        /* numbers as JavaScript understands them */
        {"{\"_placeholder\":true,\"num\":1.0}", "c40162"},
        {"{\"_placeholder\":true,\"num\":10e-1}", "c40162"},
        {"{\"_placeholder\":true,\"num\":-0}", "c4026161"},
    };
    struct refbuf *attachments[] = {attachment_of(2, 'a'), attachment_of(1, 'b')};
    struct strbuf out = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].json);
        char *copy = unit_exact_copy(cases[i].json, len);
        strbuf_clear(&out);
        packjson_encode(&out, (struct span){copy, len}, attachments, 2);
        assert_false(out.failed);
        assert_hex(out.data, out.len, cases[i].hex);
        free(copy);
    }
    strbuf_free(&out);
    refbuf_unref(&attachments[0]);
    refbuf_unref(&attachments[1]);
}

/* What looks like a placeholder stays the object that it is; what follows it must not move. */
static void objects_that_are_no_placeholders(void **state)
{
    static const char *const texts[] = {
        "{\"_placeholder\":true}",
        "{\"num\":0}",
        "{\"_placeholder\":false,\"num\":0}",
        "{\"_placeholder\":null,\"num\":0}",
        "{\"_placeholder\":1234,\"num\":0}",
        "{\"_placeholder\":\"tr\",\"num\":0}",
        "{\"_placeholder\":true,\"num\":1}",
        "{\"_placeholder\":true,\"num\":-1}",
        "{\"_placeholder\":true,\"num\":0.5}",
        "{\"_placeholder\":true,\"num\":18446744073709551616}",
        "{\"_placeholder\":true,\"num\":\"0\"}",
        "{\"_placeholder\":true,\"num\":null}",
        "{\"_placeholder\":true,\"num\":[0]}",
        "{\"_placeholder\":true,\"num\":0,\"x\":{}}",
        "{\"_placeholder\":true,\"num\":0,\"_placeholder\":false}",
        "{\"_Placeholder\":true,\"num\":0}",
        "{\"_placeholder\\\\\":true,\"num\":0}",
        /* braces in names: an object does not end there */
        "{\"_placeholder\":true,\"num}x0\":1}",
        "{\"_placeholder\":true,\"a\":\"}\",\"num}0\":1}",
    };
    struct refbuf *attachment = attachment_of(3, 'a');
    struct strbuf out = STRBUF_INIT, json = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct packjson decoded;
        const char *error;
        json_t *before, *after;
        strbuf_clear(&out);
        strbuf_clear(&json);
        strbuf_printf(&json, "[%s,1]", texts[i]);
        packjson_encode(&out, (struct span){json.data, json.len}, &attachment, 1);
        if (!decode(&decoded, out.data, out.len, &error))
            fail_msg("%s: %s", texts[i], error);
        assert_int_equal(decoded.attachment_count, 0);
        before = json_loadb(json.data, json.len, json_load_flags(), NULL);
        after = json_loadb(decoded.json.data, decoded.json.len, json_load_flags(), NULL);
        assert_non_null(before);
        if (!json_equal(before, after))
            fail_msg("%s became %s", strbuf_cstr(&json), strbuf_cstr(&decoded.json));
        json_decref(before);
        json_decref(after);
        packjson_free(&decoded);
    }
    strbuf_free(&out);
    strbuf_free(&json);
    refbuf_unref(&attachment);
}

static void binary_becomes_placeholders(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error = NULL;

    (void)state;
    /* bin 8, 16, 32; ArrayBuffers of 2, 1 and 8 bytes as notepack writes them; an empty one */
    unit_unhex(&bytes,
               "97 c40101 c500020203 c60000000104 c702000908 c7010005 c708000102030405060708"
               "81 a161 c400");
    assert_true(decode(&decoded, bytes.data, bytes.len, &error));
    assert_strbuf(&decoded.json,
                  "[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1},"
                  "{\"_placeholder\":true,\"num\":2},{\"_placeholder\":true,\"num\":3},"
                  "{\"_placeholder\":true,\"num\":4},{\"_placeholder\":true,\"num\":5},"
                  "{\"a\":{\"_placeholder\":true,\"num\":6}}]");
    assert_int_equal(decoded.attachment_count, 7);
    assert_hex(decoded.attachments[0]->data, decoded.attachments[0]->len, "01");
    assert_hex(decoded.attachments[1]->data, decoded.attachments[1]->len, "0203");
    assert_hex(decoded.attachments[2]->data, decoded.attachments[2]->len, "04");
    assert_hex(decoded.attachments[3]->data, decoded.attachments[3]->len, "0908");
    assert_hex(decoded.attachments[4]->data, decoded.attachments[4]->len, "05");
    assert_hex(decoded.attachments[5]->data, decoded.attachments[5]->len, "0102030405060708");
    assert_hex(decoded.attachments[6]->data, decoded.attachments[6]->len, "");
    packjson_free(&decoded);
    strbuf_free(&bytes);
}

static void ten_binary_values_and_no_more(void **state)
{
    struct strbuf bytes = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    (void)state;
    unit_unhex(&bytes, "9a c400 c400 c400 c400 c400 c400 c400 c400 c400 c40107");
    assert_true(decode(&decoded, bytes.data, bytes.len, &error));
    assert_int_equal(decoded.attachment_count, PACKJSON_MAX_ATTACHMENTS);
    assert_hex(decoded.attachments[9]->data, decoded.attachments[9]->len, "07");
    packjson_free(&decoded);
    assert_int_equal(decoded.attachment_count, 0);
    strbuf_free(&bytes);
    check_refused("9b c400 c400 c400 c400 c400 c400 c400 c400 c400 c400 c400",
                  "there are more than 10 binary values");
    check_refused("9b c400 c400 c400 c400 c400 c400 c400 c400 c400 c400 c70000",
                  "there are more than 10 binary values");
}

/* Attachments of the sizes at which bin's head grows, there and back. */
static void attachments_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 255, 256, 65535, 65536, 100000};
    static const char json[] = "[{\"_placeholder\":true,\"num\":0},\"x\"]";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct refbuf *attachment = attachment_of(sizes[i], (char)i);
        struct strbuf out = STRBUF_INIT;
        struct packjson decoded;
        const char *error;
        packjson_encode(&out, unit_span(json), &attachment, 1);
        assert_true(decode(&decoded, out.data, out.len, &error));
        assert_strbuf(&decoded.json, json);
        assert_int_equal(decoded.attachment_count, 1);
        assert_int_equal(decoded.attachments[0]->len, sizes[i]);
        assert_memory_equal(decoded.attachments[0]->data, attachment->data, sizes[i]);
        packjson_free(&decoded);
        strbuf_free(&out);
        refbuf_unref(&attachment);
    }
}

static void encode_appends(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    strbuf_append_char(&out, 4);
    packjson_encode(&out, unit_span("[1]"), NULL, 0);
    packjson_encode(&out, unit_span("\"a\""), NULL, 0);
    assert_hex(out.data, out.len, "04 9101 a161");
    strbuf_free(&out);
}

/* Objects within objects, each of which could be a placeholder: a time in proportion to the text.
 */
static void many_objects_take_no_long_time(void **state)
{
    enum { DEPTH = 2000, LENGTH = 1000000 };
    struct refbuf *attachment = attachment_of(1, 'a');
    struct strbuf json = STRBUF_INIT, out = STRBUF_INIT;
    clock_t start;

    (void)state;
    for (int i = 0; i < DEPTH; i++)
        strbuf_append_str(&json, "{\"_placeholder\":true,\"num\":0,\"a\":");
    strbuf_append_char(&json, '"');
    for (int i = 0; i < LENGTH; i++)
        strbuf_append_char(&json, 'x');
    strbuf_append_char(&json, '"');
    for (int i = 0; i < DEPTH; i++)
        strbuf_append_char(&json, '}');
    start = clock();
    packjson_encode(&out, (struct span){json.data, json.len}, &attachment, 1);
    assert_true(clock() - start < CLOCKS_PER_SEC);
    strbuf_free(&json);
    strbuf_free(&out);
    refbuf_unref(&attachment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(json_of_other_forms),
        cmocka_unit_test(long_numbers),
        cmocka_unit_test(bytes_of_other_forms),
        cmocka_unit_test(dates),
        cmocka_unit_test(dates_that_are_none),
        cmocka_unit_test(what_json_cannot_say),
        cmocka_unit_test(what_is_no_messagepack),
        cmocka_unit_test(cut_off_at_every_byte),
        cmocka_unit_test(skip_goes_from_value_to_value),
        cmocka_unit_test(lengths_that_are_only_claimed),
        cmocka_unit_test(depth_that_is_read),
        cmocka_unit_test(depth_of_empty_containers),
        cmocka_unit_test(depth_that_is_written),
        cmocka_unit_test(sizes_around_each_head),
        cmocka_unit_test(integers_around_powers_of_two),
        cmocka_unit_test(floats_keep_every_bit),
        cmocka_unit_test(placeholders_become_binary),
        cmocka_unit_test(objects_that_are_no_placeholders),
        cmocka_unit_test(binary_becomes_placeholders),
        cmocka_unit_test(ten_binary_values_and_no_more),
        cmocka_unit_test(attachments_of_all_sizes),
        cmocka_unit_test(encode_appends),
        cmocka_unit_test(many_objects_take_no_long_time),
    };

    return cmocka_run_group_tests_name("packjson", tests, NULL, NULL);
}
