/*
 * utf8_reference.h - a UTF-8 decoder written for clarity, to hold the fast one against.
 */
#ifndef STENTOR_TESTS_UNIT_UTF8_REFERENCE_H
#define STENTOR_TESTS_UNIT_UTF8_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One character decoded in the plainest way; returns its length, or 0 when it is not valid. */
static inline size_t reference_char(const uint8_t *p, size_t len)
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

static inline bool reference_valid(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t n = reference_char(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

#endif
