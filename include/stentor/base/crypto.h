/*
 * crypto.h - the hash, the random numbers and the comparison that protocols ask for.
 *
 * The only module besides the TLS files that knows OpenSSL. No state of its own; any thread.
 */
#ifndef STENTOR_BASE_CRYPTO_H
#define STENTOR_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

enum { CRYPTO_SHA1_LEN = 20 };

void crypto_sha1(const void *data, size_t len, uint8_t digest[CRYPTO_SHA1_LEN]);

/* Unpredictable bytes; ends the process when the system has none, since nothing could replace
 * them. */
void crypto_random(void *data, size_t len);

/* Compares secrets in a time that depends on the lengths alone. */
bool crypto_equal(const char *a, size_t a_len, const char *b, size_t b_len) MUST_CHECK;

/* Appends base64 with padding (RFC 4648 section 4). */
void crypto_base64(struct strbuf *out, const void *data, size_t len);

/* Appends what the base64 stands for; padding may be missing. False when it is not base64. */
bool crypto_base64_decode(struct strbuf *out, const char *text, size_t len) MUST_CHECK;

/* Writes base64url without padding (RFC 4648 section 5) and a NUL: ceil(len * 4 / 3) + 1 bytes. */
void crypto_base64url(char *out, const uint8_t *data, size_t len);

/* Reads `len` bytes back from such text; false when it does not stand for exactly so many. */
bool crypto_base64url_decode(uint8_t *out, size_t len, const char *text,
                             size_t text_len) MUST_CHECK;

#endif
