#include "stentor/base/seq.h"

bool seq_parse(struct span text, uint64_t *seq)
{
    *seq = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *seq = *seq * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return text.len > 0 && text.len <= 16;
}
