#include "kick.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "complain.h"
#include "request.h"

static int kick_report(json_t *answer)
{
    json_int_t kicked = json_integer_value(json_object_get(answer, "kicked"));

    json_decref(answer);
    if (kicked == 0) {
        complain("there is no such client");
        return CTL_FAILED;
    }
    printf("%lld clients were closed\n", (long long)kicked);
    return CTL_OK;
}

int kick_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf query = STRBUF_INIT;
    json_t *answer = NULL;
    bool bad = false;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+r:a:")) != -1) {
        bad = bad || option == '?';
        if (!bad)
            request_append_query(&query, option == 'r' ? "room" : "address", optarg);
    }
    if (optind + 1 == argc)
        request_append_query(&query, "session", argv[optind]);
    if (bad || optind + 1 < argc || argc == 1) {
        fprintf(stderr, "usage: stentorctl " KICK_USAGE "\n");
        strbuf_free(&query);
        return CTL_USAGE;
    }
    answer = request_json(ctl, true, "/kick", strbuf_cstr(&query));
    strbuf_free(&query);
    return answer != NULL ? kick_report(answer) : CTL_FAILED;
}
