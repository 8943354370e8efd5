/*
 * loop.h - an event loop for one thread.
 *
 * It belongs to the thread that runs it: libevent's own locks are off.
 */
#ifndef STENTOR_BASE_LOOP_H
#define STENTOR_BASE_LOOP_H

#include <event2/event.h>

#include "stentor/base/compiler.h"

/* NULL when memory or descriptors are out; event_base_free is due. */
struct event_base *loop_new(void) MUST_CHECK;

#endif
