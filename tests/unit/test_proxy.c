#include "unit.h"

#include <arpa/inet.h>

#include "stentor/wire/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* Bytes of a literal, NULs inside it included. */
#define BYTES(text) (text), sizeof(text) - 1

/* In one piece, and cut at each place: nothing but MORE before the end. */
static enum proxy_result parse(const char *data, size_t len, struct proxy_header *header,
                               size_t *used)
{
    enum proxy_result result = proxy_parse(data, len, header, used);
    struct proxy_header part;
    size_t n;

    for (size_t cut = 0; result == PROXY_DONE && cut < *used; cut++) {
        char *copy = malloc(cut + 1);

        assert_non_null(copy);
        memcpy(copy, data, cut);
        assert_int_equal(proxy_parse(copy, cut, &part, &n), PROXY_MORE);
        free(copy);
    }
    return result;
}

static void expect(const char *data, size_t len, const char *address, unsigned port, size_t rest)
{
    struct proxy_header header;
    char text[INET6_ADDRSTRLEN];
    size_t used;

    assert_int_equal(parse(data, len, &header, &used), PROXY_DONE);
    assert_int_equal(used, len - rest);
    if (address == NULL) {
        assert_int_equal(header.family, AF_UNSPEC);
        return;
    }
    assert_string_equal(inet_ntop(header.family, header.source, text, sizeof(text)), address);
    assert_int_equal(header.port, port);
}

static void refuse(const char *data, size_t len)
{
    struct proxy_header header;
    size_t used;

    assert_int_equal(parse(data, len, &header, &used), PROXY_FAILED);
}

static void version_1(void **state)
{
    (void)state;
    expect(BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET"), "192.0.2.1", 56324, 3);
    expect(BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"), "2001:db8::1", 65535, 0);
    expect(BYTES("PROXY UNKNOWN\r\n"), NULL, 0, 0);
    expect(BYTES("PROXY UNKNOWN what ever it says\r\n\x16\x03"), NULL, 0, 2);
    expect(BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 0);
}

static void what_is_no_line_of_version_1(void **state)
{
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "PROXI TCP4 ",
        "PROXY \r\n",
        "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 99999999999\r\n",
        "\x16\x03\x01",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        refuse(lines[i], strlen(lines[i]));
    refuse(BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"));
    refuse(
        BYTES("PROXY UNKNOWN ...................................................................."
              "....................................................\r\n")); /* too long */
}

static void version_2(void **state)
{
    (void)state;
    expect(BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbbGET"),
           "192.0.2.1", 56324, 3);
    expect(BYTES(SIGNATURE "\x21\x21\x00\x24"
                           "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                           "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
                           "\x12\x34\x01\xbb"),
           "2001:db8::1", 0x1234, 0);
    /* With values that nobody reads (PP2_TYPE_NOOP). */
    expect(BYTES(SIGNATURE "\x21\x11\x00\x11\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
                           "\x04\x00\x02\x00\x00!"),
           "192.0.2.1", 56324, 1);
    expect(BYTES(SIGNATURE "\x20\x00\x00\x00"), NULL, 0, 0); /* LOCAL */
    expect(BYTES(SIGNATURE "\x20\x11\x00\x03"
                           "abc!"),
           NULL, 0, 1);                                      /* LOCAL, with what is to be ignored */
    expect(BYTES(SIGNATURE "\x21\x00\x00\x00"), NULL, 0, 0); /* of no family that is known */
}

static void what_is_no_header_of_version_2(void **state)
{
    (void)state;
    refuse(BYTES("\r\n\r\nGET"));
    refuse(BYTES(SIGNATURE "\x11\x11\x00\x0c")); /* version 1 */
    refuse(BYTES(SIGNATURE "\x22\x11\x00\x0c")); /* a command that there is not */
    refuse(BYTES(SIGNATURE "\x21\x11\xff\xff")); /* too long */
    refuse(BYTES(SIGNATURE "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),
        cmocka_unit_test(what_is_no_line_of_version_1),
        cmocka_unit_test(version_2),
        cmocka_unit_test(what_is_no_header_of_version_2),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
