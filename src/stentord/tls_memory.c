#include "tls_memory.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
    MEMORY_SLOT = 24576,     /* bytes: the largest block of a handshake, in whole pages */
    MEMORY_SMALLEST = 12288, /* that goes into a slot */
    MEMORY_SLOTS = 16384,    /* of address space; beyond that malloc has to do */
    MEMORY_KEEP = 8,         /* slots that a thread keeps */
};

/* Slots are given out from `begin` on; those that came back are in `free`, without memory. */
static struct {
    pthread_mutex_t lock;
    char *begin;
    uint32_t used;
    uint32_t free_count;
    uint32_t *free;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread struct {
    void *slots[MEMORY_KEEP];
    unsigned count;
} memory_kept;

static bool memory_is_slot(const void *block)
{
    return (size_t)((const char *)block - memory.begin) < (size_t)MEMORY_SLOTS * MEMORY_SLOT;
}

static void *memory_take_slot(void)
{
    void *slot = NULL;

    if (memory_kept.count > 0)
        return memory_kept.slots[--memory_kept.count];
    pthread_mutex_lock(&memory.lock);
    if (memory.free_count > 0)
        slot = memory.begin + (size_t)memory.free[--memory.free_count] * MEMORY_SLOT;
    else if (memory.used < MEMORY_SLOTS)
        slot = memory.begin + (size_t)memory.used++ * MEMORY_SLOT;
    pthread_mutex_unlock(&memory.lock);
    return slot;
}

static void memory_give_slot(void *slot)
{
    if (memory_kept.count < MEMORY_KEEP) {
        memory_kept.slots[memory_kept.count++] = slot;
        return;
    }
    madvise(slot, MEMORY_SLOT, MADV_DONTNEED);
    pthread_mutex_lock(&memory.lock);
    memory.free[memory.free_count++] =
        (uint32_t)((size_t)((char *)slot - memory.begin) / MEMORY_SLOT);
    pthread_mutex_unlock(&memory.lock);
}

static void *memory_malloc(size_t size, const char *file, int line)
{
    void *slot = NULL;

    (void)file;
    (void)line;
    if (size >= MEMORY_SMALLEST && size <= MEMORY_SLOT)
        slot = memory_take_slot();
    return slot != NULL ? slot : malloc(size);
}

static void memory_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    if (memory_is_slot(block))
        memory_give_slot(block);
    else
        free(block);
}

static void *memory_realloc(void *block, size_t size, const char *file, int line)
{
    void *moved;

    if (block == NULL)
        return memory_malloc(size, file, line);
    if (!memory_is_slot(block))
        return realloc(block, size);
    if (size <= MEMORY_SLOT && size > 0)
        return block;
    moved = size > 0 ? malloc(size) : NULL;
    if (moved != NULL)
        memcpy(moved, block, MEMORY_SLOT);
    if (moved != NULL || size == 0)
        memory_free(block, file, line);
    return moved;
}

void tls_memory_init(void)
{
    size_t size = (size_t)MEMORY_SLOTS * MEMORY_SLOT;
    struct rlimit space;
    char *begin;

    /* Where address space is short, or cannot be had, malloc has to do. */
    if (getrlimit(RLIMIT_AS, &space) < 0 || space.rlim_cur != RLIM_INFINITY)
        return;
    begin = mmap(NULL, size + MEMORY_SLOTS * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED)
        return;
    memory.begin = begin;
    memory.free = (uint32_t *)(void *)(begin + size);
    CRYPTO_set_mem_functions(memory_malloc, memory_realloc, memory_free);
}
