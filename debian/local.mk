# Debian packages: what script/package makes them from, and script/package-test tests them with.

EXTRA_DIST += \
	debian/changelog \
	debian/copyright \
	debian/not-installed \
	debian/rules \
	debian/source/format \
	debian/stentor-swarm.install \
	debian/stentor-swarm.manpages \
	debian/stentor.default \
	debian/stentor.dirs \
	debian/stentor.docs \
	debian/stentor.examples \
	debian/stentor.init \
	debian/stentor.install \
	debian/stentor.logrotate \
	debian/stentor.manpages \
	debian/stentor.postinst \
	debian/stentor.postrm \
	debian/stentor.prerm \
	debian/stentor.service \
	debian/stentor.tmpfiles \
	debian/tests/control \
	debian/tests/restart-and-purge \
	debian/tests/round-trip \
	debian/tests/tls \
	debian/ufw/stentor \
	script/package \
	script/package-boot \
	script/package-test \
	tests/package/life \
	tests/package/life-systemd
