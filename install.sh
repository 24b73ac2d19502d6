#!/bin/sh
# Puts fsync's programs, manual pages and completions below a prefix, or takes them away again. `make install` and
# `make uninstall` call it, in the folder of the sources.
#
#   install.sh put BUILT DESTDIR PREFIX     BUILT is the folder of the programs that were built
#   install.sh take DESTDIR PREFIX
#
# The programs that were put lose their debugging symbols by the program that STRIP names; none when it is "no".
# The program that reaches object storage (fsync-store-s3) is put where it was built; with STORES=yes it must have been,
# and with STORES=no it is not put.
#
# What was put is listed in PREFIX/lib/fsync/installed: "d PATH" is a directory that was not there before, "f PATH" a
# file. (PREFIX/share/fsync is the default repository where PREFIX is ~/.local.) Taking away removes these files, and these
# directories where nothing else is in them.
set -eu
umask 022

programs='fsync fsync-apply fsync-diff fsync-graph fsync-mount fsync-revert fsync-review fsync-snap fsync-tag fsync-watch'
stores='fsync-store-s3'
# One program under several names: the address says what is meant.
names_of_stores='fsync-store-az fsync-store-gs'

usage() {
    sed -n 's/^#   /usage: /p' "$0" >&2
    exit 2
}

# Where paths begin: DESTDIR/PREFIX, of which only the directories below DESTDIR are ours to make.
place() {
    root=$1
    case $2 in
        /*) prefix=$2 ;;
        *) prefix=$(pwd)/$2 ;;
    esac
    prefix=${prefix%/}
    list=$prefix/lib/fsync/installed
}

# Makes a directory and those above it, and notes which were not there.
directory() {
    [ -d "$root$1" ] && return
    case ${1%/*} in
        '') ;;
        *) directory "${1%/*}" ;;
    esac
    mkdir "$root$1"
    printf 'd %s\n' "$1" >>"$new"
}

# file MODE FROM FOLDER NAME
file() {
    directory "$prefix/$3"
    install -Tm "$1" "$2" "$root$prefix/$3/$4"
    printf 'f %s\n' "$prefix/$3/$4" >>"$new"
}

# Puts a program that was built.
program() {
    file 755 "$built/$1" bin "$1"
    # Without strip(1) it is only larger.
    [ "${STRIP-no}" = no ] || "$STRIP" "$root$prefix/bin/$1" || :
}

# Whether the stores are to be put.
with_stores() {
    case ${STORES-} in
        yes) return 0 ;;
        no) return 1 ;;
        *) [ -x "$built/$stores" ] ;;
    esac
}

put() {
    built=$1
    place "$2" "$3"
    wanted=$programs
    ! with_stores || wanted="$programs $stores"
    for program in $wanted; do
        if ! [ -x "$built/$program" ]; then
            echo "install.sh: $built/$program is not built yet; \"make\" builds it" >&2
            exit 1
        fi
    done
    [ -z "$root" ] || mkdir -p "$root"
    new=$(mktemp)
    trap note EXIT
    directory "$prefix/lib/fsync"
    for program in $programs; do
        program "$program"
        file 644 "completions/bash/$program" share/bash-completion/completions "$program"
        file 644 "completions/zsh/_$program" share/zsh/site-functions "_$program"
        file 644 "completions/fish/$program.fish" share/fish/vendor_completions.d "$program.fish"
    done
    if with_stores; then
        program "$stores"
        for name in $names_of_stores; do
            ln -sfn "$stores" "$root$prefix/bin/$name"
            printf 'f %s\n' "$prefix/bin/$name" >>"$new"
        done
    fi
    for page in man/*.[1-8]; do
        file 644 "$page" "share/man/man${page##*.}" "${page##*/}"
    done
}

# Writes the list, also when not all could be put: uninstall takes away what was.
note() {
    code=$?
    printf 'f %s\n' "$list" >>"$new"
    # What an earlier version put, and this one does not, goes; the directories that it made stay ours.
    if [ -f "$root$list" ]; then
        while read -r kind path; do
            if grep -qxF "$kind $path" "$new"; then
                continue
            elif [ "$kind" = f ] && [ $code = 0 ]; then
                remove "$path"
            else
                printf '%s %s\n' "$kind" "$path" >>"$new"
            fi
        done <"$root$list"
    fi
    # Where not even its folder could be made, nothing was put.
    [ ! -d "$root${list%/*}" ] || install -m 644 "$new" "$root$list" || code=1
    rm -f "$new"
    exit $code
}

# Removes a file of the list, if it is where the list may lead.
remove() {
    case ${1#"$prefix"}/ in
        */../*) ;;
        "$1"/) ;;
        /*) rm -f "$root$1" ;;
    esac
}

take() {
    place "$1" "$2"
    if ! [ -f "$root$list" ]; then
        echo "install.sh: nothing was installed below $root$prefix: there is no $root$list" >&2
        exit 1
    fi
    old=$(mktemp)
    trap 'rm -f "$old"' EXIT
    cp "$root$list" "$old"
    while read -r kind path; do
        [ "$kind" != f ] || remove "$path"
    done <"$old"
    # The longest paths are the deepest of each branch.
    sed -n 's/^d //p' "$old" | LC_ALL=C sort -r | while read -r path; do
        case ${path#"$prefix"}/ in
            */../*) continue ;;
            # It does not begin with the prefix: it may be above it.
            "$path"/) case $prefix/ in "$path"/*) ;; *) continue ;; esac ;;
            /*) ;;
            *) continue ;;
        esac
        rmdir "$root$path" 2>/dev/null || :
    done
}

case ${1-}-$# in
    put-4) put "$2" "$3" "$4" ;;
    take-3) take "$2" "$3" ;;
    *) usage ;;
esac
