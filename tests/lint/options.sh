#!/bin/sh
# Every option of the table in src/stentord/options.def stands in the sample configuration and in
# the manual page; those that a reload does not change are named where that is explained.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

table=src/stentord/options.def
sample=etc/stentord.conf
manual=man/stentord.conf.5
for file in $table $sample $manual; do
    if [ ! -f "$file" ]; then
        echo "options: skipped, there is no $file"
        exit 77
    fi
done

status=0
options=$(sed -n 's/^OPTION([^"]*"\([a-z_0-9.]*\)".*/\1/p' $table)
if [ -z "$options" ]; then
    echo "$table: no line OPTION(type, field, \"name\", ...) was found"
    exit 1
fi
for option in $options; do
    last=${option##*.} # journal.age stands as "age" inside "journal"
    if ! grep -qE "(^|[^a-z_])${last}[[:space:]]*=" $sample; then
        echo "$sample: $option is missing (also commented out it would do)"
        status=1
    fi
    if ! grep -qE "(^|[^a-z_])${last}([^a-z_]|\$)" $manual; then
        echo "$manual: $option is not described"
        status=1
    fi
done

explained=$(sed -n '/^These options keep their value until a restart/,/^\.Ss/p' $manual)
fixed=$(sed -n 's/^OPTION([^"]*"\([a-z_0-9.]*\)".*\(RESTART\|NOT_ZERO\))$/\1/p' $table)
for option in $fixed; do
    if ! echo "$explained" | grep -q "^\.Va ${option##*.}\( \|$\)"; then
        echo "$manual: $option needs a restart, which is not said where reloading is explained"
        status=1
    fi
done
exit $status
