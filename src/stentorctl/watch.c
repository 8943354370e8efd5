#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "session.h"
#include "stentor/base/clock.h"
#include "stentor/base/json.h"
#include "stentor/base/seq.h"
#include "stentor/wire/native.h"
#include "upgrade.h"
#include "watch_line.h"

struct watch {
    const struct ctl *ctl;
    bool pretty;
    struct strbuf query;
    struct strbuf line;
};

static bool watch_append_query(struct strbuf *query, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);

    if (escaped == NULL)
        return false;
    strbuf_printf(query, "%s%s=%s", query->len > 0 ? "&" : "", name, escaped);
    curl_free(escaped);
    return !query->failed;
}

static bool watch_check_since(const char *text)
{
    uint64_t seq;

    if (seq_parse((struct span){text, strlen(text)}, &seq))
        return true;
    complain("-S %s: SINCE is the seq of a message, or 0 for all that the server still has", text);
    return false;
}

static bool watch_read_options(struct watch *watch, int argc, char **argv)
{
    int option;
    bool ok = true;

    optind = 1;
    while (ok && (option = getopt(argc, argv, "+pn:r:S:")) != -1) {
        switch (option) {
        case 'p':
            watch->pretty = true;
            break;
        case 'n':
            ok = watch_append_query(&watch->query, "namespace", optarg);
            break;
        case 'r':
            ok = watch_append_query(&watch->query, "room", optarg);
            break;
        case 'S':
            ok = watch_check_since(optarg) && watch_append_query(&watch->query, "since", optarg);
            break;
        default:
            ok = false;
        }
    }
    return ok && optind == argc;
}

static bool watch_type_is(struct span message, const char *quoted_type)
{
    struct span type;

    return json_object_find(message, "type", &type) && type.len == strlen(quoted_type) &&
           memcmp(type.ptr, quoted_type, type.len) == 0;
}

static bool watch_print(struct watch *watch, struct span message)
{
    strbuf_clear(&watch->line);
    if (watch->pretty)
        watch_line_append_pretty(&watch->line, message, clock_wall_us());
    else
        watch_line_append_json(&watch->line, message);
    if (watch->line.failed) {
        complain_no_memory();
        return false;
    }
    fwrite(watch->line.data, 1, watch->line.len, stdout);
    return true; /* watch_on_pause looks at stdout's state */
}

static bool watch_on_text(void *arg, const char *text, size_t len)
{
    struct watch *watch = arg;
    struct span message = {text, len}, value;
    char error[JSON_MAX_ERROR];

    if (!json_text_valid(text, len, error) || json_trim(message).ptr[0] != '{') {
        complain("%s: a message is not a JSON object; is it a stentord that answers there?",
                 watch->ctl->target.name);
        return false;
    }
    if (watch_type_is(message, "\"hello\"")) {
        bool found = json_object_find(message, "seq", &value);

        complain("watching %s, from seq %.*s on", watch->ctl->target.name,
                 found ? (int)value.len : 1, found ? value.ptr : "?");
        return true;
    }
    if (watch_type_is(message, "\"message\"") || watch_type_is(message, "\"gap\""))
        return watch_print(watch, message);
    if (watch_type_is(message, "\"error\"") && json_object_find(message, "message", &value))
        complain("%s: %.*s", watch->ctl->target.name, (int)value.len, value.ptr);
    return true;
}

static bool watch_on_pause(void *arg)
{
    (void)arg;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    complain("cannot write: %s", strerror(errno));
    return false;
}

static int watch_connected(struct watch *watch)
{
    const struct session_handler handler = {watch_on_text, watch_on_pause, watch};
    const char *query = watch->query.len > 0 ? strbuf_cstr(&watch->query) : NULL;
    struct upgrade upgrade;
    int result = CTL_FAILED;

    if (upgrade_open(&upgrade, watch->ctl, "/ws", query, NATIVE_SUBPROTOCOL))
        result = session_run(&upgrade, watch->ctl->target.name, &handler);
    upgrade_close(&upgrade);
    return result;
}

int watch_run(const struct ctl *ctl, int argc, char **argv)
{
    struct watch watch = {.ctl = ctl};
    int result = CTL_USAGE;

    if (watch_read_options(&watch, argc, argv))
        result = watch_connected(&watch);
    else
        fprintf(stderr, "usage: stentorctl " WATCH_USAGE "\n");
    strbuf_free(&watch.query);
    strbuf_free(&watch.line);
    return result;
}
