/* JSON: the places that json.c finds must hold what jansson has in its tree. */
#include <jansson.h>

#include "fuzz.h"

#include "stentor/base/utf8.h"

static json_t *load(struct span text)
{
    json_t *value = json_loadb(text.ptr, text.len, json_load_flags(), NULL);

    FUZZ_REQUIRE(value != NULL);
    return value;
}

static void same_value(struct span text, const json_t *expected)
{
    json_t *value = load(text);

    FUZZ_REQUIRE(json_equal(value, expected));
    json_decref(value);
}

static void check_array(struct span text, const json_t *tree)
{
    struct span element;
    size_t pos = 0, i = 0;

    while (json_array_next(text, &pos, &element))
        same_value(element, json_array_get(tree, i++));
    FUZZ_REQUIRE(i == json_array_size(tree));
}

/* json_object_find is for names that programs write: printable ASCII. */
static bool plain_name(const char *name)
{
    for (; *name != '\0'; name++)
        if (*name < 0x20 || *name > 0x7e)
            return false;
    return true;
}

static void check_object(struct span text, json_t *tree)
{
    const char *name;
    json_t *member;
    struct span value;

    json_object_foreach(tree, name, member)
    {
        if (!plain_name(name))
            continue;
        FUZZ_REQUIRE(json_object_find(text, name, &value));
        same_value(value, member);
    }
    if (json_object_get(tree, "absent") == NULL)
        FUZZ_REQUIRE(!json_object_find(text, "absent", &value));
}

static void check_text(const char *text, size_t len)
{
    char error[JSON_MAX_ERROR];

    if (!json_text_valid(text, len, error)) {
        FUZZ_REQUIRE(memchr(error, '\0', sizeof(error)) != NULL);
        return;
    }
    struct span trimmed = json_trim((struct span){text, len});
    json_t *tree = load((struct span){text, len});
    same_value(trimmed, tree);
    if (json_is_array(tree))
        check_array((struct span){text, len}, tree);
    if (json_is_object(tree))
        check_object((struct span){text, len}, tree);
    json_decref(tree);
}

/* Any text that is UTF-8, as a string and back. */
static void check_string(const char *text, size_t len)
{
    struct strbuf out = STRBUF_INIT;

    if (!utf8_valid(text, len))
        return;
    json_append_string(&out, text, len);
    json_t *value = load((struct span){out.data, out.len});
    FUZZ_REQUIRE(json_string_length(value) == len);
    FUZZ_REQUIRE(memcmp(json_string_value(value), text, len) == 0);
    json_decref(value);
    strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);

    check_text(text, size);
    check_string(text, size);
    free(text);
    return 0;
}
