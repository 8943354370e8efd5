#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "complain.h"
#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/wire/websocket.h"

enum {
    SESSION_PING_AFTER_MS = 60000, /* of silence; the server pings more often by default */
    SESSION_LOST_AFTER_MS = 80000,
    SESSION_CLOSE_MS = 2000, /* how long the server's answer to a close frame is waited for */
    SESSION_READ_SIZE = 65536,
    SESSION_MAX_MESSAGE = 256 << 20,
    SESSION_STOPPED = 1, /* ws_reader_feed: by us, not a close code */
};

enum session_state {
    SESSION_OPEN,
    SESSION_CLOSING, /* our close frame is out, the server's is awaited */
    SESSION_OVER,
};

struct session {
    struct upgrade *upgrade;
    const char *server;
    const struct session_handler *handler;
    enum session_state state;
    int result;
    struct ws_reader reader;
    struct strbuf out; /* bytes that the socket did not take yet */
    int signal_fd;
    uint64_t heard_ms; /* when bytes came in last */
    bool pinged;       /* since then */
    bool unread;       /* more may be there than was read, which poll cannot see inside of TLS */
    uint64_t close_ms; /* SESSION_CLOSING: until when */
};

static void session_append(struct session *session, enum ws_opcode opcode, const void *payload,
                           size_t len)
{
    uint8_t mask[4];

    crypto_random(mask, sizeof(mask));
    ws_append_masked_frame(&session->out, opcode, payload, len, mask);
}

static void session_end(struct session *session, int result)
{
    session->state = SESSION_OVER;
    session->result = result;
}

static void session_lost(struct session *session, const char *why)
{
    complain("%s: %s; what was missed can be had with -S and the last seq", session->server, why);
    session_end(session, CTL_FAILED);
}

static void session_append_close(struct session *session, int code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    session_append(session, WS_CLOSE, payload, sizeof(payload));
}

/* The handler cannot go on; it has said why. */
static void session_give_up(struct session *session)
{
    session_append_close(session, WS_CODE_GOING_AWAY);
    session_end(session, CTL_FAILED);
}

static const char *session_code_meaning(int code)
{
    switch (code) {
    case WS_CODE_NORMAL:
        return "it is done";
    case WS_CODE_GOING_AWAY:
        return "it stops";
    case WS_CODE_POLICY:
        return "it does not allow this";
    case WS_CODE_TRY_AGAIN_LATER:
        return "it is overloaded, try again later";
    default:
        return "it gave no reason";
    }
}

static void session_on_close(struct session *session, const uint8_t *payload, size_t len)
{
    const char *reason;
    size_t reason_len;
    int code = ws_close_parse(payload, len, &reason, &reason_len);

    if (session->state == SESSION_CLOSING) { /* the answer to ours */
        session_end(session, CTL_OK);
        return;
    }
    session_append(session, WS_CLOSE, payload, len < 2 ? len : 2);
    if (reason_len > 0)
        complain("%s: the server ended the session: %.*s (close code %d)", session->server,
                 (int)reason_len, reason, code);
    else
        complain("%s: the server ended the session: %s (close code %d)", session->server,
                 session_code_meaning(code), code);
    session_end(session, CTL_FAILED);
}

static int session_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct session *session = arg;

    switch (opcode) {
    case WS_TEXT:
        if (session->state == SESSION_OPEN &&
            !session->handler->on_text(session->handler->arg, (const char *)payload, len))
            session_give_up(session);
        break;
    case WS_PING:
        session_append(session, WS_PONG, payload, len);
        break;
    case WS_CLOSE:
        session_on_close(session, payload, len);
        break;
    case WS_BINARY:
        return WS_CODE_UNSUPPORTED;
    default:
        break;
    }
    return session->state == SESSION_OVER ? SESSION_STOPPED : 0;
}

static void session_feed(struct session *session, void *data, size_t len)
{
    static const struct ws_reader_config config = {.max_message = SESSION_MAX_MESSAGE};
    int result = ws_reader_feed(&session->reader, &config, data, len, session_on_message, session);

    if (result == 0 || result == SESSION_STOPPED)
        return;
    complain("%s: the server broke the protocol (close code %d); is it a stentord?",
             session->server, result);
    session_append_close(session, result);
    session_end(session, CTL_FAILED);
}

