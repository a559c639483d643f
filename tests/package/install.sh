#!/bin/sh
# Install a build, then move what was installed, so that no test that uses it can pass because of
# an absolute path.
# usage: install.sh CMAKE BUILD_DIR STAGE_DIR
set -eu
cmake=$1 build=$2 stage=$3

rm -rf "$stage" "$stage.first"
"$cmake" --install "$build" --prefix "$stage.first"
mv "$stage.first" "$stage"

if grep -rIl --include='*.pc' --include='*.cmake' -e "$build" -e "$stage" "$stage"; then
    echo "these installed files name a folder of the build" >&2
    exit 1
fi
