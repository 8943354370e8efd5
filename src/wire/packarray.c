#include "stentor/wire/packarray.h"

#include <msgpack.h>

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
    msgpack_unpacked unpacked;
    msgpack_unpack_return result;
    size_t used = 0;

    if (array->left == 0)
        return false;
    msgpack_unpacked_init(&unpacked);
    result = msgpack_unpack_next(&unpacked, array->rest.ptr, array->rest.len, &used);
    msgpack_unpacked_destroy(&unpacked);
    if (result != MSGPACK_UNPACK_SUCCESS && result != MSGPACK_UNPACK_EXTRA_BYTES)
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
