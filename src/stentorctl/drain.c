#include "drain.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "request.h"

static bool drain_print_answer(const struct ctl *ctl, const struct strbuf *body)
{
    json_t *answer = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    json_t *clients = json_object_get(answer, "clients");
    json_t *seconds = json_object_get(answer, "seconds");
    bool ok = json_is_integer(clients) && json_is_integer(seconds);

    if (ok)
        printf("%lld clients leave within %lld seconds; then the server ends\n",
               (long long)json_integer_value(clients), (long long)json_integer_value(seconds));
    else
        complain("%s/drain: the answer is not understood; is it a stentord that answers there?",
                 ctl->target.name);
    json_decref(answer);
    return ok;
}

int drain_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf nothing = STRBUF_INIT, body = STRBUF_INIT, query = STRBUF_INIT;
    bool bad = false, ok;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+t:")) != -1) {
        bad = bad || option != 't' || strspn(optarg, "0123456789") != strlen(optarg);
        strbuf_clear(&query);
        if (!bad)
            strbuf_printf(&query, "seconds=%s", optarg);
    }
    if (bad || optind < argc) {
        fprintf(stderr, "usage: stentorctl " DRAIN_USAGE "\n");
        strbuf_free(&query);
        return CTL_USAGE;
    }
    ok = request_post(ctl, "/drain", query.len > 0 ? strbuf_cstr(&query) : NULL, &nothing, &body) &&
         drain_print_answer(ctl, &body);
    strbuf_free(&query);
    strbuf_free(&body);
    return ok ? CTL_OK : CTL_FAILED;
}
