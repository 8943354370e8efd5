/* TLS on connections whose sockets take little: nothing is lost, doubled or out of order, whatever
 * is cut where. The client is OpenSSL's own. */
#include "unit.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/stentord/tls_conn.h"
#include "../../src/stentord/tls_context.h"
#include "delivery_fixture.h"
#include "stentor/base/obj.h"

enum { SMALL_BUFFER = 4608, MUCH = 300000 };

static struct fixture fixture;
static struct tls_context *context;
static SSL_CTX *client_ctx;

/* What the connection's protocol has seen. */
struct seen {
    bool secure;
    bool ended;
    bool dead;
    unsigned blocked;
    unsigned drained;
    struct strbuf data;
};

struct pair {
    struct conn *conn;
    SSL *ssl; /* of the client */
    int fd;
    struct seen seen;
};

static void on_data(struct conn *conn, uint8_t *data, size_t len)
{
    strbuf_append(&((struct seen *)conn->state)->data, data, len);
}

static void on_eof(struct conn *conn)
{
    ((struct seen *)conn->state)->ended = true;
}

static void on_blocked(struct conn *conn)
{
    ((struct seen *)conn->state)->blocked++;
}

static void on_drained(struct conn *conn)
{
    ((struct seen *)conn->state)->drained++;
}

static void on_secure(struct conn *conn)
{
    ((struct seen *)conn->state)->secure = true;
}

static void on_close(struct conn *conn)
{
    ((struct seen *)conn->state)->dead = true;
}

static void on_nothing(struct conn *conn)
{
    (void)conn;
}

static const struct conn_protocol protocol = {
    .name = "test",
    .on_data = on_data,
    .on_eof = on_eof,
    .on_blocked = on_blocked,
    .on_progress = on_nothing,
    .on_drained = on_drained,
    .on_secure = on_secure,
    .on_deadline = on_nothing,
    .on_goodbye = on_nothing,
    .on_close = on_close,
    .on_free = on_nothing,
};

/* A certificate that signs itself, in one file with its key. */
static void write_certificate(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    FILE *file = fopen(path, "w");

    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400 * 30);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, x509), 1);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    char path[] = "/tmp/stentor-tls-XXXXXX";
    struct config_certificate certificate = {.chain = path, .key = path, .ocsp = ""};
    struct config_tls config = {
        .certificates = &certificate,
        .certificate_count = 1,
        .min_version = "1.2",
        .ciphers = "ECDHE+AESGCM",
        .ciphersuites = "TLS_AES_128_GCM_SHA256",
        .curves = "",
        .client_certificates = "off",
        .client_ca = "",
        .tickets = true,
        .ticket_keys = "",
        .ktls = "auto",
        .handshake_timeout = 10,
    };
    struct strbuf mistakes = STRBUF_INIT, warnings = STRBUF_INIT;

    (void)state;
    close(mkstemp(path));
    write_certificate(path);
    context = tls_context_new(&config, NULL, &mistakes, &warnings);
    unlink(path);
    assert_non_null(context);
    strbuf_free(&mistakes);
    strbuf_free(&warnings);
    client_ctx = SSL_CTX_new(TLS_client_method());
    fixture_open(&fixture, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    tls_context_unref(&context);
    SSL_CTX_free(client_ctx);
    return 0;
}

static void turn(void)
{
    event_base_loop(fixture.thread.stage.base, EVLOOP_NONBLOCK);
}

static void open_pair(struct pair *pair, int version)
{
    struct accepted_conn accepted = {.peer = {.family = AF_UNIX}, .tls = context};
    int fds[2], buffer = SMALL_BUFFER;

    memset(pair, 0, sizeof(*pair));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    accepted.fd = fds[0];
    pair->fd = fds[1];
    pair->ssl = SSL_new(client_ctx);
    SSL_set_fd(pair->ssl, fds[1]);
    SSL_set_max_proto_version(pair->ssl, version);
    SSL_set_connect_state(pair->ssl);
    pair->conn = conn_new(&fixture.thread, &accepted, &protocol);
    assert_non_null(pair->conn);
    pair->conn->state = &pair->seen;
}

