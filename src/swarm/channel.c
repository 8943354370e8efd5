#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <unistd.h>

#include "stentor/base/obj.h"

#define CHANNEL_MAGIC 0xc4a99e15u

enum { CHANNEL_READ = 65536, CHANNEL_MAX = 1 << 30 };

static void channel_end(struct channel *channel, const char *why)
{
    if (channel->in_fd < 0)
        return;
    event_del(&channel->in_event);
    event_del(&channel->out_event);
    close(channel->in_fd);
    if (channel->out_fd != channel->in_fd)
        close(channel->out_fd);
    channel->in_fd = channel->out_fd = -1;
    channel->on_end(channel->arg, why);
}

/* Is that how a message begins: an array of two, a small number, bytes? Anything else may claim any
 * size, for which msgpack-c would take the memory. */
static bool channel_begins(const struct strbuf *in)
{
    const unsigned char *bytes = (const unsigned char *)in->data;

    return bytes[0] == 0x92 && (in->len < 2 || bytes[1] < CHANNEL_TYPES) &&
           (in->len < 3 || (bytes[2] >= 0xc4 && bytes[2] <= 0xc6));
}

/* One message at the beginning of the input; false when there is none, or it makes no sense. */
static bool channel_take(struct channel *channel, bool *sane)
{
    msgpack_unpacked unpacked;
    const msgpack_object *items;
    msgpack_unpack_return result;
    size_t used = 0;
    bool taken = false;

    *sane = channel_begins(&channel->in);
    if (!*sane)
        return false;
    msgpack_unpacked_init(&unpacked);
    result = msgpack_unpack_next(&unpacked, channel->in.data, channel->in.len, &used);
    *sane = result == MSGPACK_UNPACK_CONTINUE || result == MSGPACK_UNPACK_SUCCESS;
    if (result == MSGPACK_UNPACK_SUCCESS) {
        items = unpacked.data.via.array.ptr;
        taken = unpacked.data.type == MSGPACK_OBJECT_ARRAY && unpacked.data.via.array.size == 2 &&
                items[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
                items[0].via.u64 < CHANNEL_TYPES && items[1].type == MSGPACK_OBJECT_BIN;
        *sane = taken;
        if (taken)
            channel->on_message(channel->arg, (enum channel_type)items[0].via.u64,
                                (struct span){items[1].via.bin.ptr, items[1].via.bin.size});
        if (channel->in.len > 0)
            strbuf_consume(&channel->in, used);
    }
    msgpack_unpacked_destroy(&unpacked);
    return taken;
}

static void channel_on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel;
    bool sane = true;
    ssize_t n;

    (void)what;
    OBJ_CAST(channel, arg, CHANNEL_MAGIC);
    if (!strbuf_reserve(&channel->in, CHANNEL_READ) || channel->in.len > CHANNEL_MAX) {
        channel_end(channel, "it says too much");
        return;
    }
    n = read(fd, channel->in.data + channel->in.len, CHANNEL_READ);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            channel_end(channel, "it has ended");
        return;
    }
    channel->in.len += (size_t)n;
    while (channel->in_fd >= 0 && channel->in.len > 0 && channel_take(channel, &sane))
        ;
    if (!sane)
        channel_end(channel, "it does not speak the protocol");
}

static void channel_flush(struct channel *channel)
{
    ssize_t n = 0;

    if (channel->out.len > 0)
        n = write(channel->out_fd, channel->out.data, channel->out.len);
    if (n > 0)
        strbuf_consume(&channel->out, (size_t)n);
    if (channel->out.len > 0 && (n >= 0 || errno == EAGAIN))
        event_add(&channel->out_event, NULL);
}

static void channel_on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel;

    (void)fd;
    (void)what;
    OBJ_CAST(channel, arg, CHANNEL_MAGIC);
    channel_flush(channel);
}

void channel_open(struct channel *channel, struct event_base *base, int in_fd, int out_fd)
{
    OBJ_INIT(channel, CHANNEL_MAGIC);
    channel->in_fd = in_fd;
    channel->out_fd = out_fd;
    evutil_make_socket_nonblocking(in_fd);
    evutil_make_socket_nonblocking(out_fd);
    event_assign(&channel->in_event, base, in_fd, EV_READ | EV_PERSIST, channel_on_readable,
                 channel);
    event_assign(&channel->out_event, base, out_fd, EV_WRITE, channel_on_writable, channel);
    event_add(&channel->in_event, NULL);
}

void channel_close(struct channel *channel)
{
    if (channel->magic == 0)
        return;
    OBJ_CHECK(channel, CHANNEL_MAGIC);
    if (channel->in_fd >= 0) {
        event_del(&channel->in_event);
        event_del(&channel->out_event);
        close(channel->in_fd);
        if (channel->out_fd != channel->in_fd)
            close(channel->out_fd);
    }
    strbuf_free(&channel->in);
    strbuf_free(&channel->out);
    OBJ_CLEAR(channel);
}

static int channel_append(void *data, const char *bytes, size_t len)
{
    strbuf_append(data, bytes, len);
    return 0;
}

void channel_send(struct channel *channel, enum channel_type type, const struct strbuf *bytes)
{
    bool idle = channel->out.len == 0;
    msgpack_packer packer;

    if (channel->in_fd < 0)
        return;
    msgpack_packer_init(&packer, &channel->out, channel_append);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint8(&packer, (uint8_t)type);
    msgpack_pack_bin(&packer, bytes->len);
    msgpack_pack_bin_body(&packer, bytes->data, bytes->len);
    ENSURE(!channel->out.failed && !bytes->failed);
    if (idle)
        channel_flush(channel);
}

bool channel_idle(const struct channel *channel)
{
    return channel->in_fd < 0 || channel->out.len == 0;
}
