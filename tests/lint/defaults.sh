#!/bin/sh
# The manual names the type, range and default of each option as the table in options.def has them,
# and the example configuration the same default.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

table=src/stentord/options.def
sample=etc/stentord.conf
manual=man/stentord.conf.5
status=0

# NAME TYPE DEFAULT MIN MAX of each scalar option; no default has a comma in it.
options=$(sed -n 's/^OPTION(\([A-Z]*\), *[a-z_0-9]*, *"\([a-z_0-9.]*\)", *\([^,]*\), *\([^,]*\), *\([^,)]*\).*/\2 \1 \3 \4 \5/p' $table)
if [ -z "$options" ]; then
    echo "$table: no line OPTION(type, field, \"name\", default, min, max ...) was found"
    exit 1
fi

# What stands in parentheses after ".It Va NAME", in one line.
described()
{
    awk -v name="$1" '
        $0 == ".It Va " name { found = 1; next }
        found && /^\.Pq / { print; exit }
        found && /^\(/ { inside = 1 }
        inside { text = text " " $0 }
        inside && /\)$/ { print text; exit }' $manual
}

# wants OPTION TEXT PATTERN WHAT
wants()
{
    echo "$2" | grep -qE -- "$3" && return
    echo "$manual: $1: \"$2\" does not say $4"
    status=1
}

# shellcheck disable=SC2086 # a line is several words
while read -r name type default min max; do
    last=${name##*.} # journal.age stands as "age" inside "journal"
    text=$(described "$name")
    if [ -z "$text" ]; then
        echo "$manual: nothing in parentheses after \".It Va $name\""
        status=1
        continue
    fi
    case $type in
    PERMISSION)
        default=$(echo "$default" | sed 's/^PERMISSION_\(.*\)/"\1"/' | tr "[:upper:]" "[:lower:]")
        text=$(echo "$text" | sed 's/Do \([a-z]*\) Dc/"\1"/g')
        wants "$name" "$text" '"nobody" , "key" or "anyone"' "who there is"
        ;;
    BOOL) wants "$name" "$text" '\(boolean' "that it is a boolean" ;;
    STR) wants "$name" "$text" '\(text' "that it is a text" ;;
    INT)
        wants "$name" "$text" "(^|[^0-9])$min to $max([^0-9]|\$)" "\"$min to $max\""
        ;;
    esac
    if [ "$default" = '""' ]; then
        wants "$name" "$text" 'default (empty|"")' "that its default is empty"
    else
        wants "$name" "$text" "default $default([^0-9]|\$)" "\"default $default\""
    fi
    if ! grep -qxE "#?( {4})?$last = $default;" $sample; then
        echo "$sample: \"$last = $default;\" is missing"
        status=1
    fi
done <<EOF
$options
EOF
exit $status
