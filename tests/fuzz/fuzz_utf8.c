/* UTF-8: in one piece and in pieces, against a decoder that is written for clarity. */
#include "fuzz.h"

#include "stentor/base/utf8.h"

/* The length of the character at `p`; 0 when it is not valid. */
static size_t plain_char(const uint8_t *p, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    uint32_t value;

    if (n == 0 || n > len)
        return 0;
    value = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    return n;
}

static bool plain_valid(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t n = plain_char(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

static bool valid_in_pieces(const uint8_t *data, size_t len, uint32_t seed)
{
    struct utf8_state state = {0};

    for (size_t pos = 0; pos < len;) {
        size_t piece = fuzz_piece(&seed, len - pos);
        uint8_t *copy = fuzz_copy(data + pos, piece);
        bool ok = utf8_feed(&state, copy, piece);
        free(copy);
        if (!ok)
            return false;
        pos += piece;
    }
    return utf8_complete(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    bool valid = plain_valid(data + 1, size - 1);
    FUZZ_REQUIRE(utf8_valid(data + 1, size - 1) == valid);
    FUZZ_REQUIRE(valid_in_pieces(data + 1, size - 1, data[0]) == valid);
    return 0;
}
