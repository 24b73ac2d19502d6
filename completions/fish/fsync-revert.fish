# Completion of fsync-revert for fish. "fsync complete" says what fits; it writes nothing and says nothing else.

function __fsync_complete
    set -l words (commandline -opc)
    set -l program fsync
    string match -q -- '/*' "$words[1]"; and set program (string replace -r '/[^/]*$' /fsync -- $words[1])
    # Tokens without their quotes; what stands after the last blank is none.
    set -l last (commandline -ct)
    set -l plain (commandline -oct)
    test -n "$last"; and set last "$plain[-1]"
    set -l said ($program complete fish -- $words "$last" 2>/dev/null </dev/null)
    set -l option (string match -r -- '^--[^=]*=' "$last")
    set -l value (string replace -r -- '^--[^=]*=' '' "$last")
    switch "$said[1]"
        case directories
            __fish_complete_directories "$value" | string replace -r '^' -- "$option"
        case files
            __fish_complete_path "$value" | string replace -r '^' -- "$option"
    end
    set -e said[1]
    test -n "$said[1]"; and printf '%s\n' $said
    return 0
end

complete -c fsync-revert -f -k -a '(__fsync_complete)'
