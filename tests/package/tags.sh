#!/bin/sh
# tags.sh SOURCES PAGE: the tags of hand-overs in the sources are those of the page, and none more.
set -eu
in_sources=$(grep -rohE '\[[A-Z][0-9]\]' "$1" | sort -u)
on_page=$(sed -nE 's/^\| (\[[A-Z][0-9]\]) \|.*/\1/p' "$2" | sort -u)
[ -n "$in_sources" ] || exit 1
if [ "$in_sources" != "$on_page" ]; then
    echo "in $1:" $in_sources
    echo "in $2:" $on_page
    exit 1
fi
