#include "client_limit.h"

enum {
    CLIENT_LIMIT_TICK_NS = 62500,
    CLIENT_LIMIT_TICKS = 16000,          /* in a second */
    CLIENT_LIMIT_MAX_TICKS = 0x20000000, /* of a burst: nine hours */
};

/* The ticks that so many units take at the rate. */
static uint64_t client_limit_cost(uint64_t units, int rate)
{
    return (units * CLIENT_LIMIT_TICKS + (uint64_t)rate - 1) / (uint64_t)rate;
}

/* Takes units out of a bucket, also when there are not enough: that they are missing is what tells
 * who has been told already from who goes on. */
static enum client_limit_verdict client_limit_bucket(uint32_t *full, uint32_t now, uint64_t cost,
                                                     uint64_t burst)
{
    uint64_t missing = (uint32_t)(*full - now);

    if (burst > CLIENT_LIMIT_MAX_TICKS)
        burst = CLIENT_LIMIT_MAX_TICKS;
    if (*full == 0 || missing > 2 * burst)
        missing = 0; /* it has been full for long */
    missing += cost;
    /* Who is disconnected does not come back to it. */
    *full = now + (uint32_t)(missing <= 2 * burst ? missing : 2 * burst);
    if (*full == 0)
        *full = 1;
    return missing <= burst       ? CLIENT_LIMIT_PASS
           : missing <= 2 * burst ? CLIENT_LIMIT_REFUSE
                                  : CLIENT_LIMIT_CLOSE;
}

enum client_limit_verdict client_limit_take(struct client_limit *limit, const struct config *config,
                                            size_t bytes, uint64_t now_ns)
{
    enum client_limit_verdict verdict = CLIENT_LIMIT_PASS, other = CLIENT_LIMIT_PASS;
    uint32_t now = (uint32_t)(now_ns / CLIENT_LIMIT_TICK_NS);
    int largest = config->client_bytes_burst > config->max_message_size ? config->client_bytes_burst
                                                                        : config->max_message_size;

    if (config->client_rate > 0)
        verdict = client_limit_bucket(
            &limit->messages, now, client_limit_cost(1, config->client_rate),
            client_limit_cost((uint64_t)config->client_burst, config->client_rate));
    if (config->client_bytes > 0)
        other =
            client_limit_bucket(&limit->bytes, now, client_limit_cost(bytes, config->client_bytes),
                                client_limit_cost((uint64_t)largest, config->client_bytes));
    return verdict > other ? verdict : other;
}
