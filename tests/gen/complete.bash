# Completion of PROGRAM for bash. "fsync complete" says what fits; it writes nothing and says nothing else.

_fsync() {
    local program=fsync said
    [[ $1 == /* ]] && program=${1%/*}/fsync
    mapfile -t said < <("$program" complete bash --breaks "$COMP_WORDBREAKS" -- "${COMP_LINE:0:COMP_POINT}" \
        2>/dev/null </dev/null)
    COMPREPLY=("${said[@]:1}")
    case ${said[0]} in
        directories*) compopt -o plusdirs ;;
        files*) compopt -o default ;;
    esac
    [[ ${said[0]} == *" open" ]] && compopt -o nospace
    # Not before bash 4.4.
    compopt -o nosort 2>/dev/null
    return 0
}

complete -F _fsync PROGRAM
