#!/bin/sh
# No two objects have the same magic number (see include/stentor/base/obj.h).
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

same=$(grep -rhoE '[A-Z0-9_]+_MAGIC[ =(]+(0x[0-9a-fA-F]+|[0-9]+)' include src --include='*.[ch]' |
    sed 's/[=(]/ /g' | awk '
{
    value = tolower($2)
    if (value in name && name[value] != $1)
        print name[value] " and " $1 " are both " $2
    name[value] = $1
}')
if [ -n "$same" ]; then
    echo "$same"
    exit 1
fi
