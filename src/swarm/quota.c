#include "quota.h"

#include <stdbool.h>

/* The quota method of Balinski and Young: of those who have less than their share of all things so
 * far and this one, the one that would be the least ahead. It keeps each share between its exact
 * size rounded down and rounded up; simply taking whoever is furthest behind sometimes does not. */
unsigned quota_next(const uint32_t weights[], unsigned count, uint32_t total,
                    const unsigned taken[])
{
    uint64_t things = 1;
    unsigned best = 0;
    bool found = false;

    for (unsigned i = 0; i < count; i++)
        things += taken[i];
    for (unsigned i = 0; i < count; i++) {
        if ((uint64_t)taken[i] * total >= weights[i] * things)
            continue;
        if (!found ||
            (uint64_t)weights[i] * (taken[best] + 1) > (uint64_t)weights[best] * (taken[i] + 1))
            best = i;
        found = true;
    }
    return best;
}
