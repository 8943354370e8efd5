#include "target.h"

#include <string.h>
#include <strings.h>

#include "complain.h"

#define TARGET_UNIX_PREFIX "unix:"

static bool target_scheme_known(const struct target *target)
{
    char *scheme = NULL;
    bool known;

    if (curl_url_get(target->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return false;
    known = strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
    curl_free(scheme);
    return known;
}

static bool target_parse(struct target *target)
{
    const char *text = target->name;

    if (strncmp(text, TARGET_UNIX_PREFIX, strlen(TARGET_UNIX_PREFIX)) == 0) {
        target->unix_path = text + strlen(TARGET_UNIX_PREFIX);
        if (*target->unix_path == '\0')
            return false;
        text = "http://localhost";
    }
    return curl_url_set(target->url, CURLUPART_URL, text,
                        CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
           target_scheme_known(target);
}

bool target_init(struct target *target, const char *name)
{
    memset(target, 0, sizeof(*target));
    target->name = name;
    target->url = curl_url();
    if (target->url == NULL) {
        complain_no_memory();
        return false;
    }
    if (target_parse(target))
        return true;
    complain("-s %s: not a server; write http://HOST:PORT, https://HOST:PORT or "
             "unix:/PATH/OF/SOCKET",
             name);
    target_free(target);
    return false;
}

void target_free(struct target *target)
{
    curl_url_cleanup(target->url);
    target->url = NULL;
}

/* The server's URL with the path behind its own, and the query; NULL when memory is out. */
static CURLU *target_resource(const struct target *target, const char *path, const char *query)
{
    CURLU *url = curl_url_dup(target->url);
    struct strbuf joined = STRBUF_INIT;
    char *base = NULL;
    bool ok = url != NULL && curl_url_get(url, CURLUPART_PATH, &base, 0) == CURLUE_OK;

    if (ok) {
        size_t len = strlen(base);

        while (len > 0 && base[len - 1] == '/')
            len--;
        strbuf_append(&joined, base, len);
        strbuf_append_str(&joined, path);
        ok = curl_url_set(url, CURLUPART_PATH, strbuf_cstr(&joined), 0) == CURLUE_OK &&
             curl_url_set(url, CURLUPART_QUERY, query, 0) == CURLUE_OK && !joined.failed;
    }
    curl_free(base);
    strbuf_free(&joined);
    if (ok)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

static bool target_apply_trust(const struct target_trust *trust, CURL *curl)
{
    bool ok = true;

    if (trust->ca != NULL)
        ok = curl_easy_setopt(curl, CURLOPT_CAINFO, trust->ca) == CURLE_OK;
    if (ok && trust->client != NULL)
        ok = curl_easy_setopt(curl, CURLOPT_SSLCERT, trust->client) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSLKEY, trust->client) == CURLE_OK;
    if (ok && trust->anybody)
        ok = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
    return ok;
}

bool target_apply(const struct target *target, CURL *curl, const char *path, const char *query)
{
    CURLU *url = target_resource(target, path, query);
    char *text = NULL;
    bool ok = url != NULL && curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK &&
              curl_easy_setopt(curl, CURLOPT_URL, text) == CURLE_OK;

    if (ok)
        ok = target_apply_trust(&target->trust, curl);
    if (ok && target->unix_path != NULL)
        ok = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->unix_path) == CURLE_OK;
    curl_free(text);
    curl_url_cleanup(url);
    if (!ok)
        complain("%s: this libcurl cannot connect there", target->name);
    return ok;
}

static bool target_append_part(CURLU *url, CURLUPart part, const char *before, struct strbuf *out)
{
    char *text = NULL;
    CURLUcode result = curl_url_get(url, part, &text, 0);

    if (result == CURLUE_NO_PORT || result == CURLUE_NO_QUERY)
        return true;
    if (result != CURLUE_OK)
        return false;
    strbuf_append_str(out, before);
    strbuf_append_str(out, text);
    curl_free(text);
    return !out->failed;
}

bool target_request_line(const struct target *target, const char *path, const char *query,
                         struct strbuf *resource, struct strbuf *host)
{
    CURLU *url = target_resource(target, path, query);
    bool ok = url != NULL && target_append_part(url, CURLUPART_PATH, "", resource) &&
              target_append_part(url, CURLUPART_QUERY, "?", resource) &&
              target_append_part(url, CURLUPART_HOST, "", host) &&
              target_append_part(url, CURLUPART_PORT, ":", host);

    curl_url_cleanup(url);
    if (!ok)
        complain_no_memory();
    return ok;
}
