# stentor-swarm: the client simulator. libswarm.a holds all of it but main.c, for the tests.

bin_PROGRAMS += stentor-swarm

noinst_LIBRARIES += libswarm.a

libswarm_a_SOURCES = \
	src/swarm/alarm.h src/swarm/alarm.c \
	src/swarm/answer.h src/swarm/answer.c \
	src/swarm/audience.h src/swarm/audience.c \
	src/swarm/client.h src/swarm/client.c \
	src/swarm/crowd.h src/swarm/crowd.c \
	src/swarm/dialect.h src/swarm/dialect.c src/swarm/dialect_socketio.c \
	src/swarm/figures.h src/swarm/figures.c \
	src/swarm/link.h src/swarm/link.c \
	src/swarm/measure.h src/swarm/measure.c \
	src/swarm/mix.h src/swarm/mix.c \
	src/swarm/net.h src/swarm/net.c \
	src/swarm/options.h src/swarm/options.c \
	src/swarm/payload.h src/swarm/payload.c \
	src/swarm/plan.h src/swarm/plan.c \
	src/swarm/proc.h src/swarm/proc.c \
	src/swarm/progress.h src/swarm/progress.c \
	src/swarm/publisher.h src/swarm/publisher.c \
	src/swarm/report.h src/swarm/report.c \
	src/swarm/report_json.h src/swarm/report_json.c \
	src/swarm/swarm.h src/swarm/swarm.c \
	src/swarm/tally.h src/swarm/tally.c \
	src/swarm/timeline.h src/swarm/timeline.c \
	src/swarm/transport.h src/swarm/transport.c \
	src/swarm/transport_polling.c \
	src/swarm/transport_sse.c \
	src/swarm/transport_websocket.c \
	src/swarm/url.h src/swarm/url.c

stentor_swarm_SOURCES = src/swarm/main.c
stentor_swarm_LDADD = libswarm.a $(COMMON_LIBS)

swarm_unit_tests = \
	tests/unit/test_answer \
	tests/unit/test_measure \
	tests/unit/test_mix \
	tests/unit/test_payload \
	tests/unit/test_plan
tests_unit_test_answer_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mix_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_payload_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_LDADD = libswarm.a $(COMMON_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += $(swarm_unit_tests)
TESTS += $(swarm_unit_tests)
endif
