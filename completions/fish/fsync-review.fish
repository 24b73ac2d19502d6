# Completion of fsync-review for fish. "fsync complete" says what fits; it writes nothing and says nothing else.

function __fsync_complete
    set -l words (commandline -opc)
    set -l program fsync
    string match -q -- '/*' "$words[1]"; and set program (string replace -r '/[^/]*$' /fsync -- $words[1])
    command -q -- $program; or return
    # What is typed of the last word, without its quotes: one of them may still be open.
    set -l typed (commandline -ct)
    set -l last (string unescape -- "$typed"; or string unescape -- "$typed\""; or string unescape -- "$typed'")
    set -l said ($program complete fish -- $words "$last" 2>/dev/null </dev/null)
    # As it was typed: fish's own functions read it as a part of a command line.
    set -l option (string match -r -- '^--[^=]*=' "$typed")
    set -l value (string replace -r -- '^--[^=]*=' '' "$typed")
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

complete -c fsync-review -f -k -a '(__fsync_complete)'
