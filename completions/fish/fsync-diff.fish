complete -c fsync-diff -s d -l dir -d 'The directory that @, @{N} and tags belong to [default: .]' -r -F
complete -c fsync-diff -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]' -r
complete -c fsync-diff -l files-from -d 'Keep to the paths that FILE lists, one a line, and what is below them (- is standard input)' -r -F
complete -c fsync-diff -l min-size -d 'Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024)' -r
complete -c fsync-diff -l max-size -d 'Pass over files of a source that are larger than SIZE' -r
complete -c fsync-diff -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync-diff -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync-diff -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync-diff -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync-diff -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync-diff -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-diff -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-diff -l json -d 'Print NDJSON records, complete with what apply checks'
complete -c fsync-diff -s z -l null -d 'End lines in NUL and print names verbatim'
complete -c fsync-diff -l stat -d 'Print counts instead of changes'
complete -c fsync-diff -s p -l patch -d 'Print a patch of text files, as git does, instead of changes'
complete -c fsync-diff -l exit-code -d 'Exit with 1 when there are differences'
complete -c fsync-diff -l delete -d 'Plan the deletion of what no source has'
complete -c fsync-diff -l delete-excluded -d 'Delete excluded entries of the destination too (implies --delete)'
complete -c fsync-diff -s c -l checksum -d 'Compare contents whenever sizes are equal, whatever the times say'
complete -c fsync-diff -l size-only -d 'Take equal sizes for equal contents'
complete -c fsync-diff -l xattrs -d 'Compare extended attributes (ACLs among them)'
complete -c fsync-diff -l owner -d 'Compare owners and groups [default: only when run as root]'
complete -c fsync-diff -l renames -d 'Find renames: a deleted and an added entry of equal content (needs --delete)'
complete -c fsync-diff -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync-diff -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync-diff -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync-diff -l from0 -d 'The list\'s paths end in NUL instead of newline'
complete -c fsync-diff -l one-file-system -d 'Do not enter mount points, on either side'
complete -c fsync-diff -l newer-only -d 'Keep files of the destination that are newer than the source\'s'
complete -c fsync-diff -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-diff -s v -l verbose -d 'Say more'
complete -c fsync-diff -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync-diff -s V -l version -d 'Print version'
