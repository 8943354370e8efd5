#include "watch_line.h"

#include <string.h>
#include <time.h>

static void watch_line_append_flat(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        strbuf_append_char(out, c == '\n' || c == '\r' ? ' ' : c);
    }
}

void watch_line_append_json(struct strbuf *out, struct span message)
{
    watch_line_append_flat(out, json_trim(message));
    strbuf_append_char(out, '\n');
}

static void watch_line_append_time(struct strbuf *out, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm local;

    localtime_r(&seconds, &local);
    strbuf_printf(out, "%02d:%02d:%02d.%03u ", local.tm_hour, local.tm_min, local.tm_sec,
                  (unsigned)(time_us / 1000 % 1000));
}

/* Can the JSON string stand there without its quotes, and still be one word that means itself? */
static bool watch_line_plain(struct span string)
{
    if (string.len < 3 || string.ptr[0] != '"')
        return false;
    for (size_t i = 1; i + 1 < string.len; i++)
        if (memchr("\\ ,", string.ptr[i], 3) != NULL)
            return false;
    return true;
}

static void watch_line_append_word(struct strbuf *out, struct span value)
{
    if (watch_line_plain(value))
        strbuf_append(out, value.ptr + 1, value.len - 2);
    else
        watch_line_append_flat(out, value);
}

/* A room, several rooms with commas between them, or "*" for everyone. */
static void watch_line_append_room(struct strbuf *out, struct span message)
{
    struct span room, element;
    size_t pos = 0;

    if (!json_object_find(message, "room", &room) || room.ptr[0] == 'n') {
        strbuf_append_char(out, '*');
    } else if (room.ptr[0] == '[') {
        while (json_array_next(room, &pos, &element)) {
            if (out->len > 0 && out->data[out->len - 1] != ' ')
                strbuf_append_char(out, ',');
            watch_line_append_word(out, element);
        }
    } else {
        watch_line_append_word(out, room);
    }
    strbuf_append_char(out, ' ');
}

static void watch_line_append_gap(struct strbuf *out, struct span from, struct span to)
{
    strbuf_append_str(out, "(gap) messages ");
    strbuf_append(out, from.ptr, from.len);
    strbuf_append_str(out, " to ");
    strbuf_append(out, to.ptr, to.len);
    strbuf_append_str(out, " will not come\n");
}

void watch_line_append_pretty(struct strbuf *out, struct span message, uint64_t time_us)
{
    struct span value, to;

    watch_line_append_time(out, time_us);
    watch_line_append_room(out, message);
    if (json_object_find(message, "from", &value) && json_object_find(message, "to", &to)) {
        watch_line_append_gap(out, value, to);
        return;
    }
    if (json_object_find(message, "event", &value))
        watch_line_append_word(out, value);
    strbuf_append_char(out, ' ');
    if (json_object_find(message, "data", &value) || json_object_find(message, "args", &value))
        watch_line_append_flat(out, value);
    strbuf_append_char(out, '\n');
}
