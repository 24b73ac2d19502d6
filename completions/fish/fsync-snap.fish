complete -c fsync-snap -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-snap -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-snap -s t -l tag -d 'Tag the snapshot' -r
complete -c fsync-snap -l export -d 'Write the complete zip of SNAPSHOT instead of recording anything' -r
complete -c fsync-snap -s o -l output -d 'Where to write it [default: standard output]' -r -F
complete -c fsync-snap -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync-snap -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync-snap -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync-snap -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync-snap -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-snap -s v -l verbose -d 'Say more'
complete -c fsync-snap -l full -d 'Make an archive that holds the whole tree, whatever others hold already'
complete -c fsync-snap -l through -d 'Read a plan (NDJSON) on standard input; if it holds a change, record its destination before passing on its end'
complete -c fsync-snap -l stdin -d 'Read paths on standard input, one a line, and record only what became of them and of all below them'
complete -c fsync-snap -l from0 -d 'The paths on standard input end in NUL instead of newline'
complete -c fsync-snap -l guard -d 'Refuse what fsync-apply would refuse, before anything is recorded; takes its options'
complete -c fsync-snap -l tar -d 'Write a tar stream instead of a zip'
complete -c fsync-snap -l one-file-system -d 'Do not record what is mounted below the directory; a plan made with this option brings it along'
complete -c fsync-snap -l allow-low-space -d 'Begin although the repository\'s disk seems to have no room for what must be recorded'
complete -c fsync-snap -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync-snap -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync-snap -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync-snap -l parents -d 'Make missing parents of the destination'
complete -c fsync-snap -l json -d 'Print records (NDJSON) instead of the id'
complete -c fsync-snap -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync-snap -s V -l version -d 'Print version'
