/* UTF-8: in one piece and in pieces, against a decoder that is written for clarity. */
#include "fuzz.h"

#include "../unit/utf8_reference.h"
#include "stentor/base/utf8.h"

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
    bool valid = reference_valid(data + 1, size - 1);
    FUZZ_REQUIRE(utf8_valid(data + 1, size - 1) == valid);
    FUZZ_REQUIRE(valid_in_pieces(data + 1, size - 1, data[0]) == valid);
    return 0;
}
