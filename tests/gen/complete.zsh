#compdef PROGRAM
# Completion of PROGRAM for zsh. "fsync complete" says what fits; it writes nothing and says nothing else.

local program=fsync
local -a said whole open
[[ ${(Q)words[1]} == /* ]] && program=${${(Q)words[1]}:h}/fsync
said=("${(@f)$("$program" complete zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
# No space follows what begins with a slash: more of the word does.
whole=("${(@)${(@M)said[2,-1]:# *}# }")
open=("${(@)${(@M)said[2,-1]:#/*}#/}")
local done=1
(( $#whole )) && _describe -V 'PROGRAM' whole && done=0
(( $#open )) && _describe -V 'more' open -S '' && done=0
case $said[1] in
    directories) compset -P '--*='; _files -/ && done=0 ;;
    files) compset -P '--*='; _files && done=0 ;;
esac
return done
