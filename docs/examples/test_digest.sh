#!/bin/sh
# test_digest.sh DIGEST: compares the program's output, byte for byte, with that of sha256sum, over a
# small tree of odd names, for every executor, policy and limit; then looks at what it does about
# files that it cannot read, and about mistakes on its command line.
set -u
digest=$1
LC_ALL=C
export LC_ALL

dir=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$dir"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$dir"
tree=$dir/tree
failures=0

fail()
{
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# expect STATUS ARGUMENT...: runs the program into out and err.
expect()
{
    wanted=$1
    shift
    "$digest" "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ "$got" -eq "$wanted" ] || fail "status $got instead of $wanted: digest $*: $(cat "$dir/err")"
}

reference()
{
    find "$1" -type f -print0 | sort -z | xargs -0r sha256sum
}

compare()
{
    cmp "$1" "$2" >&2 || fail "$3"
}

# The name, then its value: one field of the table of statistics.
field()
{
    awk -v name="$1" '$1 == name { print $2 }' "$dir/err"
}

make_tree()
{
    newline=$(printf 'new\nline')
    return_=$(printf 'carriage\rreturn')
    control=$(printf 'escape\033[31m')
    mkdir -p "$tree/a/deep/er" "$tree/a-b" "$tree/empty folder" "$tree/many" "$tree/$newline"
    for name in a-b/x a.b a/x a/deep/er/x a0 "two words" "$newline" "$newline/x" 'back\slash' \
        "$return_" "$control" -dash "quote's" '"' '*' 'umlaut-ü' "$(printf 'not-utf8-\377')" \
        'ends with space ' .hidden; do
        [ -d "$tree/$name" ] || printf '%s' "$name" >"$tree/$name"
    done
    : >"$tree/empty"
    head -c 3145728 /dev/zero | tr '\0' 'w' >"$tree/three-mib"
    ln -s three-mib "$tree/link-to-file"
    ln -s a "$tree/link-to-folder"
    ln -s nowhere "$tree/link-to-nothing"
    ln -s .. "$tree/a/link-upwards"
    mkfifo "$tree/fifo"
    # Enough that the largest limit is reached, too.
    i=0
    while [ "$i" -lt 1500 ]; do
        echo "$i" >"$tree/many/$i"
        i=$((i + 1))
    done
}

# What every run of the whole tree must show, whatever the policy: all files, in order, and numbers
# that add up.
check_run()
{
    expect 0 --executor "$1" --policy "$2" --limit "$3" --workers 2 "$tree"
    compare "$dir/expected" "$dir/out" "output of $1, $2, limit $3"
    turned_away=$(sed -n 's/.*run by the submitter: //p' "$dir/err")
    completed=$(field completed)
    [ "$((completed + turned_away))" -eq "$files" ] ||
        fail "$1, $2, limit $3: $completed completed, $turned_away turned away, of $files"
    [ "$(field submitted)" -eq "$((completed + $(field rejected) + $(field discarded)))" ] ||
        fail "$1, $2, limit $3: the numbers do not add up: $(cat "$dir/err")"
    [ "$(field failed)" -eq 0 ] || fail "$1, $2, limit $3: failed tasks"
    [ "$1" = inline ] || [ "$(field backlog_peak)" -le "$3" ] ||
        fail "$1, $2, limit $3: backlog of $(field backlog_peak)"
}

test_agrees_with_sha256sum()
{
    reference "$tree" >"$dir/expected"
    files=$(find "$tree" -type f -printf x | wc -c)
    for executor in inline thread process; do
        for policy in reject block caller-runs discard discard-oldest check; do
            for limit in 1 2 16 1024; do
                check_run "$executor" "$policy" "$limit"
            done
        done
    done
    expect 0 --limit 0 --policy reject "$tree"
    compare "$dir/expected" "$dir/out" "output without any backlog"
    expect 0 --quiet "$tree"
    [ ! -s "$dir/err" ] || fail "--quiet: $(cat "$dir/err")"
    sha256sum --check --strict --quiet "$dir/out" >&2 || fail "sha256sum --check"
}

test_folders_in_the_order_given()
{
    { reference "$tree/many" && reference "$tree/a/" && reference "$tree/a.b"; } >"$dir/expected"
    expect 0 -q "$tree/many" "$tree/a/" "$tree/a.b"
    compare "$dir/expected" "$dir/out" "several folders"
    (cd "$tree" && reference .) >"$dir/expected"
    (cd "$tree" && "$digest" -q .) >"$dir/out"
    compare "$dir/expected" "$dir/out" "folder ."
    : >"$dir/expected"
    expect 0 -q "$tree/link-to-folder" "$tree/empty folder" "$tree/fifo"
    compare "$dir/expected" "$dir/out" "a link, an empty folder, and a fifo"
}

test_mistakes_end_with_2()
{
    expect 2 --executor nonesuch
    expect 2 --policy nonesuch
    expect 2 --nonesuch
    expect 2 --workers
    for number in 0 -1 x 1x '' 99999999999999999999; do
        expect 2 --workers "$number" "$tree"
    done
    expect 2 --executor process --workers 1025 "$tree" # more than there may be
    for number in -1 x 16777217; do
        expect 2 --limit "$number" "$tree"
    done
    [ ! -s "$dir/out" ] || fail "output in spite of a mistake"
    expect 0 --help
    grep -q '^Usage: digest' "$dir/out" || fail "--help"
}

test_unreadable_ends_with_1()
{
    expect 1 -q "$dir/nonesuch" "$tree/a.b"
    echo "digest: $dir/nonesuch: No such file or directory" >"$dir/expected"
    compare "$dir/expected" "$dir/err" "message about a folder that is not there"
    reference "$tree/a.b" | cmp - "$dir/out" >&2 || fail "what comes after such a folder"

    if [ -f /proc/self/mem ]; then # opens, and cannot be read from its beginning
        sha256sum /proc/self/mem 2>&1 >/dev/null | sed 's/^sha256sum:/digest:/' >"$dir/expected"
        expect 1 -q /proc/self/mem
        compare "$dir/expected" "$dir/err" "message about a read error"
    fi
}

# Permissions do not bind root, who becomes nobody for this one.
test_forbidden_ends_with_1()
{
    unprivileged=
    [ "$(id -u)" -ne 0 ] || unprivileged='setpriv --reuid=65534 --regid=65534 --clear-groups'
    if ! $unprivileged "$digest" --help >/dev/null 2>&1; then
        echo "skipped: forbidden files (no other user can run the program)"
        return
    fi
    locked=$dir/locked
    mkdir -p "$locked/folder"
    for name in 1 2 'two words' "$newline" "$control" folder/x; do
        echo x >"$locked/$name"
    done
    chmod 0 "$locked/2" "$locked/two words" "$locked/$newline" "$locked/$control"
    $unprivileged find "$locked" -type f -print0 | sort -z |
        $unprivileged xargs -0r sha256sum >"$dir/expected" 2>"$dir/messages"
    sed -i 's/^sha256sum:/digest:/' "$dir/messages"
    for executor in inline thread process; do
        $unprivileged "$digest" -q -e "$executor" "$locked" >"$dir/out" 2>"$dir/err"
        [ $? -eq 1 ] || fail "status for forbidden files"
        compare "$dir/expected" "$dir/out" "output beside forbidden files"
        compare "$dir/messages" "$dir/err" "messages about forbidden files"
    done
    chmod 0 "$locked/folder"
    $unprivileged "$digest" -q "$locked/folder" >"$dir/out" 2>"$dir/err"
    [ $? -eq 1 ] || fail "status for a forbidden folder"
    [ "$(cat "$dir/err")" = "digest: $locked/folder: Permission denied" ] ||
        fail "message about a forbidden folder: $(cat "$dir/err")"
}

test_write_error_ends_with_1()
{
    [ -c /dev/full ] || return
    for policy in block discard; do
        "$digest" -q -p "$policy" "$tree" >/dev/full 2>"$dir/err"
        [ $? -eq 1 ] || fail "status for a full device"
        [ "$(cat "$dir/err")" = "digest: write error: No space left on device" ] ||
            fail "message about a full device: $(cat "$dir/err")"
    done
}

# script gives the program a terminal for its stderr.
test_bar_on_a_terminal_only()
{
    command -v script >/dev/null || return
    reference "$tree" >"$dir/expected"
    script -qec "'$digest' '$tree' >'$dir/out'" /dev/null </dev/null >"$dir/err"
    compare "$dir/expected" "$dir/out" "output beside a bar"
    grep -q '\[#*\.*\] [0-9]*/[0-9]*, ' "$dir/err" || fail "no bar on a terminal"
    expect 0 "$tree"
    ! grep -q '\[#' "$dir/err" || fail "a bar, and no terminal"
}

make_tree
test_agrees_with_sha256sum
test_folders_in_the_order_given
test_mistakes_end_with_2
test_unreadable_ends_with_1
test_forbidden_ends_with_1
test_write_error_ends_with_1
test_bar_on_a_terminal_only
[ "$failures" -eq 0 ]
