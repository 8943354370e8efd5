#include "handover.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <msgpack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "peer.h"
#include "server.h"
#include "stentor/base/log.h"

#define HANDOVER_SCHEME "http://"

enum {
    HANDOVER_BODY = 1 << 20, /* bytes of records in one request, beyond which no more are added */
    HANDOVER_TIMEOUT = 5,    /* seconds for each */
};

/* A record on its way from an I/O thread. */
struct handover_parcel {
    struct mail mail;
    struct handover *handover;
    struct strbuf packed;
    STAILQ_ENTRY(handover_parcel) link;
};

/* Does it end with a colon and digits? evutil does not look at what is behind a port. */
static bool handover_ends_with_port(const char *url)
{
    const char *colon = strrchr(url, ':');

    return colon != NULL && colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] == '\0';
}

/* Reads the URL. False when it is none. */
static bool handover_parse(const char *url, struct peer *peer)
{
    struct sockaddr_storage address;
    int len = sizeof(address);

    if (strncmp(url, HANDOVER_SCHEME, strlen(HANDOVER_SCHEME)) != 0 ||
        strlen(url) >= HANDOVER_URL || !handover_ends_with_port(url) ||
        evutil_parse_sockaddr_port(url + strlen(HANDOVER_SCHEME), (struct sockaddr *)&address,
                                   &len) < 0)
        return false;
    peer_read(peer, &address);
    return peer->port != 0;
}

const char *handover_url_error(const char *url)
{
    struct peer peer;

    return handover_parse(url, &peer)
               ? NULL
               : "it must be http://ADDRESS:PORT, an admin listener's, such as "
                 "http://192.0.2.1:8081 or http://[2001:db8::1]:8081";
}

/* --- Its own thread */

static void handover_send(struct handover *handover);

static void handover_parcel_free(struct handover_parcel *parcel)
{
    strbuf_free(&parcel->packed);
    free(parcel);
}

/* The records of the last request have been taken, or have not. */
static void handover_settle(struct handover *handover, bool taken)
{
    if (!taken)
        handover->failed += handover->sent;
    atomic_fetch_sub_explicit(&handover->outstanding, handover->sent, memory_order_relaxed);
    handover->sent = 0;
}

static bool handover_is_taken(const struct handover *handover, struct evhttp_request *request)
{
    int status = request != NULL ? evhttp_request_get_response_code(request) : 0;
    struct evbuffer *body = status != 0 ? evhttp_request_get_input_buffer(request) : NULL;

    if (status == 200)
        return true;
    if (body == NULL)
        log_warning("handover", "the successor %s cannot be reached; its clients begin anew",
                    handover->successor);
    else
        log_warning("handover", "the successor %s answers with %d: %.*s", handover->successor,
                    status, (int)evbuffer_get_length(body),
                    (const char *)evbuffer_pullup(body, -1));
    return false;
}

static void handover_on_answer(struct evhttp_request *request, void *arg)
{
    struct handover *handover = arg;

    OWNER_ASSERT(&handover->stage.owner);
    handover_settle(handover, handover_is_taken(handover, request));
    handover->busy = false;
    if (!STAILQ_EMPTY(&handover->waiting))
        handover_send(handover);
}

/* Puts records into the body of the next request; counts them. */
static void handover_fill(struct handover *handover, struct evbuffer *records)
{
    struct handover_parcel *parcel;

    while ((parcel = STAILQ_FIRST(&handover->waiting)) != NULL &&
           evbuffer_get_length(records) < HANDOVER_BODY) {
        STAILQ_REMOVE_HEAD(&handover->waiting, link);
        evbuffer_add(records, parcel->packed.data, parcel->packed.len);
        handover->sent++;
        handover_parcel_free(parcel);
    }
}

static int handover_write(void *out, const char *data, size_t len)
{
    return evbuffer_add(out, data, len);
}

