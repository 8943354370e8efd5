#include "archive.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

static int archive_append(void *data, const char *bytes, size_t len)
{
    strbuf_append(data, bytes, len);
    return 0;
}

static msgpack_packer archive_packer(struct archive *archive)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, archive->out, archive_append);
    return packer;
}

struct archive archive_writer(struct strbuf *out)
{
    return (struct archive){.out = out};
}

struct archive archive_reader(struct span in)
{
    return (struct archive){.in = in};
}

bool archive_complete(const struct archive *archive)
{
    if (archive->failed)
        return false;
    return archive->out != NULL ? !archive->out->failed : archive->pos == archive->in.len;
}

/* Is the first byte of a value that of a number or of bytes? An array may claim any size, for which
 * msgpack-c would take the memory. */
static bool archive_is_plain(unsigned char first)
{
    return first <= 0x7f || (first >= 0xc4 && first <= 0xc6) || (first >= 0xcb && first <= 0xcf);
}

/* The next value, if it is of that type; the strings in it lie in the input. */
static bool archive_next(struct archive *archive, msgpack_object_type type, msgpack_object *object)
{
    msgpack_unpacked unpacked;

    if (archive->failed || archive->pos >= archive->in.len ||
        !archive_is_plain((unsigned char)archive->in.ptr[archive->pos])) {
        archive->failed = true;
        return false;
    }
    msgpack_unpacked_init(&unpacked);
    archive->failed = msgpack_unpack_next(&unpacked, archive->in.ptr, archive->in.len,
                                          &archive->pos) != MSGPACK_UNPACK_SUCCESS ||
                      unpacked.data.type != type;
    *object = unpacked.data;
    msgpack_unpacked_destroy(&unpacked);
    return !archive->failed;
}

void archive_u64(struct archive *archive, uint64_t *value)
{
    msgpack_object object;

    if (archive_writes(archive)) {
        msgpack_packer packer = archive_packer(archive);

        msgpack_pack_uint64(&packer, *value);
    } else if (archive_next(archive, MSGPACK_OBJECT_POSITIVE_INTEGER, &object)) {
        *value = object.via.u64;
    }
}

/* Signed numbers travel as unsigned ones with the sign at the low end. */
void archive_i64(struct archive *archive, int64_t *value)
{
    uint64_t raw = ((uint64_t)*value << 1) ^ (uint64_t)(*value >> 63);

    archive_u64(archive, &raw);
    if (!archive_writes(archive))
        *value = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

/* A number up to `max`. */
static uint64_t archive_up_to(struct archive *archive, uint64_t value, uint64_t max)
{
    uint64_t read = value;

    archive_u64(archive, &read);
    if (read <= max)
        return read;
    archive->failed = true;
    return value;
}

void archive_u32(struct archive *archive, uint32_t *value)
{
    *value = (uint32_t)archive_up_to(archive, *value, UINT32_MAX);
}

void archive_u16(struct archive *archive, uint16_t *value)
{
    *value = (uint16_t)archive_up_to(archive, *value, UINT16_MAX);
}

void archive_u8(struct archive *archive, uint8_t *value)
{
    *value = (uint8_t)archive_up_to(archive, *value, UINT8_MAX);
}

void archive_bool(struct archive *archive, bool *value)
{
    *value = archive_up_to(archive, *value, 1) == 1;
}

void archive_double(struct archive *archive, double *value)
{
    msgpack_object object;

    if (archive_writes(archive)) {
        msgpack_packer packer = archive_packer(archive);

        msgpack_pack_double(&packer, *value);
    } else if (archive_next(archive, MSGPACK_OBJECT_FLOAT64, &object)) {
        *value = object.via.f64;
    }
}

void archive_bytes(struct archive *archive, struct span *bytes)
{
    msgpack_object object;

    if (archive_writes(archive)) {
        msgpack_packer packer = archive_packer(archive);

        msgpack_pack_bin(&packer, bytes->len);
        msgpack_pack_bin_body(&packer, bytes->ptr, bytes->len);
    } else if (archive_next(archive, MSGPACK_OBJECT_BIN, &object)) {
        *bytes = (struct span){object.via.bin.ptr, object.via.bin.size};
    }
}

void archive_text(struct archive *archive, char *text, size_t size)
{
    struct span bytes = {text, strnlen(text, size)};

    archive_bytes(archive, &bytes);
    if (archive_writes(archive) || archive->failed)
        return;
    archive->failed = bytes.len >= size || memchr(bytes.ptr, '\0', bytes.len) != NULL;
    if (archive->failed)
        return;
    memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
}

/* Each element takes a byte at least: a number that claims more is not believed, so that nobody
 * allocates memory for it. */
void archive_count(struct archive *archive, uint32_t *count, uint32_t max)
{
    size_t left = archive->in.len - archive->pos;

    if (!archive_writes(archive) && left < max)
        max = (uint32_t)left;
    *count = (uint32_t)archive_up_to(archive, *count, max);
    if (archive->failed && !archive_writes(archive))
        *count = 0;
}

void archive_sparse(struct archive *archive, struct histogram_sparse *sparse)
{
    archive_u64(archive, &sparse->count);
    archive_u64(archive, &sparse->sum);
    archive_u64(archive, &sparse->min);
    archive_u64(archive, &sparse->max);
    archive_count(archive, &sparse->used, HISTOGRAM_BUCKETS);
    if (!archive_writes(archive) && sparse->used > 0) {
        sparse->cells = calloc(sparse->used, sizeof(*sparse->cells));
        ENSURE(sparse->cells != NULL);
    }
    for (unsigned i = 0; i < sparse->used; i++) {
        archive_u32(archive, &sparse->cells[i].index);
        archive_u64(archive, &sparse->cells[i].count);
    }
    if (!histogram_sparse_valid(sparse))
        archive->failed = true;
}

void archive_histogram(struct archive *archive, struct histogram *histogram)
{
    struct histogram_sparse sparse = {0, 0, 0, 0, 0, NULL};

    if (archive_writes(archive)) {
        ENSURE(histogram_compact(histogram, &sparse));
        archive_sparse(archive, &sparse);
    } else {
        archive_sparse(archive, &sparse);
        histogram_init(histogram);
        if (!histogram_merge_sparse(histogram, &sparse))
            archive->failed = true;
    }
    histogram_sparse_free(&sparse);
}
