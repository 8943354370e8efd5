#include "payloads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"

void payloads_init(struct payloads *payloads, size_t size)
{
    memset(payloads, 0, sizeof(*payloads));
    payloads->size = size;
}

void payloads_free(struct payloads *payloads)
{
    strbuf_free(&payloads->text);
    free(payloads->lines);
    payloads->lines = NULL;
    payloads->count = 0;
}

static size_t payloads_count_lines(struct span text)
{
    size_t count = 1;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

/* Empty lines count for nothing. */
static bool payloads_split(struct payloads *payloads, char error[PAYLOADS_MAX_ERROR])
{
    struct span text = {payloads->text.data, payloads->text.len};
    char reason[JSON_MAX_ERROR];
    size_t number = 0;

    payloads->lines = calloc(payloads_count_lines(text), sizeof(*payloads->lines));
    if (payloads->lines == NULL)
        return false;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        struct span line = json_trim((struct span){text.ptr, len});

        number++;
        text.ptr += len + (end != NULL);
        text.len -= len + (end != NULL);
        if (line.len == 0)
            continue;
        if (!json_text_valid(line.ptr, line.len, reason)) {
            snprintf(error, PAYLOADS_MAX_ERROR, "line %zu is not JSON: %s", number, reason);
            return false;
        }
        payloads->lines[payloads->count++] = line;
    }
    snprintf(error, PAYLOADS_MAX_ERROR, "there is nothing in it");
    return payloads->count > 0;
}

bool payloads_take(struct payloads *payloads, struct span text, char error[PAYLOADS_MAX_ERROR])
{
    snprintf(error, PAYLOADS_MAX_ERROR, "out of memory");
    strbuf_append(&payloads->text, text.ptr, text.len);
    return !payloads->text.failed && payloads_split(payloads, error);
}

bool payloads_load(struct payloads *payloads, const char *file, char error[PAYLOADS_MAX_ERROR])
{
    FILE *stream = fopen(file, "re");
    char data[65536];
    size_t n;

    if (stream == NULL) {
        snprintf(error, PAYLOADS_MAX_ERROR, "%s", strerror(errno));
        return false;
    }
    while ((n = fread(data, 1, sizeof(data), stream)) > 0)
        strbuf_append(&payloads->text, data, n);
    snprintf(error, PAYLOADS_MAX_ERROR, "it cannot be read");
    n = (size_t)ferror(stream);
    fclose(stream);
    return n == 0 && !payloads->text.failed && payloads_split(payloads, error);
}

void payloads_append(const struct payloads *payloads, struct strbuf *out, uint64_t n, uint64_t t)
{
    if (payloads->count == 0)
        payload_append(out, n, t, payloads->size);
    else
        payload_wrap(out, n, t, payloads->lines[n % payloads->count]);
}
