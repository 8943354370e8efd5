#include "audience.h"

#include <string.h>

#include "stentor/base/obj.h"

void audience_init(struct audience *audience, const struct transport *transport,
                   const struct options *options)
{
    memset(audience, 0, sizeof(*audience));
    audience->transport = transport;
    histogram_init(&audience->connect_delay);
    transport_append_target(transport, &audience->target, options);
    transport_append_headers(transport, &audience->headers, options);
    ENSURE(!audience->target.failed && !audience->headers.failed);
}

void audience_free(struct audience *audience)
{
    strbuf_free(&audience->target);
    strbuf_free(&audience->headers);
}
