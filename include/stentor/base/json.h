/*
 * json.h - places in JSON text, so that a payload travels as the bytes its publisher wrote.
 *
 * jansson decides whether text is JSON and gives values (json_text_valid, and json_load_text in the
 * modules that need a tree). What it cannot do is to say where in the text a value stands; that is
 * all that is done here. The span functions expect text that jansson accepted.
 *
 * Pure functions; any thread.
 */
#ifndef STENTOR_BASE_JSON_H
#define STENTOR_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

struct json_t; /* jansson's */

struct span {
    const char *ptr;
    size_t len;
};

enum { JSON_MAX_ERROR = 128 };

/* Flags for jansson under which any JSON value passes that a browser would accept: scalars at the
 * top, NUL characters in strings, integers of any size. */
size_t json_load_flags(void);

/* The text as jansson's tree, with those flags; NULL when it is not JSON, or when memory is out.
 * Text from the network is loaded by this and not by json_loadb, which lets NUL characters pass. */
struct json_t *json_load_text(const char *text, size_t len) MUST_CHECK;

/* Is it one JSON value in valid UTF-8, and nothing else? On false `error` says where and why. */
bool json_text_valid(const char *text, size_t len, char error[JSON_MAX_ERROR]) MUST_CHECK;

/* The text without white space around it. */
struct span json_trim(struct span text);

/* Walks over the elements of an array: the first call with `*pos` = 0. False at its end. */
bool json_array_next(struct span array, size_t *pos, struct span *element);

/* Walks over the members of an object in the same way; `name` is raw text, quotes included. */
bool json_object_next(struct span object, size_t *pos, struct span *name, struct span *value);

/* The value of the last member `name` (plain ASCII) of the object `object`; false without one. */
bool json_object_find(struct span object, const char *name, struct span *value);

/* Appends `text` as a JSON string, quoted and escaped. `text` must be UTF-8. */
void json_append_string(struct strbuf *out, const char *text, size_t len);

#endif
