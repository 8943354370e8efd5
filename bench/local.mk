# bench: measurements that anyone can rerun; see bench/README.md. Nothing here is installed.

noinst_PROGRAMS += bench/sendloop
bench_sendloop_SOURCES = bench/sendloop.c
bench_sendloop_LDADD = $(COMMON_LIBS)

EXTRA_DIST += \
	bench/README.md \
	bench/fanout.sh \
	bench/idle.sh \
	bench/lib.sh \
	bench/pings.sh \
	bench/slow.sh \
	bench/clients.py \
	bench/pings.py \
	bench/slow.py \
	bench/report.py
