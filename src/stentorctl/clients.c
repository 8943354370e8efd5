#include "clients.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "request.h"

/* Names of rooms were chosen by clients, and go to a terminal. */
static void clients_print_rooms(const json_t *rooms)
{
    const json_t *room;
    size_t i;

    json_array_foreach(rooms, i, room)
    {
        fputs(i > 0 ? "," : "", stdout);
        for (const char *c = json_string_value(room); c != NULL && *c != '\0'; c++)
            putchar((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    }
}

static void clients_print(const json_t *answer)
{
    const json_t *client;
    size_t i;

    json_array_foreach(json_object_get(answer, "clients"), i, client)
    {
        printf("%-22s  %-24s  %-22s  %-13s  ",
               json_string_value(json_object_get(client, "session")),
               json_string_value(json_object_get(client, "address")),
               json_string_value(json_object_get(client, "transport")),
               json_string_value(json_object_get(client, "state")));
        clients_print_rooms(json_object_get(client, "rooms"));
        putchar('\n');
    }
}

int clients_run(const struct ctl *ctl, int argc, char **argv)
{
    struct strbuf query = STRBUF_INIT;
    bool raw = false, bad = false;
    json_t *answer = NULL;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+jl:r:a:")) != -1) {
        if (option == 'l' || option == 'r' || option == 'a')
            request_append_query(&query,
                                 option == 'l'   ? "limit"
                                 : option == 'r' ? "room"
                                                 : "address",
                                 optarg);
        raw = raw || option == 'j';
        bad = bad || option == '?';
    }
    if (bad || optind < argc) {
        fprintf(stderr, "usage: stentorctl " CLIENTS_USAGE "\n");
        strbuf_free(&query);
        return CTL_USAGE;
    }
    answer = request_json(ctl, false, "/clients", strbuf_cstr(&query));
    if (answer != NULL && raw) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (answer != NULL) {
        clients_print(answer);
    }
    strbuf_free(&query);
    json_decref(answer);
    return answer != NULL ? CTL_OK : CTL_FAILED;
}