/* Sends what waits, or an array of nothing. */
static void handover_send(struct handover *handover)
{
    struct evhttp_request *request = evhttp_request_new(handover_on_answer, handover);
    struct evbuffer *records = evbuffer_new();
    msgpack_packer packer;

    if (request == NULL || records == NULL) { /* what waits goes with the next mail */
        if (request != NULL)
            evhttp_request_free(request);
        if (records != NULL)
            evbuffer_free(records);
        return;
    }
    handover_fill(handover, records);
    msgpack_packer_init(&packer, evhttp_request_get_output_buffer(request), handover_write);
    msgpack_pack_array(&packer, handover->sent);
    evbuffer_add_buffer(evhttp_request_get_output_buffer(request), records);
    evbuffer_free(records);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/msgpack");
    evhttp_add_header(evhttp_request_get_output_headers(request), "Host",
                      handover->successor + strlen(HANDOVER_SCHEME));
    handover->busy = true;
    if (evhttp_make_request(handover->http, request, EVHTTP_REQ_POST, "/adopt") < 0) {
        handover->busy = false;
        handover_settle(handover, false);
    }
}

/* The successor is told to expect clients before the first of them can come. */
static void handover_on_start(void *self)
{
    handover_send(self);
}

static void handover_after_mail(void *self)
{
    struct handover *handover = self;

    if (!handover->busy && !STAILQ_EMPTY(&handover->waiting))
        handover_send(handover);
}

static void handover_open_parcel(struct mail *mail, void *self)
{
    struct handover_parcel *parcel = CONTAINER_OF(mail, struct handover_parcel, mail);
    struct handover *handover = self;

    STAILQ_INSERT_TAIL(&handover->waiting, parcel, link);
}

/* --- From an I/O thread */

void handover_give(struct handover *handover, struct io_thread *thread,
                   const uint8_t pid[SESSION_ID_BYTES], struct recovery_record *record)
{
    struct handover_parcel *parcel = calloc(1, sizeof(*parcel));

    if (parcel != NULL)
        recovery_record_pack(&parcel->packed, pid, record, thread->config);
    recovery_record_free(record);
    if (parcel == NULL || parcel->packed.failed) { /* the client begins anew */
        if (parcel != NULL)
            handover_parcel_free(parcel);
        return;
    }
    stats_add(&thread->stats.handed_over, 1);
    atomic_fetch_add_explicit(&handover->outstanding, 1, memory_order_relaxed);
    parcel->mail.open = handover_open_parcel;
    stage_post(&handover->stage, &parcel->mail);
}

/* --- The main thread */

static struct evhttp_connection *handover_connect(const struct handover *handover)
{
    char address[INET6_ADDRSTRLEN];
    struct evhttp_connection *http;
    struct peer peer;

    if (!handover_parse(handover->successor, &peer))
        return NULL;
    evutil_inet_ntop(peer.family, peer.address, address, sizeof(address));
    http = evhttp_connection_base_new(handover->stage.base, NULL, address, peer.port);
    if (http != NULL)
        evhttp_connection_set_timeout(http, HANDOVER_TIMEOUT);
    return http;
}

static void handover_release(struct handover *handover)
{
    if (handover->http != NULL)
        evhttp_connection_free(handover->http);
    stage_destroy(&handover->stage);
}

bool handover_start(struct server *server)
{
    struct handover *handover = &server->handover;

    if (server->config->successor[0] == '\0' ||
        stage_init(&handover->stage, "handover", handover) < 0)
        return false;
    snprintf(handover->successor, sizeof(handover->successor), "%s", server->config->successor);
    STAILQ_INIT(&handover->waiting);
    handover->stage.on_start = handover_on_start;
    handover->stage.after_mail = handover_after_mail;
    handover->http = handover_connect(handover);
    if (handover->http == NULL || stage_start(&handover->stage) < 0) {
        log_error("handover", "there is no memory to hand clients over to %s", handover->successor);
        handover_release(handover);
        return false;
    }
    atomic_store(&handover->active, true);
    return true;
}

void handover_stop(struct handover *handover)
{
    struct handover_parcel *parcel;

    if (!handover_active(handover))
        return;
    stage_stop(&handover->stage);
    stage_join(&handover->stage);
    (void)mailbox_open_all(&handover->stage.mailbox, handover);
    while ((parcel = STAILQ_FIRST(&handover->waiting)) != NULL) {
        STAILQ_REMOVE_HEAD(&handover->waiting, link);
        handover_parcel_free(parcel);
        handover->failed++;
    }
    if (handover->failed + handover->sent > 0)
        log_warning("handover", "%u clients could not be handed over to %s and begin anew",
                    handover->failed + handover->sent, handover->successor);
    handover_release(handover);
    atomic_store(&handover->active, false);
}
