#include "request.h"

#include <jansson.h>
#include <string.h>

#include "complain.h"

enum {
    REQUEST_CONNECT_SECONDS = 10,
    REQUEST_TOTAL_SECONDS = 60,
    REQUEST_MAX_ANSWER = 64 << 20,
};

static size_t request_on_body(char *data, size_t size, size_t count, void *arg)
{
    struct strbuf *body = arg;

    if (body->len + size * count > REQUEST_MAX_ANSWER)
        return 0;
    strbuf_append(body, data, size * count);
    return body->failed ? 0 : size * count;
}

void request_explain_failure(const struct ctl *ctl, CURL *curl, CURLcode result, const char *detail)
{
    const char *why = *detail != '\0' ? detail : curl_easy_strerror(result);
    long error = 0;

    /* curl's message about a unix socket names a host and a port, which nobody asked for. */
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    if (result == CURLE_COULDNT_CONNECT && error != 0)
        why = strerror((int)error);
    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST)
        complain("%s: cannot connect: %s; is stentord running, and does it listen there? "
                 "-s names another place",
                 ctl->target.name, why);
    else if (result == CURLE_PEER_FAILED_VERIFICATION)
        complain("%s: %s; -C names a file with the certificate to trust", ctl->target.name, why);
    else
        complain("%s: %s", ctl->target.name, why);
}

/* What the user can do about a status, where the server's own sentence does not know it. */
static const char *request_hint(const struct ctl *ctl, const char *path, long status)
{
    if (status == 401 || status == 403)
        return ctl->key == NULL
                   ? "; give a key with -k or in STENTOR_KEY, or name an admin listener with -s"
                   : "; the key is not one of the server's publish_keys";
    if ((status == 404 || status == 405) && strncmp(path, "/publish", 8) != 0)
        return "; only admin listeners have this: name one with -s";
    if (status == 404)
        return "; is it a stentord that answers there?";
    return "";
}

void request_explain(const struct ctl *ctl, const char *path, long status,
                     const struct strbuf *body)
{
    json_t *root = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    const char *message = json_string_value(json_object_get(root, "message"));
    const json_t *mistake;
    size_t i;

    complain("%s%s: refused with status %ld%s%s%s%s%s", ctl->target.name, path, status,
             error != NULL ? " " : "", error != NULL ? error : "", message != NULL ? ": " : "",
             message != NULL ? message : "", request_hint(ctl, path, status));
    json_array_foreach(json_object_get(root, "mistakes"), i, mistake)
        complain("%s", json_string_value(mistake) != NULL ? json_string_value(mistake) : "");
    json_decref(root);
}

static bool request_perform(const struct ctl *ctl, const char *path, CURL *curl,
                            struct strbuf *body)
{
    char detail[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode result;

    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)REQUEST_CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REQUEST_TOTAL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "stentorctl/" STENTOR_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, request_on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (ctl->key != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, ctl->key);
    }
    result = curl_easy_perform(curl);
    if (result != CURLE_OK) {
        request_explain_failure(ctl, curl, result, detail);
        return false;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        request_explain(ctl, path, status, body);
    return status == 200;
}

static CURL *request_open(const struct ctl *ctl, const char *path, const char *query)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL) {
        complain_no_memory();
        return NULL;
    }
    if (target_apply(&ctl->target, curl, path, query))
        return curl;
    curl_easy_cleanup(curl);
    return NULL;
}

bool request_get(const struct ctl *ctl, const char *path, const char *query, struct strbuf *body)
{
    CURL *curl = request_open(ctl, path, query);
    bool ok = curl != NULL && request_perform(ctl, path, curl, body);

    curl_easy_cleanup(curl);
    return ok;
}

bool request_post(const struct ctl *ctl, const char *path, const char *query,
                  const struct strbuf *json, struct strbuf *body)
{
    CURL *curl = request_open(ctl, path, query);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    bool ok = false;

    if (curl != NULL && headers != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json->len > 0 ? json->data : "");
        ok = request_perform(ctl, path, curl, body);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return ok;
}

json_t *request_json(const struct ctl *ctl, bool post, const char *path, const char *query)
{
    struct strbuf nothing = STRBUF_INIT, body = STRBUF_INIT;
    json_t *answer = NULL;

    if (post ? request_post(ctl, path, query, &nothing, &body)
             : request_get(ctl, path, query, &body)) {
        answer = json_loadb(body.data != NULL ? body.data : "", body.len, 0, NULL);
        if (!json_is_object(answer)) {
            complain("%s%s: the answer is not a JSON object; is it a stentord that answers there?",
                     ctl->target.name, path);
            json_decref(answer);
            answer = NULL;
        }
    }
    strbuf_free(&body);
    return answer;
}

void request_append_query(struct strbuf *query, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);

    strbuf_printf(query, "%s%s=%s", query->len > 0 ? "&" : "", name,
                  escaped != NULL ? escaped : "");
    curl_free(escaped);
}
