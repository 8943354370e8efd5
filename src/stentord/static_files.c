#include "static_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stentor/base/crypto.h"

enum { STATIC_MAX_BYTES = 64 << 20 };

static const char *static_type(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot != NULL && i < ARRAY_LEN(types); i++)
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static struct refbuf *static_read(const char *path, size_t size)
{
    struct refbuf *content = refbuf_new(size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;

    while (content != NULL && fd >= 0 && done < size) {
        ssize_t n = read(fd, content->data + done, size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (fd < 0 || done < size)
        refbuf_unref(&content);
    return content;
}

static void static_make_etag(struct static_file *file)
{
    uint8_t digest[CRYPTO_SHA1_LEN];
    char text[17];

    crypto_sha1(file->content->data, file->content->len, digest);
    crypto_base64url(text, digest, 12);
    snprintf(file->etag, sizeof(file->etag), "\"%.16s\"", text);
}

static bool static_add(struct static_files *files, const char *path, const char *url, size_t size,
                       struct strbuf *error)
{
    struct static_file *grown = realloc(files->files, (files->count + 1) * sizeof(*grown));
    struct static_file *file;

    if (grown == NULL)
        return false;
    files->files = grown;
    file = &grown[files->count];
    *file = (struct static_file){
        .path = strdup(url),
        .type = static_type(url),
        .content = static_read(path, size),
    };
    if (file->path == NULL || file->content == NULL) {
        strbuf_printf(error, "%s cannot be read: %s", path, strerror(errno));
        free(file->path);
        refbuf_unref(&file->content);
        return false;
    }
    static_make_etag(file);
    files->count++;
    return true;
}

static int static_compare(const void *a, const void *b)
{
    return strcmp(((const struct static_file *)a)->path, ((const struct static_file *)b)->path);
}

static bool static_walk(struct static_files *files, FTS *walk, size_t root_len,
                        struct strbuf *error)
{
    size_t total = 0;
    FTSENT *entry;

    while ((entry = fts_read(walk)) != NULL) {
        if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
            fts_set(walk, entry, FTS_SKIP);
            continue;
        }
        if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR) {
            strbuf_printf(error, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
            return false;
        }
        if (entry->fts_info != FTS_F)
            continue;
        size_t size = (size_t)entry->fts_statp->st_size;
        total += size;
        if (total > STATIC_MAX_BYTES) {
            strbuf_append_str(error, "it holds more than 64 MiB; serve it elsewhere");
            return false;
        }
        if (!static_add(files, entry->fts_path, entry->fts_path + root_len, size, error))
            return false;
    }
    return true;
}

bool static_files_load(struct static_files *files, const char *root, struct strbuf *error)
{
    size_t len = strlen(root);
    char *path = strdup(root);
    char *paths[2] = {path, NULL};
    bool done = false;
    FTS *walk;

    *files = (struct static_files){NULL, 0};
    if (path == NULL)
        return false;
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    walk = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (walk != NULL) {
        done = static_walk(files, walk, len, error);
        fts_close(walk);
    }
    free(path);
    if (files->count > 0)
        qsort(files->files, files->count, sizeof(*files->files), static_compare);
    return done;
}

void static_files_free(struct static_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        refbuf_unref(&files->files[i].content);
    }
    free(files->files);
}

const struct static_file *static_files_find(const struct static_files *files, struct span path)
{
    char name[1024];

    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
        return NULL;
    int n = snprintf(name, sizeof(name), "%.*s%s", (int)path.len, path.ptr,
                     path.ptr[path.len - 1] == '/' ? "index.html" : "");
    struct static_file wanted = {.path = name};

    if (n < 0 || (size_t)n >= sizeof(name) || files->count == 0)
        return NULL;
    return bsearch(&wanted, files->files, files->count, sizeof(*files->files), static_compare);
}
