# The example configurations, and the page that the example serves.

sysconfstentordir = $(sysconfdir)/stentor
dist_sysconfstentor_DATA = etc/stentord.conf
dist_doc_DATA = etc/stentord-minimal.conf README.md NEWS

welcomedir = $(datadir)/stentor/welcome
dist_welcome_DATA = share/welcome/index.html share/welcome/welcome.css share/welcome/welcome.js