static void shake(struct pair *pair)
{
    for (int i = 0; i < 100 && !pair->seen.secure; i++) {
        SSL_do_handshake(pair->ssl);
        turn();
    }
    assert_true(pair->seen.secure);
    assert_int_equal(SSL_do_handshake(pair->ssl), 1);
}

static void close_pair(struct pair *pair)
{
    if (!pair->seen.dead)
        conn_close(pair->conn, CLOSE_PEER);
    turn();
    SSL_free(pair->ssl);
    close(pair->fd);
    strbuf_free(&pair->seen.data);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

/* Reads what there is for the client, which must go on behind `*got`. */
static void read_all(struct pair *pair, size_t *got)
{
    uint8_t data[5000];
    int n;

    while ((n = SSL_read(pair->ssl, data, sizeof(data))) > 0)
        for (int i = 0; i < n; i++)
            assert_int_equal(data[i], byte_at((*got)++));
}

static struct refbuf *numbered(size_t from, size_t len)
{
    struct refbuf *buf = refbuf_new(len);

    assert_non_null(buf);
    for (size_t i = 0; i < len; i++)
        buf->data[i] = byte_at(from + i);
    return buf;
}

static void everything_arrives_in_order(void **state)
{
    const int *version = *state;
    struct pair pair;
    size_t sent = 0, got = 0;

    open_pair(&pair, *version);
    shake(&pair);
    for (size_t i = 0; sent < MUCH; i++) {
        struct refbuf *buf = numbered(sent, 1 + i * 977 % 40000);

        conn_send_buf(pair.conn, buf);
        sent += buf->len;
        refbuf_unref(&buf);
        if (i % 3 == 0)
            read_all(&pair, &got);
        turn();
    }
    assert_true(pair.seen.blocked > 0);
    for (int i = 0; i < 10000 && got < sent; i++) {
        read_all(&pair, &got);
        turn();
    }
    assert_int_equal(got, sent);
    turn();
    assert_false(conn_pending(pair.conn));
    assert_true(pair.seen.drained > 0);
    close_pair(&pair);
}

static void pieces_of_one_call_share_records(void **state)
{
    struct pair pair;
    struct iovec iov[64];
    size_t got = 0, total = 0;

    (void)state;
    open_pair(&pair, TLS1_3_VERSION);
    shake(&pair);
    for (size_t i = 0; i < ARRAY_LEN(iov); i++) {
        struct refbuf *buf = numbered(total, 20);

        iov[i] = (struct iovec){malloc(20), 20};
        memcpy(iov[i].iov_base, buf->data, 20);
        refbuf_unref(&buf);
        total += 20;
    }
    assert_int_equal(conn_writev(pair.conn, iov, ARRAY_LEN(iov)), total);
    char first[8];
    assert_int_equal(SSL_read(pair.ssl, first, 1), 1);
    assert_int_equal(SSL_pending(pair.ssl), total - 1);
    got = 1;
    read_all(&pair, &got);
    assert_int_equal(got, total);
    for (size_t i = 0; i < ARRAY_LEN(iov); i++)
        free(iov[i].iov_base);
    close_pair(&pair);
}

/* OpenSSL answers to changes of keys by itself, also where the socket is full. */
static void answers_of_the_transport_wait_like_others(void **state)
{
    struct pair pair;
    size_t got = 0, sent = 50000;
    struct refbuf *buf = numbered(0, sent);

    (void)state;
    open_pair(&pair, TLS1_3_VERSION);
    shake(&pair);
    conn_send_buf(pair.conn, buf); /* more than the socket takes */
    refbuf_unref(&buf);
    assert_true(conn_pending(pair.conn));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(SSL_key_update(pair.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(pair.ssl, "x", 1), 1);
        turn();
    }
    assert_int_equal(pair.seen.data.len, 20);
    for (int i = 0; i < 1000 && got < sent; i++) {
        read_all(&pair, &got);
        turn();
    }
    assert_int_equal(got, sent);
    turn();
    assert_false(conn_pending(pair.conn));
    close_pair(&pair);
}

/* Thousands of clients wait, and none of them asks how its handshake went. */
static void little_is_kept_of_a_handshake(void **state)
{
    const int *version = *state;
    struct pair pair;
    size_t got = 0;
    struct refbuf *buf = numbered(0, 20000);
    const SSL *ssl;
    EVP_PKEY *key;

    open_pair(&pair, *version);
    shake(&pair);
    ssl = tls_conn_of(pair.conn)->ssl;
    assert_int_equal(sk_SSL_CIPHER_num(SSL_get_client_ciphers(ssl)), 0);
    if (SSL_get_tmp_key((SSL *)(uintptr_t)ssl, &key) == 1) {
        assert_int_equal(EVP_PKEY_get_bits(key), 0);
        EVP_PKEY_free(key);
    }
    if (*version == TLS1_3_VERSION && OpenSSL_version_num() < 0x30200000UL)
        assert_null(SSL_get_session(ssl));
    assert_string_equal(tls_version(pair.conn), *version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    conn_send_buf(pair.conn, buf);
    refbuf_unref(&buf);
    for (int i = 0; i < 1000 && got < 20000; i++) {
        read_all(&pair, &got);
        turn();
    }
    assert_int_equal(got, 20000);
    close_pair(&pair);
}

static void data_and_end_in_one_read_are_both_told(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, TLS1_3_VERSION);
    shake(&pair);
    assert_int_equal(SSL_write(pair.ssl, "last words", 10), 10);
    SSL_shutdown(pair.ssl); /* says that nothing more comes, and leaves the socket open */
    for (int i = 0; i < 3; i++)
        turn();
    unit_equal(__FILE__, __LINE__, pair.seen.data.data, pair.seen.data.len, "last words");
    assert_true(pair.seen.ended);
    close_pair(&pair);
}

static void a_finished_connection_says_so(void **state)
{
    struct pair pair;
    size_t got = 0, sent = 60000;
    struct refbuf *buf = numbered(0, sent);
    char c;

    (void)state;
    open_pair(&pair, TLS1_3_VERSION);
    shake(&pair);
    conn_send_buf(pair.conn, buf);
    refbuf_unref(&buf);
    conn_finish(pair.conn, CLOSE_FINISHED);
    for (int i = 0; i < 1000 && got < sent; i++) {
        read_all(&pair, &got);
        turn();
    }
    assert_int_equal(got, sent);
    turn();
    assert_int_equal(SSL_get_error(pair.ssl, SSL_read(pair.ssl, &c, 1)), SSL_ERROR_ZERO_RETURN);
    assert_int_equal(read(pair.fd, &c, 1), 0);
    close_pair(&pair);
}

static void nonsense_ends_it(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, TLS1_3_VERSION);
    shake(&pair);
    assert_int_equal(write(pair.fd, "\x17\x03\x03\x00\x20 nothing that anybody sealed ....", 37),
                     37);
    turn();
    assert_true(pair.seen.dead);
    close_pair(&pair);
}

int main(void)
{
    static int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(everything_arrives_in_order, &tls12),
        cmocka_unit_test_prestate(everything_arrives_in_order, &tls13),
        cmocka_unit_test(pieces_of_one_call_share_records),
        cmocka_unit_test(answers_of_the_transport_wait_like_others),
        cmocka_unit_test_prestate(little_is_kept_of_a_handshake, &tls12),
        cmocka_unit_test_prestate(little_is_kept_of_a_handshake, &tls13),
        cmocka_unit_test(data_and_end_in_one_read_are_both_told),
        cmocka_unit_test(a_finished_connection_says_so),
        cmocka_unit_test(nonsense_ends_it),
    };

    return cmocka_run_group_tests_name("tls_conn", tests, set_up, tear_down);
}
