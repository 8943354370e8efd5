#include "poll_response.h"

#include "cors.h"
#include "stentor/wire/http.h"

void poll_response_append_head(struct strbuf *out, const struct config *config, uint8_t answer,
                               bool binary, size_t len)
{
    struct strbuf headers = STRBUF_INIT;

    strbuf_printf(&headers, "Content-Type: %s\r\nCache-Control: no-store\r\n",
                  binary ? "application/octet-stream" : "text/plain; charset=UTF-8");
    cors_append(&headers, config, poll_response_cors(answer));
    out->failed |= headers.failed;
    http_append_head(out, 200, strbuf_cstr(&headers), len, (answer & 1) != 0);
    strbuf_free(&headers);
}
