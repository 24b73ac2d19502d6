complete -c fsync-apply -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: the plan\'s]' -r
complete -c fsync-apply -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync-apply -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync-apply -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync-apply -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-apply -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-apply -s n -l dry-run -d 'Change nothing; say what would become of each change'
complete -c fsync-apply -l require-snapshot -d 'Refuse a plan without a snapshot of its destination'
complete -c fsync-apply -l json -d 'Print a result record for each change'
complete -c fsync-apply -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync-apply -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync-apply -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync-apply -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync-apply -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync-apply -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync-apply -l parents -d 'Make missing parents of the destination'
complete -c fsync-apply -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-apply -s v -l verbose -d 'Say more'
complete -c fsync-apply -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync-apply -s V -l version -d 'Print version'
