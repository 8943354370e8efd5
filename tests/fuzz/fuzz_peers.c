/* What another process says about directed messages, what a client says to another one, and what a
 * server says of neighbours: whatever comes is refused or taken, and what was taken makes sense. */
#include "fuzz.h"

#include "../../src/swarm/payload.h"
#include "../../src/swarm/peers.h"
#include "../../src/swarm/place.h"

enum { CLIENTS = 20 };

static void on_departed(void *arg, uint32_t client)
{
    (void)arg;
    FUZZ_REQUIRE(client < CLIENTS);
}

static void on_arrived(void *arg, uint32_t n, uint64_t delay_ns)
{
    (void)arg;
    (void)n;
    (void)delay_ns;
}

/* Twice, so that names are replaced. */
static void try_note(struct span text)
{
    const struct role role = {.index = 1, .count = 3};
    const struct peers_reader reader = {on_departed, on_arrived, NULL};
    struct peers peers;
    bool taken;

    peers_init(&peers, CLIENTS, &role);
    taken = peers_take(&peers, text, &reader);
    FUZZ_REQUIRE(peers_take(&peers, text, &reader) == taken);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const char *name = peers_name(&peers, i);

        FUZZ_REQUIRE(name == NULL || (name[0] != '\0' && strlen(name) <= PEERS_NAME));
    }
    peers_free(&peers);
}

static void try_payload(struct span text)
{
    struct payload_directed message;

    if (!payload_scan_directed(text.ptr, text.len, &message))
        return;
    FUZZ_REQUIRE(message.to.ptr >= text.ptr &&
                 message.from.ptr + message.from.len <= text.ptr + text.len);
}

static void try_place(struct span text)
{
    struct place *place = NULL;

    if (!place_take(&place, text, 1))
        FUZZ_REQUIRE(place == NULL);
    for (unsigned way = 0; place != NULL && way < PLACE_WAYS; way++)
        FUZZ_REQUIRE(memchr(place->names[way], '\0', PLACE_NAME) != NULL);
    free(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *copy = fuzz_copy(data, size);
    struct span text = {copy, size};

    try_note(text);
    try_payload(text);
    try_place(text);
    free(copy);
    return 0;
}
