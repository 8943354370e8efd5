#include "status.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "complain.h"
#include "request.h"
#include "status_text.h"
#include "stentor/base/json.h"

static bool status_print_text(const struct ctl *ctl, const struct strbuf *body)
{
    json_t *status = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    struct strbuf text = STRBUF_INIT;
    bool ok = json_is_object(status);

    if (ok) {
        status_text_append(&text, status);
        fputs(strbuf_cstr(&text), stdout);
    } else {
        complain("%s/status: the answer is not a JSON object; is it a stentord that answers there?",
                 ctl->target.name);
    }
    strbuf_free(&text);
    json_decref(status);
    return ok;
}

static void status_print_raw(const struct strbuf *body)
{
    struct span text = json_trim((struct span){body->data, body->len});

    printf("%.*s\n", (int)text.len, text.len > 0 ? text.ptr : "");
}

int status_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf body = STRBUF_INIT;
    bool raw = false, bad = false, ok;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+j")) != -1) {
        raw = raw || option == 'j';
        bad = bad || option != 'j';
    }
    if (bad || optind < argc) {
        fprintf(stderr, "usage: stentorctl " STATUS_USAGE "\n");
        return CTL_USAGE;
    }
    ok = request_get(ctl, "/status", NULL, &body);
    if (ok && raw)
        status_print_raw(&body);
    else if (ok)
        ok = status_print_text(ctl, &body);
    strbuf_free(&body);
    return ok ? CTL_OK : CTL_FAILED;
}
