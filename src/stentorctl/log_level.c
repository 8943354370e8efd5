#include "log_level.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "request.h"

int log_level_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf query = STRBUF_INIT;
    json_t *answer;

    optind = 1;
    if (getopt(argc, argv, "+") != -1 || optind + 1 != argc) {
        fprintf(stderr, "usage: stentorctl " LOG_LEVEL_USAGE "\n");
        return CTL_USAGE;
    }
    request_append_query(&query, "level", argv[optind]);
    answer = request_json(ctl, true, "/log-level", strbuf_cstr(&query));
    strbuf_free(&query);
    json_decref(answer);
    return answer != NULL ? CTL_OK : CTL_FAILED;
}