/* Reads what is there, but not for ever: signals must get their turn. */
static void session_receive(struct session *session)
{
    char data[SESSION_READ_SIZE];

    session->unread = true;
    for (int turn = 0; turn < 16 && session->state != SESSION_OVER; turn++) {
        ssize_t n = upgrade_recv(session->upgrade, data, sizeof(data));

        if (n == -EAGAIN) {
            session->unread = false;
            break;
        }
        if (n <= 0) {
            if (session->state == SESSION_CLOSING)
                session_end(session, CTL_OK);
            else
                session_lost(session, "the connection was lost");
            break;
        }
        session->heard_ms = clock_ms();
        session->pinged = false;
        session_feed(session, data, (size_t)n);
    }
    if (session->state == SESSION_OPEN && !session->handler->on_pause(session->handler->arg))
        session_give_up(session);
}

static void session_flush(struct session *session)
{
    while (session->out.len > 0) {
        ssize_t n = upgrade_send(session->upgrade, session->out.data, session->out.len);

        if (n > 0) {
            strbuf_consume(&session->out, (size_t)n);
        } else {
            if (n != -EAGAIN && session->state == SESSION_OPEN)
                session_lost(session, "the connection was lost");
            return;
        }
    }
}

static void session_check_silence(struct session *session, uint64_t now)
{
    uint64_t silence = now - session->heard_ms;

    if (session->state == SESSION_CLOSING) {
        if (now >= session->close_ms)
            session_end(session, CTL_OK);
    } else if (silence >= SESSION_LOST_AFTER_MS) {
        session_lost(session, "the server has been silent for too long");
    } else if (silence >= SESSION_PING_AFTER_MS && !session->pinged) {
        session_append(session, WS_PING, "", 0);
        session->pinged = true;
    }
}

static int session_timeout(const struct session *session, uint64_t now)
{
    uint64_t due =
        session->heard_ms + (session->pinged ? SESSION_LOST_AFTER_MS : SESSION_PING_AFTER_MS);

    if (session->unread)
        return 0;
    if (session->state == SESSION_CLOSING)
        due = session->close_ms;
    return due > now ? (int)(due - now) : 0;
}

static void session_on_signal(struct session *session)
{
    struct signalfd_siginfo info;

    if (read(session->signal_fd, &info, sizeof(info)) < 0)
        return;
    if (session->state != SESSION_OPEN) { /* the second one: the user is in a hurry */
        session_end(session, CTL_OK);
        return;
    }
    session_append_close(session, WS_CODE_NORMAL);
    session->state = SESSION_CLOSING;
    session->close_ms = clock_ms() + SESSION_CLOSE_MS;
}

static void session_step(struct session *session)
{
    struct pollfd pfds[2] = {
        {.fd = session->upgrade->fd, .events = POLLIN},
        {.fd = session->signal_fd, .events = POLLIN},
    };

    session_flush(session);
    if (session->state == SESSION_OVER)
        return;
    if (session->out.len > 0)
        pfds[0].events |= POLLOUT;
    if (poll(pfds, ARRAY_LEN(pfds), session_timeout(session, clock_ms())) < 0 && errno != EINTR) {
        complain("cannot wait for events: %s", strerror(errno));
        session_end(session, CTL_FAILED);
        return;
    }
    if (pfds[1].revents != 0)
        session_on_signal(session);
    if ((pfds[0].revents != 0 || session->unread) && session->state != SESSION_OVER)
        session_receive(session);
    if (session->state != SESSION_OVER)
        session_check_silence(session, clock_ms());
}

static int session_open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int session_run(struct upgrade *upgrade, const char *server, const struct session_handler *handler)
{
    struct session session = {
        .upgrade = upgrade, .server = server, .handler = handler, .heard_ms = clock_ms()};

    session.signal_fd = session_open_signals();
    if (session.signal_fd < 0) {
        complain("cannot wait for signals: %s", strerror(errno));
        return CTL_FAILED;
    }
    ws_reader_init(&session.reader);
    session_feed(&session, upgrade->early.data, upgrade->early.len);
    session_receive(&session); /* TLS may hold bytes that no poll reports */
    while (session.state != SESSION_OVER)
        session_step(&session);
    session_flush(&session); /* the close frame, if the socket takes it */
    ws_reader_free(&session.reader);
    strbuf_free(&session.out);
    close(session.signal_fd);
    return session.result;
}
