#include "rooms.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "request.h"

static void rooms_print(const json_t *answer)
{
    const json_t *room;
    size_t i;

    json_array_foreach(json_object_get(answer, "rooms"), i, room)
    {
        const char *name = json_string_value(json_object_get(room, "room"));

        printf("%10lld  %s  %s\n", (long long)json_integer_value(json_object_get(room, "members")),
               json_string_value(json_object_get(room, "namespace")),
               name != NULL ? name : "(everyone)");
    }
}

int rooms_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf query = STRBUF_INIT;
    bool raw = false, bad = false;
    json_t *answer = NULL;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+jl:")) != -1) {
        if (option == 'l')
            request_append_query(&query, "limit", optarg);
        raw = raw || option == 'j';
        bad = bad || option == '?';
    }
    if (bad || optind < argc) {
        fprintf(stderr, "usage: stentorctl " ROOMS_USAGE "\n");
        strbuf_free(&query);
        return CTL_USAGE;
    }
    answer = request_json(ctl, false, "/rooms", strbuf_cstr(&query));
    if (answer != NULL && raw) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (answer != NULL) {
        rooms_print(answer);
    }
    strbuf_free(&query);
    json_decref(answer);
    return answer != NULL ? CTL_OK : CTL_FAILED;
}
