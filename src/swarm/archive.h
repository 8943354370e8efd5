/*
 * archive.h - plain values as MessagePack and back, by one description for both directions.
 *
 * A struct's module writes one function that names its members in turn; with an archive that
 * writes, their values go out, and with one that reads they come in. What is read may be anything:
 * the archive fails then, further calls do nothing, and the caller asks once at the end
 * (archive_complete). Values that were not read are as they were, so begin with zeroed structs.
 * An archive belongs to its caller; one thread.
 */
#ifndef STENTOR_SWARM_ARCHIVE_H
#define STENTOR_SWARM_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

struct archive {
    struct strbuf *out; /* NULL: this one reads */
    struct span in;
    size_t pos;
    bool failed;
};

struct archive archive_writer(struct strbuf *out);
struct archive archive_reader(struct span in);

static inline bool archive_writes(const struct archive *archive)
{
    return archive->out != NULL;
}

/* Did everything go well, and has everything been read? */
bool archive_complete(const struct archive *archive) MUST_CHECK;

void archive_u64(struct archive *archive, uint64_t *value);
void archive_i64(struct archive *archive, int64_t *value);
void archive_u32(struct archive *archive, uint32_t *value);
void archive_u16(struct archive *archive, uint16_t *value);
void archive_u8(struct archive *archive, uint8_t *value);
void archive_bool(struct archive *archive, bool *value);
void archive_double(struct archive *archive, double *value);

/* Text in an array of `size` bytes. */
void archive_text(struct archive *archive, char *text, size_t size);

/* Bytes of any length; what is read points into the archive's input. */
void archive_bytes(struct archive *archive, struct span *bytes);

/* How many elements follow. What is read is at most `max`, and no more than there can be. */
void archive_count(struct archive *archive, uint32_t *count, uint32_t max);

void archive_histogram(struct archive *archive, struct histogram *histogram);

/* What is read is allocated: histogram_sparse_free is due. */
void archive_sparse(struct archive *archive, struct histogram_sparse *sparse);

#endif
