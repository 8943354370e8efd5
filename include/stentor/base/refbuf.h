/*
 * refbuf.h - immutable bytes that several threads share.
 *
 * Lifetime:
 *   filled      from refbuf_new until the creator shows it to anybody; data may be written
 *   shared      data is constant; refbuf_ref and refbuf_unref from any thread
 *   freed       by the refbuf_unref that drops the last reference
 * The count is atomic; the bytes need no lock because nobody writes them any more.
 */
#ifndef STENTOR_BASE_REFBUF_H
#define STENTOR_BASE_REFBUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct refbuf {
    atomic_uint refs;
    size_t len;
    uint8_t data[];
};

/* `len` bytes to be filled by the caller, with one reference; NULL when memory is out. */
struct refbuf *refbuf_new(size_t len) MUST_CHECK;

/* A copy of `len` bytes, with one reference; NULL when memory is out. */
struct refbuf *refbuf_copy(const void *data, size_t len) MUST_CHECK;

/* One more reference to `buf`, which is returned. */
struct refbuf *refbuf_ref(struct refbuf *buf);

/* Drops the reference that `*buf` holds, if any, and sets it to NULL. */
void refbuf_unref(struct refbuf **buf);

#endif
