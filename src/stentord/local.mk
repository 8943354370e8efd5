# stentord: main.c is thin; the rest is a library, so that tests can link it.

sbin_PROGRAMS += stentord
noinst_LIBRARIES += libstentord.a

libstentord_a_SOURCES = \
	src/stentord/acceptor.c src/stentord/acceptor.h \
	src/stentord/address_table.c src/stentord/address_table.h \
	src/stentord/admin_command.c src/stentord/admin_command.h \
	src/stentord/admin_control.c src/stentord/admin_endpoint.h src/stentord/admin_health.c \
	src/stentord/admin_adopt.c \
	src/stentord/admin_check.c src/stentord/admin_clients.c \
	src/stentord/admin_gather.c src/stentord/admin_gather.h \
	src/stentord/admin_metrics.c src/stentord/admin_rooms.c src/stentord/admin_status.c \
	src/stentord/broadcast.c src/stentord/broadcast.h \
	src/stentord/catch_up.c src/stentord/catch_up.h \
	src/stentord/client_limit.c src/stentord/client_limit.h \
	src/stentord/client_publish.c src/stentord/client_publish.h \
	src/stentord/client_send.c src/stentord/client_send.h \
	src/stentord/close_reasons.def \
	src/stentord/config.c src/stentord/config.h \
	src/stentord/config_lists.c src/stentord/config_priv.h src/stentord/config_reload.c \
	src/stentord/config_tls.c \
	src/stentord/conflation.c src/stentord/conflation.h \
	src/stentord/conformance.c src/stentord/conformance.h \
	src/stentord/conn.c src/stentord/conn.h src/stentord/conn_protocol.h \
	src/stentord/cors.c src/stentord/cors.h \
	src/stentord/cursor.c src/stentord/cursor.h \
	src/stentord/delivery.c src/stentord/delivery.h \
	src/stentord/dialect.h \
	src/stentord/directed.c src/stentord/directed.h \
	src/stentord/drain.c src/stentord/drain.h \
	src/stentord/echo_client.c src/stentord/echo_client.h \
	src/stentord/encoder.c src/stentord/encoder.h src/stentord/encoder_priv.h \
	src/stentord/encoder_native.c src/stentord/encoder_socketio.c \
	src/stentord/engine.c src/stentord/engine.h \
	src/stentord/engine_endpoint.c src/stentord/engine_endpoint.h \
	src/stentord/engine_polling.c src/stentord/engine_polling.h \
	src/stentord/engine_queue.c src/stentord/engine_queue.h \
	src/stentord/engine_websocket.c src/stentord/engine_websocket.h \
	src/stentord/envelope.c src/stentord/envelope.h \
	src/stentord/fanout.c src/stentord/fanout.h \
	src/stentord/grid.c src/stentord/grid.h \
	src/stentord/handover.c src/stentord/handover.h \
	src/stentord/heartbeat.c src/stentord/heartbeat.h \
	src/stentord/http_conn.c src/stentord/http_conn.h \
	src/stentord/http_response.c src/stentord/http_response.h \
	src/stentord/io_thread.c src/stentord/io_thread.h \
	src/stentord/limits.c src/stentord/limits.h \
	src/stentord/listener.c src/stentord/listener.h \
	src/stentord/load.c src/stentord/load.h \
	src/stentord/memory.c src/stentord/memory.h \
	src/stentord/message.c src/stentord/message.h \
	src/stentord/native_client.c src/stentord/native_client.h \
	src/stentord/native_command.c src/stentord/native_priv.h \
	src/stentord/neighbours.c src/stentord/neighbours.h \
	src/stentord/notify.c src/stentord/notify.h \
	src/stentord/numbering.c src/stentord/numbering.h \
	src/stentord/opening.c src/stentord/opening.h \
	src/stentord/options.def \
	src/stentord/outq.c src/stentord/outq.h \
	src/stentord/peer.c src/stentord/peer.h \
	src/stentord/permission.c src/stentord/permission.h \
	src/stentord/pidfile.c src/stentord/pidfile.h \
	src/stentord/poller.c src/stentord/poller.h \
	src/stentord/poll_response.c src/stentord/poll_response.h \
	src/stentord/privileges.c src/stentord/privileges.h \
	src/stentord/process.c src/stentord/process.h \
	src/stentord/publish.c src/stentord/publish.h \
	src/stentord/publish_batch.c src/stentord/publish_priv.h \
	src/stentord/publish_directed.c \
	src/stentord/publish_endpoint.c src/stentord/publish_endpoint.h \
	src/stentord/publish_envelopes.c src/stentord/publish_target.c \
	src/stentord/recovery.c src/stentord/recovery.h \
	src/stentord/recovery_record.c src/stentord/recovery_record.h \
	src/stentord/reload.c src/stentord/reload.h \
	src/stentord/rlimits.c src/stentord/rlimits.h \
	src/stentord/redirect.c src/stentord/redirect.h \
	src/stentord/room.c src/stentord/room.h \
	src/stentord/room_query.c src/stentord/room_query.h \
	src/stentord/router.c src/stentord/router.h \
	src/stentord/seat.c src/stentord/seat.h \
	src/stentord/server.c src/stentord/server.h \
	src/stentord/session.c src/stentord/session.h \
	src/stentord/session_id.c src/stentord/session_id.h \
	src/stentord/session_ops.h \
	src/stentord/socketio_client.c src/stentord/socketio_client.h \
	src/stentord/socketio_connect.c src/stentord/socketio_events.c \
	src/stentord/socketio_keep.c \
	src/stentord/sse_client.c src/stentord/sse_client.h \
	src/stentord/stage.c src/stentord/stage.h \
	src/stentord/static_endpoint.c src/stentord/static_endpoint.h \
	src/stentord/static_files.c src/stentord/static_files.h \
	src/stentord/stats.c src/stentord/stats.def src/stentord/stats.h \
	src/stentord/tls.h src/stentord/tls_priv.h \
	src/stentord/tls_certificate.c \
	src/stentord/tls_conn.c src/stentord/tls_conn.h \
	src/stentord/tls_context.c src/stentord/tls_context.h \
	src/stentord/tls_error.c src/stentord/tls_error.h \
	src/stentord/tls_ktls.c src/stentord/tls_ktls.h \
	src/stentord/tls_memory.c src/stentord/tls_memory.h \
	src/stentord/tls_pace.c src/stentord/tls_pace.h \
	src/stentord/tls_settle.c src/stentord/tls_settle.h \
	src/stentord/tls_thread.c src/stentord/tls_thread.h \
	src/stentord/tls_ticket.c src/stentord/tls_ticket.h \
	src/stentord/transport.c src/stentord/transport.h \
	src/stentord/watch.c src/stentord/watch.h \
	src/stentord/ws_conn.c src/stentord/ws_conn.h \
	src/stentord/ws_handshake.c src/stentord/ws_handshake.h

