#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/compiler.h"
#include "stentor/base/log.h"

/* A name that begins with @ stands for one in the abstract namespace, which begins with a NUL. */
static socklen_t notify_address(struct sockaddr_un *address)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name != NULL ? strlen(name) : 0;

    if (len < 2 || len >= sizeof(address->sun_path) || (*name != '@' && *name != '/'))
        return 0;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, name, len);
    if (*name == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static void PRINTF_LIKE(1, 2) notify_send(const char *fmt, ...)
{
    struct sockaddr_un address;
    socklen_t len = notify_address(&address);
    char text[512];
    va_list args;
    int n, fd;

    if (len == 0)
        return;
    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n < 0 || (size_t)n >= sizeof(text) || fd < 0 ||
        sendto(fd, text, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&address, len) < 0)
        log_warning("process", "the service manager cannot be told: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

void notify_ready(const char *status)
{
    notify_send("READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(), status);
}

void notify_reloading(void)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_ms() * 1000);
}

void notify_stopping(unsigned seconds)
{
    notify_send("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%llu", seconds * 1000000ULL);
}
