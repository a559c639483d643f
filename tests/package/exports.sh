#!/bin/sh
# Three lists that must be one: the functions that the headers declare WEIR_API, those that the
# version script exports, and the symbols that the shared library has in the end.
# usage: exports.sh NM LIBRARY MAP INCLUDE_DIR WORK_DIR
set -eu
nm=$1 library=$2 map=$3 include=$4 work=$5
mkdir -p "$work"
LC_ALL=C
export LC_ALL

# One line a declaration, without comments and directives, cut before the parameters.
cat "$include"/*.h |
    sed '/^[[:space:]]*#/d' |
    tr '\n' ' ' |
    sed -e 's|/\*[^*]*\*\**\([^/*][^*]*\*\**\)*/||g' -e 's/WEIR_API/\n&/g' |
    sed -n 's/^WEIR_API[^(]*[ *]\([a-z_0-9]*\)(.*/\1/p' |
    sort >"$work/declared"

sed -e 's|/\*.*\*/||' -n -e 's/^[[:space:]]*\(weir[a-z_0-9]*\);$/\1/p' "$map" | sort >"$work/mapped"

# Every symbol of any kind, but for the version nodes themselves.
"$nm" -D --defined-only "$library" |
    awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$work/exported"

test -s "$work/declared"
status=0
for other in mapped exported; do
    if ! diff -u "$work/declared" "$work/$other"; then
        echo "declared and $other functions differ" >&2
        status=1
    fi
done
echo "$(wc -l <"$work/exported") functions exported"
exit $status
