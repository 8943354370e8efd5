#include "reload.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "complain.h"
#include "request.h"

static size_t reload_print(const json_t *lines)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
        puts(json_string_value(line) != NULL ? json_string_value(line) : "");
    return json_array_size(lines);
}

static bool reload_print_answer(const struct ctl *ctl, const struct strbuf *body)
{
    json_t *answer = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    bool ok = json_is_object(answer);

    if (!ok)
        complain("%s/reload: the answer is not a JSON object; is it a stentord that answers there?",
                 ctl->target.name);
    else if (reload_print(json_object_get(answer, "changed")) +
                 reload_print(json_object_get(answer, "kept")) ==
             0)
        puts("nothing has changed in the options; files that they name have been read again");
    json_decref(answer);
    return ok;
}

int reload_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf nothing = STRBUF_INIT, body = STRBUF_INIT;
    bool ok;

    optind = 1;
    if (getopt(argc, argv, "+") != -1 || optind < argc) {
        fprintf(stderr, "usage: stentorctl " RELOAD_USAGE "\n");
        return CTL_USAGE;
    }
    ok = request_post(ctl, "/reload", NULL, &nothing, &body) && reload_print_answer(ctl, &body);
    strbuf_free(&body);
    return ok ? CTL_OK : CTL_FAILED;
}
