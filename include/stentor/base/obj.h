/*
 * obj.h - magic numbers: each heap object says what it is, and callbacks verify it.
 *
 * A struct that is passed through a void pointer begins with `unsigned magic;` and its module
 * defines NAME_MAGIC, unique in the project (a lint test checks that). The checks stay in release
 * builds: one comparison of a cache line that is about to be used anyway.
 *
 * No data of its own; any thread.
 */
#ifndef STENTOR_BASE_OBJ_H
#define STENTOR_BASE_OBJ_H

#include "stentor/base/compiler.h"

/* Ends the process with the place of the contradiction; for what cannot happen. */
NORETURN void obj_panic(const char *file, int line, const char *what);

#define OBJ_INIT(obj, value) ((obj)->magic = (value))

#define OBJ_CHECK(obj, value)                                                                      \
    do {                                                                                           \
        if (UNLIKELY((obj) == NULL || (obj)->magic != (value)))                                    \
            obj_panic(__FILE__, __LINE__, #obj " is not a " #value);                               \
    } while (0)

/* `to` = `from`, a void pointer, which must be an object of that magic. */
#define OBJ_CAST(to, from, value)                                                                  \
    do {                                                                                           \
        (to) = (from);                                                                             \
        OBJ_CHECK(to, value);                                                                      \
    } while (0)

/* Makes a later use of freed memory visible. */
#define OBJ_CLEAR(obj) ((obj)->magic = 0)

/* Checked in release builds as well: for what would corrupt data if it were wrong. */
#define ENSURE(cond)                                                                               \
    do {                                                                                           \
        if (UNLIKELY(!(cond)))                                                                     \
            obj_panic(__FILE__, __LINE__, #cond);                                                  \
    } while (0)

#endif
