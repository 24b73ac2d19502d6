# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fsync_global_optspecs
    string join \n C= repo= q/quiet v/verbose exec-path= no-config trace h/help V/version
end

function __fish_fsync_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fsync_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fsync_using_subcommand
    set -l cmd (__fish_fsync_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fsync -n "__fish_fsync_needs_command" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_needs_command" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_needs_command" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_needs_command" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_needs_command" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_needs_command" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_needs_command" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "cp" -d 'Make DST like SRC, or like several laid over each other'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "rv" -d 'Take back: make a directory exactly what it was before, or what a tag names'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "sync" -d 'Make DIR like the sources that its SYNC file names, laid over each other'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "mksync" -d 'Write DIR\'s SYNC file: the sources that "fsync sync DIR" lays over each other'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "th" -d 'List DIR\'s tags, a line each: time, tag and snapshot, separated by tabs'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "status" -d 'Say what "fsync sync DIR" would do: a line for each change, and a summary'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "log" -d 'List DIR\'s snapshots, newest first: the head\'s mark, time, id, tags and what was done after each'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "import" -d 'Record a zip file as a snapshot, and print its id'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "show" -d 'Show what is known of a snapshot, and what it changed'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "ls" -d 'List what a snapshot holds'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "cat" -d 'Print the contents of files in a snapshot'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "find" -d 'Say in which snapshots a path exists, and when it changed'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "du" -d 'Say what the repository holds, and what each snapshot alone costs'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "export" -d 'Write a whole snapshot as an ordinary zip, or as a tar stream'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "verify" -d 'Check the repository: that every archive is whole, and everything that snapshots name is there'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "repo" -d 'Make or update a second copy of the repository'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "prune" -d 'Remove old snapshots, and keep those that the policy names'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "forget" -d 'Take what a file ever held out of every snapshot, for good'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "config" -d 'Show and change settings: what holds for every directory, and for single ones'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "help" -d 'Show the help of a command, or of fsync itself'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "apply" -d 'Perform the plan on standard input (fsync-apply)'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "diff" -d 'Print the plan that makes one tree like others (fsync-diff)'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "revert" -d 'Make a directory exactly a snapshot (fsync-revert)'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "snap" -d 'Keep a directory\'s state (fsync-snap)'
complete -c fsync -n "__fish_fsync_needs_command" -f -a "tag" -d 'List, set, move and delete tags (fsync-tag)'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s t -l tag -d 'Give the snapshot of the state before the name TAG' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l files-from -d 'Keep to the paths that FILE lists, one a line, and what is below them (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l min-size -d 'Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024)' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l max-size -d 'Pass over files of a source that are larger than SIZE' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s n -l dry-run -d 'Print the plan and change nothing'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-snapshot -d 'Do not record the state before: this run cannot be taken back'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l allow-low-space -d 'Record the state before although the repository\'s disk seems to have no room for it'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l full -d 'Let the snapshot hold the whole tree, so that unzip gives the directory'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l thin -d 'Let the snapshot hold what no other one holds yet [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l delete -d 'Plan the deletion of what no source has'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l delete-excluded -d 'Delete excluded entries of the destination too (implies --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s c -l checksum -d 'Compare contents whenever sizes are equal, whatever the times say'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l size-only -d 'Take equal sizes for equal contents'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l xattrs -d 'Compare extended attributes (ACLs among them)'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l owner -d 'Compare owners and groups [default: only when run as root]'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l renames -d 'Find renames: a deleted and an added entry of equal content (needs --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l from0 -d 'The list\'s paths end in NUL instead of newline'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l one-file-system -d 'Do not enter mount points, on either side'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l newer-only -d 'Keep files of the destination that are newer than the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-delete -d 'Delete nothing, whatever the settings say [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l quick -d 'Compare sizes and times, and contents only where these leave it open [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l parents -d 'Make missing parents of the destination'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand cp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s d -l dir -d 'The directory [default: the one that the tag belongs to]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s t -l tag -d 'Go back to the snapshot named TAG [default: the state before the last change]' -r
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l to -d 'Write the state into NEWDIR, and leave the directory as it is' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l redo -d 'Take back the last rv instead'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s n -l dry-run -d 'Print the plan and change nothing'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l verify -d 'In the end, read everything back and compare it with the snapshot'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l allow-root -d 'Allow a revert of / or of a home directory'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l allow-low-space -d 'Record the present state although the repository\'s disk seems to have no room for it'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand rv" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s t -l tag -d 'Give the snapshot of the state before the name TAG' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l files-from -d 'Keep to the paths that FILE lists, one a line, and what is below them (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l min-size -d 'Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024)' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l max-size -d 'Pass over files of a source that are larger than SIZE' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s n -l dry-run -d 'Print the plan and change nothing'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-snapshot -d 'Do not record the state before: this run cannot be taken back'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l allow-low-space -d 'Record the state before although the repository\'s disk seems to have no room for it'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l full -d 'Let the snapshot hold the whole tree, so that unzip gives the directory'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l thin -d 'Let the snapshot hold what no other one holds yet [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l delete -d 'Plan the deletion of what no source has'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l delete-excluded -d 'Delete excluded entries of the destination too (implies --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s c -l checksum -d 'Compare contents whenever sizes are equal, whatever the times say'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l size-only -d 'Take equal sizes for equal contents'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l xattrs -d 'Compare extended attributes (ACLs among them)'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l owner -d 'Compare owners and groups [default: only when run as root]'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l renames -d 'Find renames: a deleted and an added entry of equal content (needs --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l from0 -d 'The list\'s paths end in NUL instead of newline'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l one-file-system -d 'Do not enter mount points, on either side'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l newer-only -d 'Keep files of the destination that are newer than the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-delete -d 'Delete nothing, whatever the settings say [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l quick -d 'Compare sizes and times, and contents only where these leave it open [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l parents -d 'Make missing parents of the destination'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l force -d 'Replace a SYNC file that is there, and name sources that are missing'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l drop-filters -d 'Forget the filters of sources that are named again [default: with --force these keep theirs]'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand mksync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand th" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand th" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand th" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand th" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand th" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand th" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand th" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand th" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]' -r
complete -c fsync -n "__fish_fsync_using_subcommand status" -l files-from -d 'Keep to the paths that FILE lists, one a line, and what is below them (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand status" -l min-size -d 'Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024)' -r
complete -c fsync -n "__fish_fsync_using_subcommand status" -l max-size -d 'Pass over files of a source that are larger than SIZE' -r
complete -c fsync -n "__fish_fsync_using_subcommand status" -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync -n "__fish_fsync_using_subcommand status" -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand status" -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand status" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand status" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand status" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand status" -l delete -d 'Plan the deletion of what no source has'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l delete-excluded -d 'Delete excluded entries of the destination too (implies --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand status" -s c -l checksum -d 'Compare contents whenever sizes are equal, whatever the times say'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l size-only -d 'Take equal sizes for equal contents'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l xattrs -d 'Compare extended attributes (ACLs among them)'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l owner -d 'Compare owners and groups [default: only when run as root]'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l renames -d 'Find renames: a deleted and an added entry of equal content (needs --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l from0 -d 'The list\'s paths end in NUL instead of newline'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l one-file-system -d 'Do not enter mount points, on either side'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l newer-only -d 'Keep files of the destination that are newer than the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l no-delete -d 'Delete nothing, whatever the settings say [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l quick -d 'Compare sizes and times, and contents only where these leave it open [the default without settings]'
complete -c fsync -n "__fish_fsync_using_subcommand status" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand status" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand status" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand log" -s n -l max-count -d 'Only the newest N' -r
complete -c fsync -n "__fish_fsync_using_subcommand log" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand log" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand log" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand log" -l json -d 'Print JSON, one object a line'
complete -c fsync -n "__fish_fsync_using_subcommand log" -l graph -d 'Draw the snapshots and where each comes from, with what was done after each'
complete -c fsync -n "__fish_fsync_using_subcommand log" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand log" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand log" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand log" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand import" -s d -l dir -d 'The directory that the snapshot shall belong to; it need not exist [default: the path of FILE itself]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand import" -s t -l tag -d 'Tag the snapshot' -r
complete -c fsync -n "__fish_fsync_using_subcommand import" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand import" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand import" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand import" -l allow-low-space -d 'Begin although the repository\'s disk seems to have no room for what is in FILE'
complete -c fsync -n "__fish_fsync_using_subcommand import" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand import" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand import" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand import" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand show" -s d -l dir -d 'The directory that @, @{N} and tags belong to' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand show" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand show" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand show" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand show" -l json -d 'Print JSON; with --changes, a change record for each change too'
complete -c fsync -n "__fish_fsync_using_subcommand show" -l changes -d 'Print every change since its parent'
complete -c fsync -n "__fish_fsync_using_subcommand show" -l stat -d 'Only count the changes'
complete -c fsync -n "__fish_fsync_using_subcommand show" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand show" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand show" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand show" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s d -l dir -d 'The directory that @, @{N} and tags belong to' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand ls" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand ls" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s r -l recursive -d 'List what is in directories too, all the way down'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s l -l long -d 'Print mode, owner and group, size in bytes, time, path, and the target of a symbolic link, separated by tabs'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s z -l null -d 'End lines in NUL and print names verbatim; with --long, a target follows its path as a field of its own'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -l json -d 'Print JSON, one object a line'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand cat" -s d -l dir -d 'The directory that @, @{N} and tags belong to' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cat" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cat" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cat" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand cat" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand cat" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand cat" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand cat" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand cat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand find" -s d -l dir -d 'The directory [default: all that the repository has snapshots of]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand find" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand find" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand find" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand find" -s z -l null -d 'End lines in NUL and print names verbatim'
complete -c fsync -n "__fish_fsync_using_subcommand find" -l json -d 'Print JSON, one object a line'
complete -c fsync -n "__fish_fsync_using_subcommand find" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand find" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand find" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand find" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand find" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand du" -s d -l dir -d 'Of directories and snapshots, only those of DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand du" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand du" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand du" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand du" -s s -l summarize -d 'Leave out the single snapshots'
complete -c fsync -n "__fish_fsync_using_subcommand du" -l json -d 'Print JSON, one object a line'
complete -c fsync -n "__fish_fsync_using_subcommand du" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand du" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand du" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand du" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand du" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand export" -s o -l output -d 'Where to write it [default: standard output]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand export" -s d -l dir -d 'The directory that @, @{N} and tags belong to' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand export" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand export" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand export" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand export" -l tar -d 'Write a tar stream instead of a zip'
complete -c fsync -n "__fish_fsync_using_subcommand export" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand export" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand export" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand export" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l read-data -d 'Read contents too, and compare them with their digests: all of them, or N% of the bytes, another part each time' -r
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l restore -d 'Restore the newest snapshot of each directory into scratch space, or N snapshots by chance; compare, and remove it again' -r
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l scratch -d 'Where to restore to [default: the directory for temporary files]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand verify" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l repair -d 'Mend what can be mended: damaged archives are moved to damaged/ in the repository, and what they held is saved from them, from other archives and from the recorded directories'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l json -d 'Print JSON, one object a line: each finding with all its paths, and what was done'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and not __fish_seen_subcommand_from copy" -f -a "copy" -d 'Make OTHER a second copy of the repository, or bring one up to date'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand repo; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s d -l dir -d 'Only snapshots of this directory, which may be gone [default: of every directory]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-last -d 'Keep the N newest snapshots of each directory' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-hourly -d 'Keep the newest snapshot of each of the N latest hours that have one' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-daily -d 'The same of days' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-weekly -d 'The same of weeks, from Monday' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-monthly -d 'The same of months' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-yearly -d 'The same of years' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-within -d 'Keep what is at most DURATION older than the newest snapshot of its directory: 30d, 12h, 1y2m (y, m, w, d, h)' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l keep-tag -d 'Keep what has a tag that PATTERN matches (* any characters, ? one); may be given again' -r
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l prune-tagged -d 'Let tagged snapshots go too, unless a rule keeps them; their tags are deleted'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s n -l dry-run -d 'Change nothing; say what would go and how many bytes that would free'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l json -d 'Print JSON, one object a line, of what stays too'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s d -l dir -d 'The directory, which may be gone' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand forget" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand forget" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand forget" -l everywhere -d 'Forget the contents wherever else they are recorded: under other paths, of other directories'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s n -l dry-run -d 'Change nothing; say what would be forgotten'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand config" -l show -d 'Say every setting: name, value, where the value comes from, and the section, separated by tabs [default without KEY]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand config" -s d -l dir -d 'The directory whose settings are shown or changed [default: what holds for every directory]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand config" -l unset -d 'Take a setting out of the file' -r
complete -c fsync -n "__fish_fsync_using_subcommand config" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand config" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand config" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand config" -l edit -d 'Open the file in $VISUAL, $EDITOR or vi, and check it afterwards'
complete -c fsync -n "__fish_fsync_using_subcommand config" -l path -d 'Say where the file is, or would be'
complete -c fsync -n "__fish_fsync_using_subcommand config" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand config" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand config" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand config" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand help" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand help" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand help" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand help" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand help" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand help" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand help" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand help" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: the plan\'s]' -r
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s n -l dry-run -d 'Change nothing; say what would become of each change'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l require-snapshot -d 'Refuse a plan without a snapshot of its destination'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l json -d 'Print a result record for each change'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l parents -d 'Make missing parents of the destination'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand apply" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s d -l dir -d 'The directory that @, @{N} and tags belong to [default: .]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l modify-window -d 'Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l files-from -d 'Keep to the paths that FILE lists, one a line, and what is below them (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l min-size -d 'Pass over files of a source that are smaller than SIZE bytes (or with K, M, G, T: times 1024)' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l max-size -d 'Pass over files of a source that are larger than SIZE' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l source-exclude -d 'Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l source-include -d 'Keep what matches PATTERN of source N although a --source-exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l json -d 'Print NDJSON records, complete with what apply checks'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s z -l null -d 'End lines in NUL and print names verbatim'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l stat -d 'Print counts instead of changes'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s p -l patch -d 'Print a patch of text files, as git does, instead of changes'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l exit-code -d 'Exit with 1 when there are differences'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l delete -d 'Plan the deletion of what no source has'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l delete-excluded -d 'Delete excluded entries of the destination too (implies --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s c -l checksum -d 'Compare contents whenever sizes are equal, whatever the times say'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l size-only -d 'Take equal sizes for equal contents'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l xattrs -d 'Compare extended attributes (ACLs among them)'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l owner -d 'Compare owners and groups [default: only when run as root]'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l renames -d 'Find renames: a deleted and an added entry of equal content (needs --delete)'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l no-owner -d 'Neither compare nor set owners and groups; a changed file keeps its own'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l no-perms -d 'Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l no-times -d 'Neither compare nor set modification times; where they differ, contents are compared'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l from0 -d 'The list\'s paths end in NUL instead of newline'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l one-file-system -d 'Do not enter mount points, on either side'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l newer-only -d 'Keep files of the destination that are newer than the source\'s'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand diff" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s t -l tag -d 'The snapshot that bears TAG' -r
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l to -d 'Write the snapshot to NEWDIR, which is missing or empty, and leave DIR alone' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l redo -d 'Take back the newest revert that was not taken back yet'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s n -l dry-run -d 'Change nothing; print the plan'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l json -d 'Print records: results, or with --dry-run the plan'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l verify -d 'In the end, read everything back and compare it with the snapshot'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l allow-root -d 'Allow / and home directories'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l allow-low-space -d 'Record the present state although the repository\'s disk seems to have no room for it'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand revert" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s t -l tag -d 'Tag the snapshot' -r
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l export -d 'Write the complete zip of SNAPSHOT instead of recording anything' -r
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s o -l output -d 'Where to write it [default: standard output]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l exclude -d 'Leave out what matches a gitignore PATTERN; may be given again, the last match decides' -r
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l include -d 'Keep what matches PATTERN although an --exclude leaves it out' -r
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l exclude-from -d 'Read patterns from FILE, one a line, as in a gitignore file (- is standard input)' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l max-delete -d 'Allow N deletions, or N% of the destination\'s entries [default: 50%, and always 10]' -r
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l full -d 'Make an archive that holds the whole tree, whatever others hold already'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l through -d 'Read a plan (NDJSON) on standard input; if it holds a change, record its destination before passing on its end'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l stdin -d 'Read paths on standard input, one a line, and record only what became of them and of all below them'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l from0 -d 'The paths on standard input end in NUL instead of newline'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l guard -d 'Refuse what fsync-apply would refuse, before anything is recorded; takes its options'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l tar -d 'Write a tar stream instead of a zip'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l one-file-system -d 'Do not record what is mounted below the directory; a plan made with this option brings it along'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l allow-low-space -d 'Begin although the repository\'s disk seems to have no room for what must be recorded'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l allow-empty-source -d 'Allow deletions although the source is empty'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l allow-unmounted -d 'Allow a source that was a mount point at the last run and is none now'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l allow-root -d 'Allow deletions in / or in a home directory'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l parents -d 'Make missing parents of the destination'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l json -d 'Print records (NDJSON) instead of the id'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand snap" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -l json -d 'Print records (NDJSON)'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -s V -l version -d 'Print version'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -a "create" -d 'Tag a snapshot; refused when the directory has that tag'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -a "move" -d 'Move a tag that is there; its earlier positions stay in its history'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -a "delete" -d 'Delete a tag; snapshots and the tag\'s history stay'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and not __fish_seen_subcommand_from create move delete history" -a "history" -d 'List where tags pointed, oldest first'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -s d -l dir -d 'The directory that the tag belongs to [default: the snapshot\'s]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -l json -d 'Print records (NDJSON)'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -s d -l dir -d 'The directory that the tag belongs to [default: the snapshot\'s]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -l json -d 'Print records (NDJSON)'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -s d -l dir -d 'The directory that the tag belongs to [default: the one that has it]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -l json -d 'Print records (NDJSON)'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -s d -l dir -d 'The directory [default: all]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -l exec-path -d 'Look for fsync\'s programs in DIR first [default: $FSYNC_EXEC_PATH, then the folder of fsync, then PATH]' -r -F
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say more'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -l json -d 'Print records (NDJSON)'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -l no-config -d 'Leave out of account what "fsync config" has set [default: the settings hold where no option is given]'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -l trace -d 'Print the pipeline that runs, as a shell reads it'
complete -c fsync -n "__fish_fsync_using_subcommand tag; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
