complete -c fsync-revert -s t -l tag -d 'The snapshot that bears TAG' -r
complete -c fsync-revert -l to -d 'Write the snapshot to NEWDIR, which is missing or empty, and leave DIR alone' -r -F
complete -c fsync-revert -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-revert -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-revert -l redo -d 'Take back the newest revert that was not taken back yet'
complete -c fsync-revert -s n -l dry-run -d 'Change nothing; print the plan'
complete -c fsync-revert -l json -d 'Print records: results, or with --dry-run the plan'
complete -c fsync-revert -l verify -d 'In the end, read everything back and compare it with the snapshot'
complete -c fsync-revert -l allow-root -d 'Allow / and home directories'
complete -c fsync-revert -l allow-low-space -d 'Record the present state although the repository\'s disk seems to have no room for it'
complete -c fsync-revert -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-revert -s v -l verbose -d 'Say more'
complete -c fsync-revert -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync-revert -s V -l version -d 'Print version'
