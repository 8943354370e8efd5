#!/bin/sh
# ufw understands the profile that the package brings, and its port is that of the configuration.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

python=/usr/bin/python3 # for which Debian has ufw's modules
if ! $python -c 'import ufw.applications' 2>/dev/null; then
    echo "ufw: skipped, it is not installed"
    exit 77
fi
port=$(sed -n 's/^    { address = "0\.0\.0\.0"; port = \([0-9]*\);.*/\1/p' etc/stentord.conf)
PORT=$port exec $python - <<'EOF_PYTHON'
import gettext
import os
import sys

import ufw.applications

gettext.install("ufw")  # its messages want that
profiles = ufw.applications.get_profiles("debian/ufw")
for name, profile in profiles.items():
    ufw.applications.verify_profile(name, profile)
if sorted(profiles) != ["Stentor", "Stentor HTTPS"]:
    sys.exit(f"ufw reads these profiles: {sorted(profiles)}")
wanted = f"{os.environ['PORT']}/tcp"
if profiles["Stentor"]["ports"] != wanted:
    sys.exit(f"clients are let in at {profiles['Stentor']['ports']}, but the server listens at {wanted}")
EOF_PYTHON
