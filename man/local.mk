# man: mdoc(7) pages; `mandoc -Tlint` has nothing to say about them.

dist_man_MANS += \
	man/stentor-protocol.7 \
	man/stentor-swarm.1 \
	man/stentorctl.1 \
	man/stentord.8 \
	man/stentord.conf.5
