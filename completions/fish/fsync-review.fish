# Completion of fsync-review for fish.

complete -c fsync-review -f
complete -c fsync-review -l none -d 'begin with nothing chosen'
complete -c fsync-review -s C -x -a '(__fish_complete_directories)' -d 'work as if started in DIR'
complete -c fsync-review -l repo -x -a '(__fish_complete_directories)' -d 'the repository'
complete -c fsync-review -s q -l quiet -d 'say nothing but errors'
complete -c fsync-review -s v -l verbose -d 'say more'
complete -c fsync-review -l progress -x -a 'auto never json' -d 'show how far the work has come'
complete -c fsync-review -l color -x -a 'auto always never' -d 'colour what is shown'
complete -c fsync-review -s h -l help -d 'print help'
complete -c fsync-review -s V -l version -d 'print version'
