/* JSON to MessagePack and back: the same value, and from then on the same text. */
#include <jansson.h>

#include "fuzz.h"

#include "stentor/wire/packjson.h"

/* Decodes; false when the value is nested more deeply than it may come back. */
static bool decode(struct packjson *decoded, const struct strbuf *bytes)
{
    const char *error = NULL;

    if (packjson_decode(decoded, bytes->data, bytes->len, &error))
        return true;
    FUZZ_REQUIRE(strstr(error, "nested deeper") != NULL);
    packjson_free(decoded);
    return false;
}

static void require_same_value(const struct strbuf *a, struct span b)
{
    json_t *left = json_loadb(a->data, a->len, json_load_flags(), NULL);
    json_t *right = json_loadb(b.ptr, b.len, json_load_flags(), NULL);

    FUZZ_REQUIRE(left != NULL && right != NULL);
    FUZZ_REQUIRE(json_equal(left, right));
    json_decref(left);
    json_decref(right);
}

static void check_round_trip(struct span json)
{
    struct strbuf out = STRBUF_INIT;
    struct packjson first, second;

    packjson_encode(&out, json, NULL, 0);
    FUZZ_REQUIRE(!out.failed);
    if (decode(&first, &out)) {
        FUZZ_REQUIRE(first.attachment_count == 0);
        require_same_value(&first.json, json);
        strbuf_clear(&out);
        packjson_encode(&out, (struct span){first.json.data, first.json.len}, NULL, 0);
        FUZZ_REQUIRE(decode(&second, &out));
        FUZZ_REQUIRE(fuzz_same(&first.json, &second.json));
        packjson_free(&second);
        packjson_free(&first);
    }
    strbuf_free(&out);
}

/* With attachments, which any object may claim to be: the result must be MessagePack still. */
static void check_placeholders(struct span json)
{
    struct refbuf *attachments[] = {refbuf_copy("", 0), refbuf_copy("abc", 3)};
    struct strbuf out = STRBUF_INIT;
    struct packjson decoded;
    const char *error = NULL;

    FUZZ_REQUIRE(attachments[0] != NULL && attachments[1] != NULL);
    packjson_encode(&out, json, attachments, ARRAY_LEN(attachments));
    FUZZ_REQUIRE(!out.failed);
    if (!packjson_decode(&decoded, out.data, out.len, &error))
        FUZZ_REQUIRE(strstr(error, "nested deeper") != NULL ||
                     strstr(error, "more than 10 binary") != NULL);
    packjson_free(&decoded);
    strbuf_free(&out);
    refbuf_unref(&attachments[0]);
    refbuf_unref(&attachments[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    char error[JSON_MAX_ERROR];

    if (json_text_valid(text, size, error)) {
        check_round_trip((struct span){text, size});
        check_placeholders((struct span){text, size});
    }
    free(text);
    return 0;
}
