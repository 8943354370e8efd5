#include "stentor/wire/engine_io.h"

bool engine_io_type_valid(char c)
{
    return c >= ENGINE_IO_OPEN && c <= ENGINE_IO_NOOP;
}

void engine_io_append_open(struct strbuf *out, const struct engine_io_handshake *handshake)
{
    strbuf_printf(out,
                  "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":%u,\"pingTimeout\":%u,"
                  "\"maxPayload\":%zu}",
                  handshake->sid, handshake->ping_interval, handshake->ping_timeout,
                  handshake->max_payload);
}

void engine_io_append_error(struct strbuf *out, enum engine_io_error error)
{
    static const char *const messages[] = {
        [ENGINE_IO_UNKNOWN_TRANSPORT] = "Transport unknown",
        [ENGINE_IO_UNKNOWN_SID] = "Session ID unknown",
        [ENGINE_IO_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
        [ENGINE_IO_BAD_REQUEST] = "Bad request",
        [ENGINE_IO_FORBIDDEN] = "Forbidden",
        [ENGINE_IO_UNSUPPORTED_PROTOCOL] = "Unsupported protocol version",
    };

    strbuf_printf(out, "{\"code\":%d,\"message\":\"%s\"}", (int)error, messages[error]);
}
