# The example configurations, and the pages that the one for demonstrations serves.

sysconfstentordir = $(sysconfdir)/stentor
dist_sysconfstentor_DATA = etc/stentord.conf
dist_doc_DATA = etc/stentord-minimal.conf etc/stentord-demo.conf README.md NEWS \
	share/pages/sprites/socket.io.LICENSE

pagesdir = $(datadir)/stentor/pages
dist_pages_DATA = share/pages/index.html share/pages/paper.css share/pages/welcome.css \
	share/pages/welcome.js

spritesdir = $(pagesdir)/sprites
dist_sprites_DATA = \
	share/pages/sprites/drawings.js \
	share/pages/sprites/index.html \
	share/pages/sprites/screens.js \
	share/pages/sprites/socket.io.js \
	share/pages/sprites/sprites.css \
	share/pages/sprites/sprites.js \
	share/pages/sprites/stage.js

mapcenterdir = $(pagesdir)/map-center
dist_mapcenter_DATA = \
	share/pages/map-center/broadcaster.js \
	share/pages/map-center/desk.html \
	share/pages/map-center/desk.js \
	share/pages/map-center/feed.js \
	share/pages/map-center/index.html \
	share/pages/map-center/link.js \
	share/pages/map-center/map-center.css \
	share/pages/map-center/map.js \
	share/pages/map-center/night.js \
	share/pages/map-center/states.js \
	share/pages/map-center/tally.js \
	share/pages/map-center/timeline.js \
	share/pages/map-center/viewer.js
