/* What an agent sends at the end of a run: whatever comes is refused, or can be merged, judged and
 * reported; and what was read and is written again reads as the same. */
#include "fuzz.h"

#include "../../src/swarm/judge.h"
#include "../../src/swarm/options.h"
#include "../../src/swarm/report_json.h"
#include "../../src/swarm/result.h"
#include "../../src/swarm/transport.h"

enum { ROUNDS = 2, GROUPS = 2 };

/* Of a run by two transports with two rounds. */
static void set_options(struct options *options)
{
    const char *bad;

    memset(options, 0, sizeof(*options));
    options->clients = 10;
    options->mix =
        (struct mix){GROUPS, 2, {{transport_find("websocket"), 1}, {transport_find("polling"), 1}}};
    options->plan = (struct plan){ROUNDS, {{1000000, 1000000000}, {0, 1000000000}}};
    FUZZ_REQUIRE(expect_parse(expect_default, &options->expect, &bad));
}

static bool read_result(struct result *result, const void *data, size_t size)
{
    struct archive archive = archive_reader((struct span){data, size});

    FUZZ_REQUIRE(result_init(result, ROUNDS, GROUPS));
    result_archive(&archive, result);
    return archive_complete(&archive);
}

static struct strbuf write_result(struct result *result)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);

    result_archive(&archive, result);
    FUZZ_REQUIRE(archive_complete(&archive));
    return bytes;
}

static void use_result(struct result *result)
{
    static struct options options;
    struct judgement judgement;

    set_options(&options);
    result_conclude(result);
    judge_result(result, &options, &judgement);
    FUZZ_REQUIRE(judge_status(&judgement) <= JUDGE_INVALID);
    json_decref(report_json(result, &options, &judgement));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result result, again;
    void *copy = fuzz_copy(data, size);

    if (read_result(&result, copy, size)) {
        struct strbuf first = write_result(&result), second;

        FUZZ_REQUIRE(read_result(&again, first.data, first.len));
        second = write_result(&again);
        FUZZ_REQUIRE(second.len == first.len && memcmp(second.data, first.data, first.len) == 0);
        FUZZ_REQUIRE(result_merge(&result, &again));
        use_result(&result);
        strbuf_free(&first);
        strbuf_free(&second);
        result_free(&again);
    }
    result_free(&result);
    free(copy);
    return 0;
}
