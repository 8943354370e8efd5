#include "tls_thread.h"

#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "server.h"
#include "tls_conn.h"
#include "tls_ktls.h"
#include "tls_pace.h"

/* --- The BIO: memory on both sides */

static int thread_bio_read(BIO *bio, char *data, int size)
{
    struct tls_thread *tls = BIO_get_data(bio);
    size_t len = tls->in_len < (size_t)size ? tls->in_len : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, tls->in, len);
    tls->in += len;
    tls->in_len -= len;
    return (int)len;
}

static int thread_bio_write(BIO *bio, const char *data, int len)
{
    struct tls_thread *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (tls->conn->kernel != NULL)
        return tls_ktls_write(tls->conn, bio, data, len);
    strbuf_append(&tls->out, data, (size_t)len);
    return tls->out.failed ? -1 : len;
}

static long thread_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct tls_thread *tls = BIO_get_data(bio);

    if (command == BIO_CTRL_FLUSH) /* there is nothing to be done for it */
        return 1;
    return tls->conn != NULL ? tls_ktls_command(tls->conn, command, number, pointer) : 0;
}

static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *thread_bio_method;

static void thread_free_method(void)
{
    BIO_meth_free(thread_bio_method);
}

static void thread_make_method(void)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "the scratch of an I/O thread");

    if (method == NULL)
        return;
    BIO_meth_set_read(method, thread_bio_read);
    BIO_meth_set_write(method, thread_bio_write);
    BIO_meth_set_ctrl(method, thread_bio_ctrl);
    thread_bio_method = method;
    atexit(thread_free_method);
}

/* --- The thread */

static bool thread_make_parts(struct tls_thread *tls)
{
    const struct server *server = tls->thread->server;

    pthread_once(&thread_once, thread_make_method);
    tls->bio = thread_bio_method != NULL ? BIO_new(thread_bio_method) : NULL;
    tls->received = malloc(TLS_RECEIVE);
    tls->record = malloc(TLS_RECORD);
    if (tls->bio == NULL || tls->received == NULL || tls->record == NULL ||
        !strbuf_reserve(&tls->out, 2 * TLS_RECORD))
        return false;
    BIO_set_data(tls->bio, tls);
    BIO_set_init(tls->bio, 1);
    tls_ticket_chain_init(&tls->tickets, server->ticket_seed, server->started_ms,
                          (uint64_t)server->config->ticket_rotation * 1000);
    return true;
}

struct tls_thread *tls_thread_new(struct io_thread *thread)
{
    struct tls_thread *tls = calloc(1, sizeof(*tls));

    if (tls == NULL)
        return NULL;
    tls->thread = thread;
    tls_pace_init(tls);
    if (thread_make_parts(tls))
        return tls;
    tls_thread_free(tls);
    return NULL;
}

void tls_thread_free(struct tls_thread *tls)
{
    if (tls == NULL)
        return;
    tls_pace_destroy(tls);
    BIO_free(tls->bio);
    SSL_CTX_free(tls->bare);
    strbuf_free(&tls->out);
    free(tls->received);
    free(tls->record);
    OPENSSL_cleanse(&tls->tickets, sizeof(tls->tickets));
    free(tls);
}

struct tls_thread *tls_thread_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
