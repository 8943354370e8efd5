/* /check: what would a reload say? Reads the configuration, and what it names, as the user that the
 * server has become, and puts nothing into force. stentorctl doctor asks for it. */
#include "admin_endpoint.h"

#include <string.h>

#include "admin_command.h"
#include "server.h"
#include "tls_context.h"

static void admin_append_certificate(struct strbuf *body, const struct tls_context *context,
                                     size_t i)
{
    const char *file;
    time_t expires = tls_context_expiry(context, i, &file);

    strbuf_append_str(body, "{\"file\":");
    json_append_string(body, file, strlen(file));
    strbuf_printf(body, ",\"expires\":%lld}", (long long)expires);
}

static void admin_append_certificates(struct strbuf *body, const struct config *config)
{
    const char *separator = "";

    strbuf_append_str(body, "\"certificates\":[");
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct tls_context *context = config->listeners[i].tls_context;
        size_t count = context != NULL ? tls_context_certificate_count(context) : 0;

        for (size_t k = 0; k < count; k++) {
            strbuf_append_str(body, separator);
            admin_append_certificate(body, context, k);
            separator = ",";
        }
    }
    strbuf_append_char(body, ']');
}

/* The main thread. */
static void admin_run_check(struct server *server, struct admin_command *command)
{
    struct strbuf mistakes = STRBUF_INIT, *body = &command->body;
    struct config *config = config_load(server->config->path, server->config, &mistakes);

    strbuf_append_str(body, "{\"file\":");
    json_append_string(body, server->config->path, strlen(server->config->path));
    strbuf_append_char(body, ',');
    admin_command_append_lines(body, "mistakes", strbuf_cstr(&mistakes));
    strbuf_append_char(body, ',');
    admin_command_append_lines(body, "warnings", config != NULL ? config->warnings : "");
    strbuf_append_char(body, ',');
    admin_append_certificates(body, config != NULL ? config : server->config);
    strbuf_append_str(body, "}\n");
    strbuf_free(&mistakes);
    config_unref(&config);
    admin_command_done(command);
}

static void admin_on_check(struct http_conn *http)
{
    if (admin_command_allowed(http))
        admin_command_send(http, admin_run_check, 0);
}

const struct endpoint admin_check_endpoint = {
    .path = "/check",
    .admin = true,
    .methods = 1u << HTTP_GET,
    .allow = "GET",
    .on_request = admin_on_check,
};
