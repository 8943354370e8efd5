/*
 * owner.h - thread affinity that is asserted, not hoped for.
 *
 * Data that belongs to one thread carries a `struct owner`; the functions that touch it begin
 * with OWNER_ASSERT. In release builds (NDEBUG) the assertion costs nothing.
 */
#ifndef STENTOR_BASE_OWNER_H
#define STENTOR_BASE_OWNER_H

#include <assert.h>
#include <pthread.h>

struct owner {
    pthread_t thread;
};

/* Makes the calling thread the owner. */
static inline void owner_take(struct owner *owner)
{
    owner->thread = pthread_self();
}

static inline int owner_is_self(const struct owner *owner)
{
    return pthread_equal(owner->thread, pthread_self());
}

#define OWNER_ASSERT(owner) assert(owner_is_self(owner))

#endif
