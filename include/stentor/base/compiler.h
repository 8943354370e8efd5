/*
 * compiler.h - the few compiler features that the project relies on, under readable names.
 *
 * No data, no functions: any thread, any module.
 */
#ifndef STENTOR_BASE_COMPILER_H
#define STENTOR_BASE_COMPILER_H

#include <stddef.h>

/* A result that the caller must look at. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Argument `fmt` is a printf format for the arguments from `first` on. */
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define NORETURN __attribute__((noreturn))

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object of which `ptr` is the member `member`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
