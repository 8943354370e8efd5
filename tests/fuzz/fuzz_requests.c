/*
 * Requests of every kind: bytes on connections of one I/O thread without a thread.
 *
 * The input is cut at NUL bytes; the pieces go to three connections in turn. "$ID" stands for the
 * id of a session that polls, so that the way behind its lookup is found. A message is published in
 * the middle. Whatever came: the thread is empty at the end.
 */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../../src/stentord/engine_polling.h"
#include "../../src/stentord/http_conn.h"
#include "../../src/stentord/opening.h"
#include "../../src/stentord/socketio_client.h"
#include "../unit/delivery_fixture.h"
#include "stentor/base/log.h"

enum { CONNECTIONS = 3 };

static const char options[] =
    "conformance = true; eio3 = true; recovery_time = 60; echo = true; sticky_cookie = \"io\";"
    "cors_origins = ( \"http://a\", \"http://b\" ); cors_credentials = true;"
    "journal = { messages = 10; };";

static struct fixture fixture;

/* The fixture's clients: what they do not read is thrown away by their end. */
static int connection_open(void)
{
    struct accepted_conn accepted = {.peer = {.family = AF_UNIX}};
    int fds[2];

    FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    accepted.fd = fds[0];
    opening_accept(&fixture.thread, &accepted);
    return fds[1];
}

static void connection_drain(int fd)
{
    static char buffer[65536];

    while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
        ;
}

/* A session that polls; writes its id. */
static void session_open(char id[SESSION_ID_TEXT])
{
    struct engine *engine =
        engine_new(&fixture.thread, &socketio_client_app, ENGINE_IO_PROTOCOL, false);

    FUZZ_REQUIRE(engine != NULL);
    engine_start_timer(engine);
    session_id_text(engine->session->id, id);
}

/* The piece with "$ID" replaced. */
static void piece_expand(struct strbuf *out, const char *data, size_t len, const char *id)
{
    strbuf_clear(out);
    for (size_t i = 0; i < len; i++) {
        if (len - i >= 3 && memcmp(data + i, "$ID", 3) == 0) {
            strbuf_append_str(out, id);
            i += 2;
        } else {
            strbuf_append_char(out, data[i]);
        }
    }
}

static void send_pieces(int *fds, const char *data, size_t size, const char *id)
{
    struct strbuf piece = STRBUF_INIT;
    unsigned turn = 0;

    for (size_t at = 0; at < size; turn++) {
        const char *end = memchr(data + at, '\0', size - at);
        size_t len = end != NULL ? (size_t)(end - data) - at : size - at;

        piece_expand(&piece, data + at, len, id);
        if (piece.len > 0 && send(fds[turn % CONNECTIONS], piece.data, piece.len, MSG_NOSIGNAL) < 0)
            break; /* the server has closed it */
        fixture_run(&fixture);
        if (turn == CONNECTIONS)
            fixture_publish(&fixture, NULL);
        connection_drain(fds[turn % CONNECTIONS]);
        at += len + 1;
    }
    strbuf_free(&piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[SESSION_ID_TEXT];
    int fds[CONNECTIONS];

    if (fixture.server.config == NULL) {
        log_open("fuzz", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
        fixture_open(&fixture, options);
        numbering_init(&fixture.server.numbering, fixture.head);
    }
    session_open(id);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        fds[i] = connection_open();
    send_pieces(fds, (const char *)data, size, id);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    fixture_run(&fixture);
    /* Connections that wait for their peer's end have seen it; the rest is closed now. */
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&fixture.thread.conns)) != NULL)
        conn_close(conn, CLOSE_PEER);
    engine_close_all(&fixture.thread);
    fixture_run(&fixture);
    FUZZ_REQUIRE(TAILQ_EMPTY(&fixture.thread.dead) && TAILQ_EMPTY(&fixture.thread.dead_engines));
    FUZZ_REQUIRE(stats_get(&fixture.thread.stats.memberships) == 0);
    FUZZ_REQUIRE(stats_get(&fixture.thread.stats.connections) == 0);
    FUZZ_REQUIRE(stats_get(&fixture.thread.stats.clients_socketio) == 0);
    return 0;
}
