# Makes src and dst, two small trees that differ in every way. What a plan says of them must hold wherever they are made: so sizes, modes
# and times are always the same.
set -eu
mkdir -p src/dir/new dst/dir dst/old
printf 'added\n' >src/dir/new/file
printf 'linked\n' >src/one
ln src/one src/two
printf 'new contents\n' >src/changed
printf 'old\n' >dst/changed
printf 'same\n' >src/mode
printf 'same\n' >dst/mode
ln -s dir/new src/link
ln -s elsewhere dst/link
ln -s changed src/kind
printf 'a file\n' >dst/kind
printf 'gone\n' >dst/old/file
printf 'moved, and not changed\n' >src/after
printf 'moved, and not changed\n' >dst/before
printf 'odd\n' >"src/$(printf 'odd\377\tname')"
printf 'kept\n' >src/kept
printf 'kept\n' >dst/kept
printf 'left out\n' >src/left.out
find src dst -mindepth 1 -exec touch -h -d '2026-11-20T10:00:00Z' {} +
touch -d '2026-11-21T10:00:00.25Z' src/changed src/dir
chmod -R u=rwX,go=rX src dst
chmod 0640 src/mode
touch -d '2026-11-22T10:00:00Z' src dst
