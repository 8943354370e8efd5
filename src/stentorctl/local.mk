# stentorctl: the program of the broadcaster and the operator. Knows base and wire, and libcurl.

bin_PROGRAMS += stentorctl

stentorctl_SOURCES = \
	src/stentorctl/clients.h src/stentorctl/clients.c \
	src/stentorctl/complain.h src/stentorctl/complain.c \
	src/stentorctl/ctl.h \
	src/stentorctl/doctor.h src/stentorctl/doctor.c \
	src/stentorctl/doctor_checks.h src/stentorctl/doctor_checks.c \
	src/stentorctl/doctor_report.h src/stentorctl/doctor_report.c \
	src/stentorctl/doctor_server.h src/stentorctl/doctor_server.c \
	src/stentorctl/drain.h src/stentorctl/drain.c \
	src/stentorctl/kick.h src/stentorctl/kick.c \
	src/stentorctl/log_level.h src/stentorctl/log_level.c \
	src/stentorctl/main.c \
	src/stentorctl/publish.h src/stentorctl/publish.c \
	src/stentorctl/reload.h src/stentorctl/reload.c \
	src/stentorctl/request.h src/stentorctl/request.c \
	src/stentorctl/rooms.h src/stentorctl/rooms.c \
	src/stentorctl/session.h src/stentorctl/session.c \
	src/stentorctl/status.h src/stentorctl/status.c \
	src/stentorctl/status_text.h src/stentorctl/status_text.c \
	src/stentorctl/target.h src/stentorctl/target.c \
	src/stentorctl/top.h src/stentorctl/top.c \
	src/stentorctl/upgrade.h src/stentorctl/upgrade.c \
	src/stentorctl/watch.h src/stentorctl/watch.c \
	src/stentorctl/watch_line.h src/stentorctl/watch_line.c
stentorctl_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS)
stentorctl_LDADD = $(COMMON_LIBS) $(LIBCURL_LIBS)
