#include "stentor/wire/packarray.h"

#include "stentor/wire/packjson.h"

/* Reads an unsigned number of `len` bytes behind the first; false when they are not all there. */
static bool packarray_count(struct span data, size_t len, uint32_t *count)
{
    *count = 0;
    if (data.len < len + 1)
        return false;
    for (size_t i = 0; i < len; i++)
        *count = *count << 8 | (uint8_t)data.ptr[i + 1];
    return true;
}

bool packarray_begin(struct packarray *array, struct span data)
{
    enum { FIXARRAY = 0x90, ARRAY_16 = 0xdc, ARRAY_32 = 0xdd };
    uint8_t first = data.len > 0 ? (uint8_t)data.ptr[0] : 0;
    size_t len = first == ARRAY_16 ? 2 : first == ARRAY_32 ? 4 : 0;

    if (len > 0 && !packarray_count(data, len, &array->left))
        return false;
    if (len == 0) {
        if ((first & 0xf0) != FIXARRAY)
            return false;
        array->left = first & 0x0f;
    }
    array->rest = (struct span){data.ptr + len + 1, data.len - len - 1};
    return true;
}

bool packarray_next(struct packarray *array, struct span *element)
{
    size_t used;

    if (array->left == 0 || !packjson_skip(array->rest.ptr, array->rest.len, &used))
        return false;
    *element = (struct span){array->rest.ptr, used};
    array->rest.ptr += used;
    array->rest.len -= used;
    array->left--;
    return true;
}

bool packarray_complete(const struct packarray *array)
{
    return array->left == 0 && array->rest.len == 0;
}
