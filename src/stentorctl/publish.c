#include "publish.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "request.h"
#include "stentor/base/clock.h"
#include "stentor/base/json.h"
#include "stentor/base/seq.h"
#include "stentor/base/utf8.h"

/* The envelope that grows while the options are read. */
struct publish {
    const char *namespace;
    const char *key;
    const char *to;       /* one session's id; NULL: everyone, or the rooms */
    uint64_t seq;         /* the message's number; 0: the server gives it */
    struct strbuf rooms;  /* elements of a JSON array */
    struct strbuf except; /* likewise */
    struct strbuf input;  /* standard input, when it is the data */
    struct span data;
};

static bool publish_check_text(const char *what, const char *text)
{
    if (utf8_valid(text, strlen(text)))
        return true;
    complain("%s is not valid UTF-8", what);
    return false;
}

static void publish_append_string(struct strbuf *out, const char *text)
{
    json_append_string(out, text, strlen(text));
}

static void publish_append_element(struct strbuf *out, const char *text)
{
    if (out->len > 0)
        strbuf_append_char(out, ',');
    publish_append_string(out, text);
}

/* A number of microseconds since 1970, or "now": this one. */
static bool publish_take_seq(struct publish *publish, const char *value)
{
    if (strcmp(value, "now") == 0) {
        publish->seq = clock_wall_us();
        return true;
    }
    if (seq_parse((struct span){value, strlen(value)}, &publish->seq) && publish->seq > 0)
        return true;
    complain("-q takes a number of microseconds since 1970, or \"now\"");
    return false;
}

static bool publish_take_option(struct publish *publish, int option, const char *value)
{
    switch (option) {
    case 'n':
        publish->namespace = value;
        break;
    case 'K':
        publish->key = value;
        break;
    case 't':
        publish->to = value;
        break;
    case 'q':
        return publish_take_seq(publish, value);
    case 'r':
        publish_append_element(&publish->rooms, value);
        break;
    case 'x':
        publish_append_element(&publish->except, value);
        break;
    default:
        return false;
    }
    return publish_check_text("an option's value", value);
}

/* One session is in no room, and has no message but this to conflate it with. */
static bool publish_check_to(const struct publish *publish)
{
    if (publish->to == NULL || (publish->rooms.len == 0 && publish->except.len == 0 &&
                                publish->key == NULL && publish->seq == 0))
        return true;
    complain("with --to the message is for one session: leave out -r, -x, -K and -q");
    return false;
}

static bool publish_read_options(struct publish *publish, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"to", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "+n:q:r:x:K:t:", long_options, NULL)) != -1)
        if (!publish_take_option(publish, option, optarg))
            return false;
    if (optind == argc || argc - optind > 2) {
        complain(optind == argc ? "publish needs the name of an event"
                                : "publish takes an EVENT and one DATA: quote DATA for the shell");
        return false;
    }
    return publish_check_to(publish) && publish_check_text("EVENT", argv[optind]);
}

static bool publish_read_input(struct publish *publish)
{
    char buf[16384];
    size_t n;

    while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0)
        strbuf_append(&publish->input, buf, n);
    if (ferror(stdin)) {
        complain("cannot read standard input: %s", strerror(errno));
        return false;
    }
    publish->data = (struct span){publish->input.data, publish->input.len};
    if (publish->input.failed)
        complain_no_memory();
    else if (publish->input.len == 0)
        complain("standard input is empty; for no data leave DATA away");
    return !publish->input.failed && publish->input.len > 0;
}

/* Does it look as if the user meant a text, and forgot that JSON quotes it? */
static bool publish_looks_bare(struct span data)
{
    return data.len == 0 || strchr("{[\"-0123456789", data.ptr[0]) == NULL;
}

static bool publish_check_data(struct span data)
{
    char error[JSON_MAX_ERROR];
    struct span trimmed = json_trim(data);

    if (json_text_valid(data.ptr, data.len, error))
        return true;
    if (publish_looks_bare(trimmed))
        complain("DATA must be JSON; for a text write '\"%.*s\"'",
                 trimmed.len > 0 && trimmed.len <= 40 ? (int)trimmed.len : 5,
                 trimmed.len > 0 && trimmed.len <= 40 ? trimmed.ptr : "hello");
    else
        complain("DATA must be JSON: %s", error);
    return false;
}

static void publish_append_envelope(const struct publish *publish, const char *event,
                                    struct strbuf *out)
{
    strbuf_append_str(out, "{\"event\":");
    publish_append_string(out, event);
    if (publish->namespace != NULL) {
        strbuf_append_str(out, ",\"namespace\":");
        publish_append_string(out, publish->namespace);
    }
    if (publish->to != NULL) {
        strbuf_append_str(out, ",\"to\":");
        publish_append_string(out, publish->to);
    }
    if (publish->rooms.len > 0) {
        strbuf_append_str(out, ",\"rooms\":[");
        strbuf_append(out, publish->rooms.data, publish->rooms.len);
        strbuf_append_char(out, ']');
    }
    if (publish->except.len > 0) {
        strbuf_append_str(out, ",\"except\":[");
        strbuf_append(out, publish->except.data, publish->except.len);
        strbuf_append_char(out, ']');
    }
    if (publish->key != NULL) {
        strbuf_append_str(out, ",\"key\":");
        publish_append_string(out, publish->key);
    }
    if (publish->seq > 0)
        strbuf_printf(out, ",\"seq\":%" PRIu64, publish->seq);
    strbuf_append_str(out, ",\"data\":");
    strbuf_append(out, publish->data.ptr, publish->data.len);
    strbuf_append_char(out, '}');
}

static int publish_send(const struct ctl *ctl, const struct publish *publish, const char *event)
{
    struct strbuf envelope = STRBUF_INIT, answer = STRBUF_INIT;
    int result = CTL_FAILED;

    publish_append_envelope(publish, event, &envelope);
    if (envelope.failed || publish->rooms.failed || publish->except.failed) {
        complain_no_memory();
    } else if (request_post(ctl, "/publish", NULL, &envelope, &answer)) {
        struct span text = json_trim((struct span){answer.data, answer.len});

        printf("%.*s\n", (int)text.len, text.ptr != NULL ? text.ptr : "");
        result = CTL_OK;
    }
    strbuf_free(&envelope);
    strbuf_free(&answer);
    return result;
}

int publish_run(const struct ctl *ctl, int argc, char **argv)
{
    struct publish publish = {.data = {"null", 4}};
    int result = CTL_USAGE;

    if (publish_read_options(&publish, argc, argv)) {
        const char *event = argv[optind];
        const char *data = argv[optind + 1]; /* NULL at argv's end */
        bool from_stdin = data != NULL && strcmp(data, "-") == 0;

        if (data != NULL)
            publish.data = (struct span){data, strlen(data)};
        if (from_stdin && !publish_read_input(&publish))
            result = CTL_FAILED;
        else if (publish_check_data(publish.data))
            result = publish_send(ctl, &publish, event);
        else
            result = from_stdin ? CTL_FAILED : CTL_USAGE;
    } else {
        fprintf(stderr, "usage: stentorctl " PUBLISH_USAGE "\n");
    }
    strbuf_free(&publish.rooms);
    strbuf_free(&publish.except);
    strbuf_free(&publish.input);
    return result;
}
