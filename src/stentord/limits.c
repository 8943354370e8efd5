#include "limits.h"

#include "http_response.h"
#include "io_thread.h"
#include "memory.h"
#include "server.h"
#include "stentor/base/log.h"

bool limits_init(struct limits *limits)
{
    return address_table_init(&limits->addresses);
}

void limits_destroy(struct limits *limits)
{
    address_table_destroy(&limits->addresses);
}

/* What the process may take, in bytes, of `available`; without max_memory nine tenths of it. */
static uint64_t limits_ceiling(const struct config *config, uint64_t available)
{
    uint64_t wanted = (uint64_t)config->max_memory << 20;
    uint64_t most = available / 10 * 9;

    return wanted > 0 && wanted < most ? wanted : most;
}

static unsigned limits_mib(uint64_t bytes)
{
    return (unsigned)(bytes >> 20);
}

void limits_watch_memory(struct server *server)
{
    uint64_t ceiling = limits_ceiling(server->config, memory_available());
    uint64_t addresses = memory_address_limit() / 10 * 9;
    struct memory_use use = memory_use();
    bool was_full = atomic_load_explicit(&server->limits.memory_full, memory_order_relaxed);
    bool full = use.resident > ceiling || use.virtual > addresses;

    /* Not to and fro with each client. */
    if (was_full && !full)
        full = use.resident > ceiling / 100 * 97 || use.virtual > addresses / 100 * 97;
    if (full && !was_full && use.resident > ceiling)
        log_warning(
            "limits",
            "memory: %u MiB are in use, more than the %u MiB of %s: new clients are refused",
            limits_mib(use.resident), limits_mib(ceiling),
            server->config->max_memory > 0 ? "max_memory" : "nine tenths of what there is");
    else if (full && !was_full)
        log_warning("limits",
                    "memory: %u MiB of addresses are in use, more than nine tenths of the limit "
                    "(ulimit -v): new clients are refused",
                    limits_mib(use.virtual));
    else if (was_full && !full)
        log_info("limits", "memory: %u MiB are in use: new clients are let in again",
                 limits_mib(use.resident));
    atomic_store_explicit(&server->limits.memory_full, full, memory_order_relaxed);
}

static bool limits_refuse(struct http_conn *http, stats_value *counter, const char *error,
                          const char *message)
{
    stats_add(counter, 1);
    http->keep_alive = false; /* the next try may go to another server */
    http_respond_error(http, 503, "Retry-After: 5\r\n", error, message);
    return false;
}

bool limits_admit(struct http_conn *http)
{
    struct io_thread *thread = http->conn->thread;
    struct limits *limits = &thread->server->limits;

    if (thread->farewell.draining || thread->stopping)
        return limits_refuse(http, &thread->stats.refused_draining, "stopping",
                             "the server is being stopped; try again, best with another one");
    if (atomic_load_explicit(&limits->memory_full, memory_order_relaxed))
        return limits_refuse(http, &thread->stats.refused_memory, "no_memory",
                             "the server has no memory for more clients (max_memory); try again "
                             "later");
    return true;
}
