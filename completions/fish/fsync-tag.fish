# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fsync_tag_global_optspecs
    string join \n C= repo= q/quiet v/verbose json h/help V/version
end

function __fish_fsync_tag_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fsync_tag_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fsync_tag_using_subcommand
    set -l cmd (__fish_fsync_tag_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -s v -l verbose -d 'Say more'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -l json -d 'Print records (NDJSON)'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -s V -l version -d 'Print version'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -a "create" -d 'Tag a snapshot; refused when the directory has that tag'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -a "move" -d 'Move a tag that is there; its earlier positions stay in its history'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -a "delete" -d 'Delete a tag; snapshots and the tag\'s history stay'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -a "history" -d 'List where tags pointed, oldest first'
complete -c fsync-tag -n "__fish_fsync_tag_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -s d -l dir -d 'The directory that the tag belongs to [default: the snapshot\'s]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -s v -l verbose -d 'Say more'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -l json -d 'Print records (NDJSON)'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand create" -s h -l help -d 'Print help'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -s d -l dir -d 'The directory that the tag belongs to [default: the snapshot\'s]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -s v -l verbose -d 'Say more'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -l json -d 'Print records (NDJSON)'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand move" -s h -l help -d 'Print help'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -s d -l dir -d 'The directory that the tag belongs to [default: the one that has it]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -s v -l verbose -d 'Say more'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -l json -d 'Print records (NDJSON)'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand delete" -s h -l help -d 'Print help'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -s d -l dir -d 'The directory [default: all]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -s C -d 'Work as if started in DIR' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -l repo -d 'The repository [default: $FSYNC_REPO, else the settings\' (fsync config), else $XDG_DATA_HOME/fsync, else ~/.local/share/fsync]' -r -F
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -s q -l quiet -d 'Say nothing but errors'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -s v -l verbose -d 'Say more'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -l json -d 'Print records (NDJSON)'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand history" -s h -l help -d 'Print help'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand help; and not __fish_seen_subcommand_from create move delete history help" -f -a "create" -d 'Tag a snapshot; refused when the directory has that tag'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand help; and not __fish_seen_subcommand_from create move delete history help" -f -a "move" -d 'Move a tag that is there; its earlier positions stay in its history'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand help; and not __fish_seen_subcommand_from create move delete history help" -f -a "delete" -d 'Delete a tag; snapshots and the tag\'s history stay'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand help; and not __fish_seen_subcommand_from create move delete history help" -f -a "history" -d 'List where tags pointed, oldest first'
complete -c fsync-tag -n "__fish_fsync_tag_using_subcommand help; and not __fish_seen_subcommand_from create move delete history help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
