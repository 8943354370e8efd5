#include "tls_ktls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_thread.h"
#include "tls_conn.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* What OpenSSL says to its BIO about it, beside BIO_CTRL_GET_KTLS_SEND. OpenSSL's bio.h has the
 * numbers in a comment, for BIOs that hand on what they do not know. */
enum {
    KTLS_SET = 72,           /* here are the keys; the number says which way: 0 for reading */
    KTLS_SET_CONTROL = 74,   /* what is written next is not data, but of this type */
    KTLS_CLEAR_CONTROL = 75, /* it is data again */
};

/* A socket that is not connected: where there is a module, it is that which is wrong with it. */
enum tls_ktls tls_ktls_offer(void)
{
#ifdef OPENSSL_NO_KTLS
    return TLS_KTLS_NO_OPENSSL;
#else
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool offered = fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 &&
                   errno == ENOTCONN;

    if (fd >= 0)
        close(fd);
    return offered ? TLS_KTLS_ON : TLS_KTLS_NO_KERNEL;
#endif
}

const char *tls_ktls_text(enum tls_ktls state)
{
    switch (state) {
    case TLS_KTLS_ON:
        return "on";
    case TLS_KTLS_NO_KERNEL:
        return "unavailable: the kernel does not offer it (modprobe tls)";
    case TLS_KTLS_NO_OPENSSL:
        return "unavailable: OpenSSL was built without it";
    case TLS_KTLS_OFF:
        break;
    }
    return "off";
}

/* From the moment that the kernel has the key, it seals whatever is sent: so what was sealed
 * before has to be gone. */
static bool ktls_flush(struct tls_conn *tc)
{
    struct strbuf *out = &tc->conn.thread->tls->out;
    ssize_t n;

    if (tc->rest != NULL)
        return false;
    if (out->len == 0)
        return true;
    n = conn_send_fd(tc->conn.fd, out->data, out->len);
    if (n > 0)
        strbuf_consume(out, (size_t)n);
    return out->len == 0;
}

static long ktls_start(struct tls_conn *tc, long number, void *keys)
{
    BIO *kernel;
    long result = 0;

    if (number == 0 || tc->kernel != NULL || !ktls_flush(tc))
        return 0;
    kernel = BIO_new_socket(tc->conn.fd, BIO_NOCLOSE);
    if (kernel != NULL)
        result = BIO_ctrl(kernel, KTLS_SET, number, keys);
    if (result <= 0) { /* no memory, or not this cipher: then OpenSSL goes on by itself */
        BIO_free(kernel);
        return 0;
    }
    tc->kernel = kernel;
    return result;
}

long tls_ktls_command(struct tls_conn *tc, int command, long number, void *pointer)
{
    switch (command) {
    case KTLS_SET:
        return ktls_start(tc, number, pointer);
    case KTLS_SET_CONTROL:
    case KTLS_CLEAR_CONTROL:
        return tc->kernel != NULL ? BIO_ctrl(tc->kernel, command, number, pointer) : 0;
    case BIO_CTRL_GET_KTLS_SEND:
        return tc->kernel != NULL;
    default:
        return 0;
    }
}

int tls_ktls_write(struct tls_conn *tc, BIO *bio, const char *data, int len)
{
    int n = BIO_write(tc->kernel, data, len);

    if (n <= 0 && BIO_should_retry(tc->kernel))
        BIO_set_retry_write(bio);
    return n;
}