# The status page as the elements of an array. It is made at the top of the build directory, where
# compilers look anyway: with -I for this folder they would take our limits.h for the system's.
status_page.inc: $(srcdir)/src/stentord/status_page.html
	$(AM_V_GEN)od -An -v -tu1 $(srcdir)/src/stentord/status_page.html | \
		sed 's/\([0-9][0-9]*\)/\1,/g' >$@.new && mv $@.new $@
src/stentord/admin_status.$(OBJEXT): status_page.inc
BUILT_SOURCES += status_page.inc
CLEANFILES += status_page.inc
EXTRA_DIST += src/stentord/status_page.html

stentord_SOURCES = src/stentord/main.c
stentord_LDADD = libstentord.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS) $(LIBCONFIG_LIBS)

# Tests of the library; the fixture is a thread's worth of server without a thread.
stentord_unit_tests = \
	tests/unit/test_address_table \
	tests/unit/test_client_limit \
	tests/unit/test_cursor \
	tests/unit/test_delivery \
	tests/unit/test_encoder \
	tests/unit/test_envelope \
	tests/unit/test_grid \
	tests/unit/test_outq \
	tests/unit/test_poller \
	tests/unit/test_recovery_record \
	tests/unit/test_room \
	tests/unit/test_tls_conn \
	tests/unit/test_tls_ticket
stentord_test_ldadd = libstentord.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS) $(LIBCONFIG_LIBS) $(CMOCKA_LIBS)
delivery_fixture = tests/unit/delivery_fixture.c tests/unit/delivery_fixture.h

tests_unit_test_address_table_LDADD = $(stentord_test_ldadd)
tests_unit_test_client_limit_LDADD = $(stentord_test_ldadd)
tests_unit_test_delivery_SOURCES = tests/unit/test_delivery.c $(delivery_fixture)
tests_unit_test_delivery_LDADD = $(stentord_test_ldadd)
tests_unit_test_cursor_LDADD = $(stentord_test_ldadd)
tests_unit_test_encoder_LDADD = $(stentord_test_ldadd)
tests_unit_test_envelope_LDADD = $(stentord_test_ldadd)
tests_unit_test_grid_LDADD = $(stentord_test_ldadd)
tests_unit_test_outq_LDADD = $(stentord_test_ldadd)
tests_unit_test_poller_LDADD = $(stentord_test_ldadd)
tests_unit_test_recovery_record_LDADD = $(stentord_test_ldadd)
tests_unit_test_room_SOURCES = tests/unit/test_room.c $(delivery_fixture)
tests_unit_test_room_LDADD = $(stentord_test_ldadd)
tests_unit_test_tls_conn_SOURCES = tests/unit/test_tls_conn.c $(delivery_fixture)
tests_unit_test_tls_conn_LDADD = $(stentord_test_ldadd)
tests_unit_test_tls_ticket_LDADD = $(stentord_test_ldadd)

if HAVE_CMOCKA
check_PROGRAMS += $(stentord_unit_tests)
TESTS += $(stentord_unit_tests)
endif
