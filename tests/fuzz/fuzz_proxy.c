/*
 * PROXY protocol headers: what comes in pieces is what comes in one, nothing behind the header
 * matters, and what fails goes on failing.
 */
#include "fuzz.h"

#include <sys/socket.h>

#include "stentor/wire/proxy.h"

static enum proxy_result parse(const uint8_t *data, size_t len, struct proxy_header *header,
                               size_t *used)
{
    uint8_t *copy = fuzz_copy(data, len);
    enum proxy_result result = proxy_parse(copy, len, header, used);

    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    size_t used, n;
    enum proxy_result result = parse(data, size, &whole, &used);

    if (result == PROXY_DONE) {
        FUZZ_REQUIRE(used > 0 && used <= size && used <= PROXY_MAX_HEADER);
        FUZZ_REQUIRE(whole.family == AF_UNSPEC || whole.family == AF_INET ||
                     whole.family == AF_INET6);
        FUZZ_REQUIRE(parse(data, used, &part, &n) == PROXY_DONE && n == used);
        FUZZ_REQUIRE(part.family == whole.family && part.port == whole.port);
    }
    for (size_t cut = 0; cut < size && cut < 300; cut++) {
        enum proxy_result before = parse(data, cut, &part, &n);

        FUZZ_REQUIRE(before != PROXY_DONE || (result == PROXY_DONE && n == used));
        FUZZ_REQUIRE(before != PROXY_FAILED || result == PROXY_FAILED);
    }
    if (result == PROXY_MORE)
        FUZZ_REQUIRE(size < PROXY_MAX_HEADER);
    return 0;
}
