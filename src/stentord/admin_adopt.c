/* /adopt: another server, which drains, gives what it keeps of its clients (handover.h). */
#include "admin_endpoint.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin_command.h"
#include "http_response.h"
#include "io_thread.h"
#include "recovery.h"
#include "server.h"
#include "stentor/wire/packarray.h"

enum { ADOPT_MAX_BODY = 64 << 20, ADOPT_ERROR = 128 };

static bool admin_adopt_on_head(struct http_conn *http)
{
    http->msg->limits.body = ADOPT_MAX_BODY;
    return true;
}

/* Takes over each record of the array; false with a sentence when there is a bad one, before which
 * the others have been taken. */
static bool admin_adopt_all(struct io_thread *thread, struct packarray *array, unsigned *adopted,
                            char error[ADOPT_ERROR])
{
    uint8_t pid[SESSION_ID_BYTES];
    struct span packed;
    const char *wrong;

    *adopted = 0;
    while (packarray_next(array, &packed)) {
        struct recovery_record *record =
            recovery_record_unpack(packed, pid, thread->config, &wrong);

        if (record == NULL) {
            snprintf(error, ADOPT_ERROR, "record %u: %s", *adopted, wrong);
            return false;
        }
        recovery_adopt(thread, pid, record);
        ++*adopted;
    }
    snprintf(error, ADOPT_ERROR, "the array is cut off, or there are bytes behind it");
    return packarray_complete(array);
}

static void admin_on_adopt(struct http_conn *http)
{
    struct io_thread *thread = http->conn->thread;
    struct span body = {http->msg->body.data, http->msg->body.len};
    char error[ADOPT_ERROR], answer[64];
    struct packarray array;
    unsigned adopted;
    int len;

    if (!admin_command_allowed(http))
        return;
    if (thread->config->recovery_time == 0) {
        http_respond_error(http, 409, NULL, "no_recovery",
                           "recovery_time is 0 here, so that nothing is kept of clients");
        return;
    }
    if (!packarray_begin(&array, body)) {
        http_respond_error(http, 400, NULL, "bad_msgpack",
                           "the body must be an array of MessagePack");
        return;
    }
    recovery_expect(thread);
    if (!admin_adopt_all(thread, &array, &adopted, error)) {
        http_respond_error(http, 400, NULL, "bad_record", error);
        return;
    }
    len = snprintf(answer, sizeof(answer), "{\"adopted\":%u}\n", adopted);
    http_respond(http, 200, NULL, "application/json", answer, (size_t)len);
}

const struct endpoint admin_adopt_endpoint = {
    .path = "/adopt",
    .admin = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_head = admin_adopt_on_head,
    .on_request = admin_on_adopt,
};
