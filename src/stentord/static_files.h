/*
 * static_files.h - the files under static_root, read into memory together with the configuration.
 *
 * Immutable after static_files_load, and part of a configuration's snapshot, so any thread may look
 * files up without a lock; a request can name only what was found in the directory, so no path can
 * lead out of it.
 */
#ifndef STENTORD_STATIC_FILES_H
#define STENTORD_STATIC_FILES_H

#include "stentor/base/json.h"
#include "stentor/base/refbuf.h"

struct static_file {
    char *path; /* as in a URL: "/app.js" */
    const char *type;
    char etag[32];
    struct refbuf *content;
};

struct static_files {
    struct static_file *files; /* sorted by path */
    size_t count;
};

/* Reads the directory and those below it; names that begin with a dot are left out. False after a
 * mistake, which `error` tells; what was read until then is still to be freed. */
bool static_files_load(struct static_files *files, const char *root,
                       struct strbuf *error) MUST_CHECK;
void static_files_free(struct static_files *files);

/* The file at a decoded path; "/" and "/a/" stand for the index.html there. NULL: none. */
const struct static_file *static_files_find(const struct static_files *files, struct span path);

#endif
