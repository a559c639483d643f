#!/bin/sh
# Build and run the consumer with what pkg-config says of an installed tree.
# usage: pkg-config.sh COMPILER SOURCE STAGE_DIR LIBDIR shared|static OUTPUT
set -eu
compiler=$1 source=$2 stage=$3 libdir=$4 kind=$5 output=$6

PKG_CONFIG_PATH=$stage/$libdir/pkgconfig
export PKG_CONFIG_PATH

# The flags are words to be split; the stage has no blanks in its name that are not escaped.
case $kind in
shared)
    flags=$(pkg-config --cflags --libs weir)
    eval "$compiler -Wall -Wextra -Werror '$source' -o '$output' $flags"
    LD_LIBRARY_PATH=$stage/$libdir "$output"
    ;;
static)
    flags=$(pkg-config --static --cflags --libs weir)
    eval "$compiler -Wall -Wextra -Werror -static '$source' -o '$output' $flags"
    "$output"
    ;;
esac
