#include "session_id.h"

#include <string.h>

#include "stentor/base/crypto.h"

void session_id_make(struct session_id_pool *pool, uint8_t id[SESSION_ID_BYTES])
{
    if (pool->left < SESSION_ID_BYTES) {
        crypto_random(pool->bytes, sizeof(pool->bytes));
        pool->left = sizeof(pool->bytes);
    }
    pool->left -= SESSION_ID_BYTES;
    memcpy(id, pool->bytes + pool->left, SESSION_ID_BYTES);
    memset(pool->bytes + pool->left, 0, SESSION_ID_BYTES); /* it is a secret */
    id[0] = pool->io_thread;
}

void session_id_text(const uint8_t id[SESSION_ID_BYTES], char *text)
{
    crypto_base64url(text, id, SESSION_ID_BYTES);
}

bool session_id_parse(uint8_t id[SESSION_ID_BYTES], const char *text, size_t len,
                      unsigned io_threads)
{
    return crypto_base64url_decode(id, SESSION_ID_BYTES, text, len) && id[0] < io_threads;
}
