#include "stentor/base/utf8.h"

#include <string.h>

/* Sets what must follow the lead byte `c`; false when no character begins with it. The bounds of
 * the second byte exclude overlong forms, surrogates and what lies above U+10FFFF. */
static bool utf8_lead(struct utf8_state *state, uint8_t c)
{
    state->low = 0x80;
    state->high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        state->missing = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        state->missing = 2;
        if (c == 0xe0)
            state->low = 0xa0;
        if (c == 0xed)
            state->high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        state->missing = 3;
        if (c == 0xf0)
            state->low = 0x90;
        if (c == 0xf4)
            state->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

/* The number of bytes at the start of `p` that are certainly ASCII, in steps of eight. */
static size_t utf8_ascii_run(const uint8_t *p, size_t len)
{
    size_t n = 0;
    uint64_t word;

    while (len - n >= sizeof(word)) {
        memcpy(&word, p + n, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
        n += sizeof(word);
    }
    return n;
}

bool utf8_feed(struct utf8_state *state, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t i = 0;

    while (i < len) {
        if (state->missing > 0) {
            if (p[i] < state->low || p[i] > state->high)
                return false;
            state->low = 0x80;
            state->high = 0xbf;
            state->missing--;
            i++;
        } else if (p[i] < 0x80) {
            size_t run = utf8_ascii_run(p + i, len - i);
            i += run > 0 ? run : 1;
        } else {
            if (!utf8_lead(state, p[i]))
                return false;
            i++;
        }
    }
    return true;
}

bool utf8_valid(const void *data, size_t len)
{
    struct utf8_state state = {0};

    return utf8_feed(&state, data, len) && utf8_complete(&state);
}

/* UTF-16 units of the character that begins with that byte: none begins with a continuation byte,
 * and characters of four bytes need a pair. */
static size_t utf8_units(char first)
{
    unsigned char c = (unsigned char)first;

    return (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 2 : 1;
}

size_t utf8_utf16_length(const char *text, size_t len)
{
    size_t units = 0;

    for (size_t i = 0; i < len; i++)
        units += utf8_units(text[i]);
    return units;
}

size_t utf8_utf16_bytes(const char *text, size_t len, size_t units)
{
    size_t i = 0;

    for (; i < len && (units > 0 || utf8_units(text[i]) == 0); i++) {
        if (utf8_units(text[i]) > units)
            return SIZE_MAX;
        units -= utf8_units(text[i]);
    }
    return units == 0 ? i : SIZE_MAX;
}
