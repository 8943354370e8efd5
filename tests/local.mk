# tests: unit tests, fuzz targets with their corpora, and lints. `make check` runs all of them.

# --- Unit tests: tests/unit/test_MODULE.c mirrors src/*/MODULE.c.

unit_tests = \
	tests/unit/test_crypto \
	tests/unit/test_histogram \
	tests/unit/test_idtable \
	tests/unit/test_journal \
	tests/unit/test_json \
	tests/unit/test_mailbox \
	tests/unit/test_ratelimit \
	tests/unit/test_refbuf \
	tests/unit/test_strbuf \
	tests/unit/test_utf8 \
	tests/unit/test_wheel \
	tests/unit/test_deflate \
	tests/unit/test_engine_io \
	tests/unit/test_http \
	tests/unit/test_native \
	tests/unit/test_packjson \
	tests/unit/test_proxy \
	tests/unit/test_socket_io \
	tests/unit/test_sse \
	tests/unit/test_websocket

# What programs without an LDADD of their own are linked with: the tests above. A test of
# src/stentord joins the list and gets its line here:
#   tests_unit_test_NAME_LDADD = libstentord.a $(LDADD)
LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

# --- Fuzz targets. Without --enable-fuzzer, replay.c takes libFuzzer's place and reads the corpora.

if !FUZZER
fuzz_main = tests/fuzz/replay.c
endif
fuzz_ldadd = $(COMMON_LIBS) $(FUZZER_LDFLAGS)
fuzz_targets = \
	tests/fuzz/fuzz_deflate \
	tests/fuzz/fuzz_engine_io \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_native \
	tests/fuzz/fuzz_packjson_decode \
	tests/fuzz/fuzz_packjson_encode \
	tests/fuzz/fuzz_proxy \
	tests/fuzz/fuzz_requests \
	tests/fuzz/fuzz_socket_io \
	tests/fuzz/fuzz_peers \
	tests/fuzz/fuzz_result \
	tests/fuzz/fuzz_sse \
	tests/fuzz/fuzz_utf8 \
	tests/fuzz/fuzz_websocket

tests_fuzz_fuzz_deflate_SOURCES = tests/fuzz/fuzz_deflate.c $(fuzz_main)
tests_fuzz_fuzz_deflate_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_engine_io_SOURCES = tests/fuzz/fuzz_engine_io.c $(fuzz_main)
tests_fuzz_fuzz_engine_io_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_main)
tests_fuzz_fuzz_http_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_main)
tests_fuzz_fuzz_json_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_native_SOURCES = tests/fuzz/fuzz_native.c $(fuzz_main)
tests_fuzz_fuzz_native_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_packjson_decode_SOURCES = tests/fuzz/fuzz_packjson_decode.c $(fuzz_main)
tests_fuzz_fuzz_packjson_decode_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_packjson_encode_SOURCES = tests/fuzz/fuzz_packjson_encode.c $(fuzz_main)
tests_fuzz_fuzz_packjson_encode_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_proxy_SOURCES = tests/fuzz/fuzz_proxy.c $(fuzz_main)
tests_fuzz_fuzz_proxy_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_requests_SOURCES = tests/fuzz/fuzz_requests.c $(delivery_fixture) $(fuzz_main)
tests_fuzz_fuzz_requests_LDADD = libstentord.a $(fuzz_ldadd) $(LIBEVENT_EXTRA_LIBS) $(LIBCONFIG_LIBS)
tests_fuzz_fuzz_socket_io_SOURCES = tests/fuzz/fuzz_socket_io.c $(fuzz_main)
tests_fuzz_fuzz_socket_io_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_peers_SOURCES = tests/fuzz/fuzz_peers.c $(fuzz_main)
tests_fuzz_fuzz_peers_LDADD = libswarm.a $(fuzz_ldadd)
tests_fuzz_fuzz_result_SOURCES = tests/fuzz/fuzz_result.c $(fuzz_main)
tests_fuzz_fuzz_result_LDADD = libswarm.a $(fuzz_ldadd)
tests_fuzz_fuzz_sse_SOURCES = tests/fuzz/fuzz_sse.c $(fuzz_main)
tests_fuzz_fuzz_sse_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_utf8_SOURCES = tests/fuzz/fuzz_utf8.c $(fuzz_main)
tests_fuzz_fuzz_utf8_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c $(fuzz_main)
tests_fuzz_fuzz_websocket_LDADD = $(fuzz_ldadd)

check_PROGRAMS += $(fuzz_targets)
TESTS += tests/fuzz/replay.sh

# --- Lints

lint_tests = \
	tests/lint/defaults.sh \
	tests/lint/format.sh \
	tests/lint/headers.sh \
	tests/lint/includes.sh \
	tests/lint/magic.sh \
	tests/lint/manuals.sh \
	tests/lint/options.sh \
	tests/lint/prefixes.sh \
	tests/lint/shell.sh \
	tests/lint/sizes.sh \
	tests/lint/ufw.sh \
	tests/lint/version.sh

TESTS += $(lint_tests)

EXTRA_DIST += \
	.clang-format \
	script/fuzz \
	tests/unit/unit.h \
	tests/unit/utf8_reference.h \
	tests/fuzz/fuzz.h \
	tests/fuzz/replay.c \
	tests/fuzz/replay.sh \
	tests/fuzz/corpus \
	$(lint_tests)
