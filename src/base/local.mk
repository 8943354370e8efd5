# base: knows nothing above it. libstentor.a holds base and wire: what all programs share.

noinst_LIBRARIES += libstentor.a

libstentor_a_SOURCES = \
	include/stentor/base/clock.h \
	include/stentor/base/compiler.h \
	include/stentor/base/crypto.h src/base/crypto.c \
	include/stentor/base/histogram.h src/base/histogram.c \
	include/stentor/base/idtable.h src/base/idtable.c \
	include/stentor/base/journal.h src/base/journal.c \
	include/stentor/base/json.h src/base/json.c \
	include/stentor/base/log.h src/base/log.c \
	include/stentor/base/log_sink.h src/base/log_sink.c \
	include/stentor/base/loop.h src/base/loop.c \
	include/stentor/base/mailbox.h src/base/mailbox.c \
	include/stentor/base/obj.h src/base/obj.c \
	include/stentor/base/owner.h \
	include/stentor/base/ratelimit.h src/base/ratelimit.c \
	include/stentor/base/refbuf.h src/base/refbuf.c \
	include/stentor/base/seq.h src/base/seq.c \
	include/stentor/base/strbuf.h src/base/strbuf.c \
	include/stentor/base/utf8.h src/base/utf8.c \
	include/stentor/base/wheel.h src/base/wheel.c
