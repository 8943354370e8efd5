# stentor-swarm: the client simulator. libswarm.a holds all of it but main.c, for the tests.

bin_PROGRAMS += stentor-swarm

noinst_LIBRARIES += libswarm.a

libswarm_a_SOURCES = \
	src/swarm/agent.h src/swarm/agent.c \
	src/swarm/alarm.h src/swarm/alarm.c \
	src/swarm/answer.h src/swarm/answer.c \
	src/swarm/archive.h src/swarm/archive.c \
	src/swarm/audience.h src/swarm/audience.c \
	src/swarm/behaviour.h src/swarm/behaviour.c \
	src/swarm/bootid.h src/swarm/bootid.c \
	src/swarm/channel.h src/swarm/channel.c \
	src/swarm/client.h src/swarm/client.c \
	src/swarm/command.h src/swarm/command_run.c src/swarm/command_compare.c \
	src/swarm/conductor.h src/swarm/conductor.c \
	src/swarm/controller.h src/swarm/controller.c \
	src/swarm/crowd.h src/swarm/crowd.c \
	src/swarm/crowd_behaviour.h src/swarm/crowd_behaviour.c \
	src/swarm/dialect.h src/swarm/dialect.c src/swarm/dialect_socketio.c \
	src/swarm/directed.h src/swarm/directed.c \
	src/swarm/expect.h src/swarm/expect.c \
	src/swarm/figures.h src/swarm/figures.c \
	src/swarm/judge.h src/swarm/judge.c \
	src/swarm/link.h src/swarm/link.c \
	src/swarm/measure.h src/swarm/measure.c \
	src/swarm/measure_merge.h src/swarm/measure_merge.c \
	src/swarm/mix.h src/swarm/mix.c \
	src/swarm/net.h src/swarm/net.c \
	src/swarm/observer.h src/swarm/observer.c \
	src/swarm/options.h src/swarm/options.c src/swarm/options_help.c \
	src/swarm/page.h \
	src/swarm/payload.h src/swarm/payload.c \
	src/swarm/payloads.h src/swarm/payloads.c \
	src/swarm/peers.h src/swarm/peers.c \
	src/swarm/place.h src/swarm/place.c \
	src/swarm/plan.h src/swarm/plan.c \
	src/swarm/proc.h src/swarm/proc.c \
	src/swarm/publisher.h src/swarm/publisher.c \
	src/swarm/quota.h src/swarm/quota.c \
	src/swarm/remote.h src/swarm/remote.c \
	src/swarm/report.h src/swarm/report.c \
	src/swarm/report_html.h src/swarm/report_html.c \
	src/swarm/report_json.h src/swarm/report_json.c \
	src/swarm/report_json_priv.h src/swarm/report_json_processes.c \
	src/swarm/report_json_rounds.c src/swarm/report_json_value.c \
	src/swarm/requests.h src/swarm/requests.c \
	src/swarm/result.h src/swarm/result.c src/swarm/result_archive.c \
	src/swarm/role.h \
	src/swarm/run.h src/swarm/run.c \
	src/swarm/status.h src/swarm/status.c \
	src/swarm/swarm.h src/swarm/swarm.c src/swarm/swarm_publish.c src/swarm/swarm_result.c \
	src/swarm/tally.h src/swarm/tally.c \
	src/swarm/timeline.h src/swarm/timeline.c \
	src/swarm/tls.h src/swarm/tls.c \
	src/swarm/transport.h src/swarm/transport.c \
	src/swarm/transport_polling.c \
	src/swarm/transport_sse.c \
	src/swarm/transport_upgrade.c \
	src/swarm/transport_websocket.c \
	src/swarm/url.h src/swarm/url.c \
	src/swarm/validate.h src/swarm/validate.c \
	src/swarm/view.h src/swarm/view.c
nodist_libswarm_a_SOURCES = page.c

# The page of the reports becomes part of the program: each line a string.
page_parts = $(srcdir)/src/swarm/page/page.html $(srcdir)/src/swarm/page/page.css \
	$(srcdir)/src/swarm/page/page.js
page.c: $(page_parts)
	$(AM_V_GEN){ \
	for part in html:html css:style js:script; do \
		echo "extern const char page_$${part#*:}[];"; \
		echo "const char page_$${part#*:}[] ="; \
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
			"$(srcdir)/src/swarm/page/page.$${part%:*}"; \
		echo ';'; \
	done; } >$@.tmp && mv $@.tmp $@
EXTRA_DIST += src/swarm/page
CLEANFILES += page.c

stentor_swarm_SOURCES = src/swarm/main.c
stentor_swarm_LDADD = libswarm.a $(COMMON_LIBS)

swarm_unit_tests = \
	tests/unit/test_answer \
	tests/unit/test_archive \
	tests/unit/test_expect \
	tests/unit/test_measure \
	tests/unit/test_mix \
	tests/unit/test_payload \
	tests/unit/test_peers \
	tests/unit/test_place \
	tests/unit/test_plan \
	tests/unit/test_timeline
tests_unit_test_answer_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_archive_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_expect_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_timeline_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mix_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_payload_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_peers_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_place_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += $(swarm_unit_tests)
TESTS += $(swarm_unit_tests)
endif
