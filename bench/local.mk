# bench: measurements that anyone can rerun; see bench/README.md. Nothing here is installed.

noinst_PROGRAMS += bench/directed bench/sendloop bench/longpoll bench/tlsclients
bench_directed_SOURCES = bench/directed.c
bench_directed_LDADD = $(COMMON_LIBS)
bench_sendloop_SOURCES = bench/sendloop.c
bench_sendloop_LDADD = $(COMMON_LIBS)
bench_longpoll_SOURCES = bench/longpoll.c
bench_longpoll_LDADD = libswarm.a $(COMMON_LIBS)
bench_tlsclients_SOURCES = bench/tlsclients.c
bench_tlsclients_LDADD = $(COMMON_LIBS)

EXTRA_DIST += \
	bench/README.md \
	bench/directed.sh \
	bench/drain.mjs \
	bench/drain.sh \
	bench/fanout.sh \
	bench/idle.sh \
	bench/lib.sh \
	bench/mapcenter.sh \
	bench/mixed.sh \
	bench/reload.sh \
	bench/peers.sh \
	bench/pings.sh \
	bench/slow.sh \
	bench/tls.sh \
	bench/transports.sh \
	bench/tuning.sh \
	bench/vm.sh \
	bench/vm/guests.sh \
	bench/vm/init.sh \
	bench/vm/pair.py \
	bench/vm/report.py \
	bench/clients.py \
	bench/pings.py \
	bench/publish.py \
	bench/tls.py \
	bench/slow.py \
	bench/report.py \
	bench/socketio.mjs
