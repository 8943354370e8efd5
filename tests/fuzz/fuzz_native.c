/* The native protocol: what is accepted is consistent, and every answer is JSON. */
#include "fuzz.h"

#include "stentor/wire/native.h"

static void require_json(struct strbuf *out)
{
    char error[JSON_MAX_ERROR];

    FUZZ_REQUIRE(json_text_valid(out->data, out->len, error));
    strbuf_clear(out);
}

static void check_answers(const struct native_command *command)
{
    struct strbuf out = STRBUF_INIT;

    native_append_ack(&out, command->id);
    require_json(&out);
    native_append_error(&out, command->id, "a \"sentence\"");
    require_json(&out);
    native_append_hello(&out, "session", command->room != NULL ? command->room : "/", 1);
    require_json(&out);
    native_append_gap(&out, command->room, 1, 2);
    require_json(&out);
    if (command->event != NULL) {
        size_t args = command->data.len > 0 ? 1 : 0;
        native_append_message(&out, 1, (struct span){"null", 4}, command->event,
                              strlen(command->event), command->data, args);
        require_json(&out);
    }
    strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct native_command command;
    const char *error = NULL;

    if (native_parse(text, size, &command, &error)) {
        bool needs_room = command.type == NATIVE_JOIN || command.type == NATIVE_LEAVE;
        FUZZ_REQUIRE(!needs_room || command.room != NULL);
        FUZZ_REQUIRE(command.type != NATIVE_PUBLISH || command.event != NULL);
        check_answers(&command);
    } else {
        FUZZ_REQUIRE(error != NULL);
        struct strbuf out = STRBUF_INIT;
        native_append_error(&out, command.id, error);
        require_json(&out);
        strbuf_free(&out);
    }
    native_command_free(&command);
    free(text);
    return 0;
}
