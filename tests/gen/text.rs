//! What the arguments do not say: more description, examples, and where to read on.

/// The hand-written parts of one page.
pub struct Text {
    /// Paragraphs behind the description.
    pub more: &'static [&'static str],
    /// What an example does, and its commands.
    pub examples: &'static [(&'static str, &'static str)],
    /// Other pages, with their sections.
    pub see: &'static [&'static str],
}

const SNAPSHOT_NAMES: &str = "A snapshot is named by its id or the beginning of it, by a tag, by @ (the head of the \
    directory), by @{n} (the state before its n-th last operation) or DIR@{n}, by DIR@{TIME} (as it was then), and any \
    of them with ~n (n steps back to the parent). Where a directory could be meant too, snap: in front says that it is a \
    snapshot.";

/// What is done with every kind of root; tests/conformance tries each pair, with slashes and without.
const ROOTS: &str = "It is always what a directory holds that goes into what the other one holds, never the directory itself: a slash \
    at the end of either root says nothing. A source is a directory, a symbolic link to one, or a snapshot; a file, \
    a link to one or a fifo is refused (exit code 2), and so is what is not there, or a link that leads nowhere (4). A destination \
    is a directory or a link to one, empty or not, or is missing: its last component is then made, and a missing parent \
    refused (4) unless --parents is given. A destination that is a file, a link to one, a fifo, or a link that leads nowhere is \
    refused (2).";

/// The text of a page.
///
/// # Panics
/// When there is a command without a text.
pub fn of(page: &str) -> Text {
    match page {
        "fsync" => FSYNC,
        "fsync-cp" => CP,
        "fsync-rv" => RV,
        "fsync-sync" => SYNC,
        "fsync-bundle" => BUNDLE,
        "fsync-mksync" => MKSYNC,
        "fsync-th" => TH,
        "fsync-status" => STATUS,
        "fsync-log" => LOG,
        "fsync-show" => SHOW,
        "fsync-import" => IMPORT,
        "fsync-ls" => LS,
        "fsync-cat" => CAT,
        "fsync-find" => FIND,
        "fsync-du" => DU,
        "fsync-export" => EXPORT,
        "fsync-verify" => VERIFY,
        "fsync-repo" => REPO,
        "fsync-prune" => PRUNE,
        "fsync-forget" => FORGET,
        "fsync-config" => CONFIG,
        "fsync-diff" => DIFF,
        "fsync-apply" => APPLY,
        "fsync-snap" => SNAP,
        "fsync-revert" => REVERT,
        "fsync-tag" => TAG,
        "fsync-serve" => SERVE,
        _ => panic!("{page} needs examples in tests/gen/text.rs"),
    }
}

/// What the commands of fsync are for; the last group has all that are in no other.
pub const GROUPS: [(&str, &[&str]); 5] = [
    ("Work", &["cp", "rv", "sync", "mksync", "status", "bundle"]),
    (
        "History",
        &["th", "log", "show", "ls", "cat", "find", "export", "import"],
    ),
    (
        "Repository and settings",
        &["config", "du", "verify", "prune", "forget", "repo"],
    ),
    (
        "Plumbing",
        &["diff", "apply", "snap", "revert", "tag", "serve"],
    ),
    ("Help", &[]),
];

/// What comes after the first session.
pub const READ_ON: &str = "fsync-tutorial(7) goes on from here: several sources, pipelines by hand, old snapshots. fsync-cp(1) and \
    fsync-rv(1) are the two commands to know first; each command below has such a page, and \"fsync help COMMAND\" prints the same \
    in short. fsync-records(5) describes what the programs say to each other, fsync-repository(5) what is kept where.";

/// How the page of fsync itself begins.
pub const INTRODUCTION: &str =
    "fsync makes one directory tree like another, and can take back whatever it did.";

const FSYNC: Text = Text {
    more: &[
        "It compares the two, and changes only what differs. Before the first byte of a directory changes, its state is kept as a \
         snapshot, and \"fsync rv -d DIR\" brings that back: names, contents, modes, times, links and extended attributes. \
         A snapshot is an ordinary zip file that any unzip opens, and costs what changed.",
        "Every command is a pipeline of small programs, fsync-diff, fsync-snap, fsync-apply, fsync-revert and fsync-tag, which \
         do one thing each; \"fsync --trace COMMAND ...\" prints the pipeline that it runs. In between is a plan, which is a text: \
         read it, thin it out with grep or jq, keep it in a file, apply it tomorrow.",
        "Any program fsync-NAME in the exec path, beside fsync or on PATH runs as \"fsync NAME\".",
    ],
    examples: &[
        (
            "Say once what a directory is made of, see what would be done, and do it:",
            "fsync mksync config defaults mine\nfsync status config\nfsync sync config",
        ),
        (
            "See the pipeline that a command is:",
            "fsync --trace cp site copy",
        ),
    ],
    see: &[
        "fsync-tutorial(7)",
        "fsync-cp(1)",
        "fsync-rv(1)",
        "fsync-sync(1)",
        "fsync-mksync(1)",
        "fsync-th(1)",
        "fsync-status(1)",
        "fsync-bundle(1)",
        "fsync-log(1)",
        "fsync-show(1)",
        "fsync-import(1)",
        "fsync-ls(1)",
        "fsync-cat(1)",
        "fsync-find(1)",
        "fsync-du(1)",
        "fsync-export(1)",
        "fsync-verify(1)",
        "fsync-repo(1)",
        "fsync-diff(1)",
        "fsync-apply(1)",
        "fsync-snap(1)",
        "fsync-revert(1)",
        "fsync-tag(1)",
        "fsync-serve(1)",
        "fsync-review(1)",
        "fsync-graph(1)",
        "fsync-watch(1)",
        "fsync-mount(1)",
    ],
};

const CP: Text = Text {
    more: &[ELSEWHERE],
    examples: &[
        (
            "Make a directory on another machine like site, and one here like that:",
            "fsync cp site backup.example.org:site\nfsync cp backup.example.org:site restored",
        ),
        (
            "Make copy like site, also deleting what site has not, and give the state before a name:",
            "fsync cp --delete -t before site copy",
        ),
        (
            "Lay two directories over each other; of names that both have, those of mine win:",
            "fsync cp defaults mine config",
        ),
        (
            "Leave out what is built, but not one file of it:",
            "fsync cp --exclude \"target/*\" --include target/report.html work backup",
        ),
        (
            "Perform a bundle that was made on another machine:",
            "fsync cp --bundle changes.zip copy",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-rv(1)",
        "fsync-diff(1)",
        "fsync-snap(1)",
        "fsync-apply(1)",
    ],
};

const RV: Text = Text {
    more: &[],
    examples: &[
        (
            "Take back the last change of copy, then take that back:",
            "fsync rv -d copy\nfsync rv -d copy --redo",
        ),
        (
            "Take back one file only:",
            "fsync rv -d copy -- css/main.css",
        ),
        (
            "Look at the state that a tag names without changing anything:",
            "fsync rv -d copy -t before --to /tmp/before",
        ),
    ],
    see: &["fsync(1)", "fsync-revert(1)", "fsync-log(1)", "fsync-th(1)"],
};

const SYNC: Text = Text {
    more: &[
        "Behind the line of a source, lines --exclude=PATTERN and --include=PATTERN say what that source alone does not \
         supply. They only narrow: what a filter matches at DIR is never deleted. fsync-config(5) describes the file.",
    ],
    examples: &[(
        "Say once what a directory is made of, then keep it so:",
        "fsync mksync config defaults mine\nfsync sync config",
    )],
    see: &[
        "fsync(1)",
        "fsync-mksync(1)",
        "fsync-status(1)",
        "fsync-rv(1)",
    ],
};

const MKSYNC: Text = Text {
    more: &[
        "In the file, empty lines and lines that begin with # mean nothing. The line of a source may be followed by its \
         filters, lines --exclude=PATTERN and --include=PATTERN; --source-exclude and --source-include write them. With \
         --force, sources that are named again keep theirs. Anything else is reserved; fsync-config(5) describes the file.",
    ],
    examples: &[
        (
            "Two sources, of which mine wins:",
            "fsync mksync config defaults mine",
        ),
        (
            "The same, without the backup files of the first one:",
            "fsync mksync config defaults mine --source-exclude '1:*.bak'",
        ),
    ],
    see: &["fsync(1)", "fsync-sync(1)", "fsync-status(1)"],
};

const TH: Text = Text {
    more: &[],
    examples: &[(
        "Go back to the newest tag of copy:",
        "fsync rv -d copy -t \"$(fsync th copy | sort | tail -n 1 | cut -f 2)\"",
    )],
    see: &["fsync(1)", "fsync-tag(1)", "fsync-log(1)"],
};

const STATUS: Text = Text {
    more: &[],
    examples: &[(
        "See what sync would do, deletions too:",
        "fsync status --delete config",
    )],
    see: &["fsync(1)", "fsync-sync(1)", "fsync-diff(1)"],
};

const BUNDLE: Text = Text {
    more: &[
        "FILE is an ordinary zip: ABOUT in its folder .fsync says what it is, plan.ndjson there is the plan, and the files that it adds or \
         changes are under their own names. Renames, deletions and new metadata need no contents. fsync-repository(5) describes it.",
        "Far away, what the plan expects is told by kind, size, modification time and permission bits; which inodes they were here says \
         nothing. So DST must be as the far directory is in these: a copy that keeps times (cp -a, rsync -a), the far directory as it \
         was, or a snapshot of either. The same bundle may be performed again: what is as planned stays as it is.",
        "Owners are numbers, and may be other people there; --no-owner leaves them out. Whoever has the file has what is in \
         it: it is not encrypted. A bundle is not trusted either: whatever it says, nothing outside the directory that it is performed \
         on is written, and all that it holds is compared with its digests before the first change.",
    ],
    examples: &[
        (
            "Bundle what makes copy, which is as the far directory is, like site; look at it, also without fsync:",
            "fsync bundle --delete -o changes.zip site copy\nfsync-diff --bundle changes.zip\nunzip -l changes.zip",
        ),
        (
            "Far away: see what would become of each change, do it, and take it back:",
            "fsync-apply --dry-run --json --bundle changes.zip copy\nfsync cp --bundle changes.zip copy\nfsync rv -d copy",
        ),
        (
            "Remember what the far machine was given, and later bundle what changed since:",
            "fsync-snap -t sent site\nfsync bundle --delete -d site -o changes.zip site sent",
        ),
        (
            "Bundle a part of a plan:",
            "fsync-diff --json site copy | jq -c 'select(.type != \"change\" or (.path | endswith(\".css\")))' | fsync bundle -o css.zip",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-cp(1)",
        "fsync-diff(1)",
        "fsync-apply(1)",
        "fsync-export(1)",
        "fsync-repository(5)",
    ],
};

const LOG: Text = Text {
    more: &[
        "--dot and --html are the work of fsync-graph(1), which may have been left out when fsync was installed.",
    ],
    examples: &[
        ("The history of copy:", "fsync log copy"),
        (
            "The same as a drawing, with what was done after each snapshot:",
            "fsync log --graph copy",
        ),
        (
            "Ids and times of all its snapshots, for other programs:",
            "fsync log --json copy | jq -r '[.id, .time.secs] | @tsv'",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-graph(1)",
        "fsync-show(1)",
        "fsync-rv(1)",
        "fsync-th(1)",
    ],
};

const SHOW: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "The state before the last operation on copy:",
            "fsync show copy@{1}",
        ),
        (
            "Everything that the head of copy changed:",
            "fsync show --changes copy@",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-log(1)",
        "fsync-ls(1)",
        "fsync-diff(1)",
        "fsync-snap(1)",
    ],
};

const LS: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "What the head of copy holds, and what is in one directory of it:",
            "fsync ls copy@\nfsync ls --long copy@ css",
        ),
        (
            "The five largest files:",
            "fsync ls -rl copy@ | sort -t \"$(printf '\\t')\" -k 3 -rn | head -n 5",
        ),
    ],
    see: &["fsync(1)", "fsync-cat(1)", "fsync-find(1)", "fsync-show(1)"],
};

const CAT: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[(
        "A file as it was before the last operation on copy:",
        "fsync cat copy@{1} css/main.css",
    )],
    see: &[
        "fsync(1)",
        "fsync-ls(1)",
        "fsync-export(1)",
        "fsync-revert(1)",
    ],
};

const FIND: Text = Text {
    more: &[
        "A pattern without a slash (but for one at its end) matches names at any depth. One with a slash matches paths \
         from the root of the snapshots; / in front does so for a name at the root. A slash at the end matches directories \
         only. A plain path is looked up without reading the rest; of the snapshots after the first only the directories \
         that differ are read.",
    ],
    examples: &[
        (
            "When did this file change, and when was it deleted?",
            "fsync find css/main.css copy",
        ),
        (
            "Every style sheet that ever was, in any directory:",
            "fsync find '*.css' | cut -f 4 | sort -u",
        ),
    ],
    see: &["fsync(1)", "fsync-log(1)", "fsync-ls(1)", "fsync-cat(1)"],
};

const DU: Text = Text {
    more: &[
        "What stands beside contents and nodes in archives is names, times, directories of zip files, and contents that \
         archives made with --full hold again.",
    ],
    examples: &[
        ("What each directory costs:", "fsync du --summarize"),
        (
            "The snapshots of copy that cost most:",
            "fsync du -d copy | grep '^snapshot' | sort -t \"$(printf '\\t')\" -k 4 -rn | head",
        ),
    ],
    see: &["fsync(1)", "fsync-log(1)", "fsync-show(1)"],
};

const EXPORT: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "The state before the last operation on copy, as a zip and as a tar file:",
            "fsync export -o before.zip copy@{1}\nfsync export --tar copy@{1} | gzip >before.tar.gz",
        ),
        (
            "Extract a tar stream with everything that it holds:",
            "fsync export --tar copy@ | tar -x --xattrs --xattrs-include='*' -C restored",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-snap(1)",
        "fsync-revert(1)",
        "fsync-cat(1)",
    ],
};

const IMPORT: Text = Text {
    more: &["fsync-repository(5) says what is taken from a zip, and which ones are refused."],
    examples: &[(
        "Record what somebody sent, look at it, and make a directory of it:",
        "fsync import -d project -t sent project.zip\nfsync show sent\nfsync rv -d project -t sent",
    )],
    see: &["fsync(1)", "fsync-rv(1)", "fsync-show(1)", "fsync-snap(1)"],
};

const REPO: Text = Text {
    more: &[],
    examples: &[
        (
            "Keep a second copy on another disk, and check it:",
            "fsync repo copy /mnt/disk/fsync\nfsync --repo /mnt/disk/fsync verify",
        ),
        (
            "Bring a directory back from there:",
            "fsync --repo /mnt/disk/fsync rv -d copy",
        ),
    ],
    see: &["fsync(1)", "fsync-verify(1)"],
};

const VERIFY: Text = Text {
    more: &[
        "Every archive is read whole and its SHA-1 compared with its name, its directory with what stands before each entry, \
         and both with what a second zip reader sees. The catalog is held against archives and log; parents, heads, tags and the \
         .fsync-backup files of the recorded directories must name snapshots that are there. Each damage is one line on \
         standard error, and each snapshot that it costs something another one, with the paths that cannot be restored. \
         (The first of them; all with --verbose or --json.)",
        "The catalog is an index. One that is damaged, cut short, or another repository's is made again by whatever \
         program comes first, which says so; when that is verify, it is a finding. One that is missing, or only behind, as a crash leaves it, is none.",
        "--read-data adds the contents: what is in a whole archive is what was written, and with this it is also \
         what its digest says.",
        "--repair uses the repository alone. Damaged archives are moved to the folder damaged in it, never deleted. What they still \
         hold whole, what other archives hold, and what is still in the recorded directories, under whatever name, goes \
         into a pack, so that the snapshots keep their ids and can be reverted to. A damaged line of the log is replaced by one that says \
         nothing, and the log as it was is kept in damaged too. What is lost is listed; a snapshot that lost some \
         of its files is kept for the rest, and a later repair heals it when they have come to light. The exit code is 0 when all \
         is well afterwards, and 8 otherwise.",
        "--restore writes snapshots to scratch space as a revert would, reads everything again, compares it with what was \
         recorded, and removes it.",
    ],
    examples: &[
        ("Read and check everything:", "fsync verify --read-data"),
        (
            "Every night, a twentieth of the contents and one snapshot restored:",
            "fsync verify --read-data 5% --restore 1",
        ),
        ("Mend what can be mended:", "fsync verify --repair"),
        (
            "What is lost, as a list:",
            "fsync verify --json | jq -r 'select(.lost) | .snapshot + \" \" + .lost[].path'",
        ),
    ],
    see: &["fsync(1)", "fsync-records(5)", "fsync-repository(5)"],
};

const DIFF: Text = Text {
    more: &[
        "A line of the plan is a letter, a tab and a path: A added, M modified, T of another kind, D deleted, R renamed \
         (two paths, from and to), t metadata only. Paths with odd characters are quoted as git quotes them.",
        SNAPSHOT_NAMES,
        ROOTS,
    ],
    examples: &[
        (
            "What would make copy like site:",
            "fsync-diff --delete site copy",
        ),
        (
            "Do only a part of it:",
            "fsync-diff site copy | grep '\\.html$' | fsync-apply site copy",
        ),
        (
            "The same with records, kept in a file until tomorrow:",
            "fsync-diff --json site copy >plan\njq -c 'select(.type != \"change\" or (.path // \"\" | endswith(\".html\")))' plan | fsync-apply",
        ),
        (
            "What the last operation on copy changed; the same as a patch:",
            "fsync-diff --delete copy copy@{1}\nfsync-diff --delete --patch copy copy@{1}",
        ),
        (
            "What changed between two snapshots: a tag and the head of copy:",
            "fsync-diff --delete -d copy @ monday",
        ),
    ],
    see: &["fsync(1)", "fsync-apply(1)", "fsync-snap(1)"],
};

const APPLY: Text = Text {
    more: &[
        "A plan is not trusted: whatever it says, nothing outside its destination is written.",
        "Lines do not say which filters of single sources they were made with, so --source-exclude and --source-include are given \
         again with them; records say from which source each change is, and need neither.",
    ],
    examples: &[
        (
            "With a snapshot of the state before:",
            "fsync-diff --json site copy | fsync-snap --through | fsync-apply --require-snapshot",
        ),
        (
            "Only try:",
            "fsync-diff --json site copy | fsync-apply --dry-run --json",
        ),
        (
            "Perform a plan from somebody else only if it is about these directories:",
            "fsync-apply site copy <plan",
        ),
        (
            "Perform a bundle, with a snapshot of the state before, and only the style sheets of one:",
            "fsync-diff --json --bundle changes.zip copy | fsync-snap --through \\\n\
             \x20   | fsync-apply --require-snapshot --bundle changes.zip --stdin\n\
             fsync-diff --bundle changes.zip | grep '\\.css$' | fsync-apply --bundle changes.zip --stdin copy",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-diff(1)",
        "fsync-snap(1)",
        "fsync-revert(1)",
    ],
};

const SNAP: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "Record a directory under a name:",
            "fsync-snap -t monday copy",
        ),
        (
            "Record only what a watcher saw changing:",
            "inotifywait -r -t 60 --format %w%f copy | sed 's|^copy/||' | fsync-snap --stdin copy",
        ),
        (
            "Write an ordinary zip of it:",
            "fsync-snap --export monday -o monday.zip",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-diff(1)",
        "fsync-apply(1)",
        "fsync-revert(1)",
        "fsync-tag(1)",
    ],
};

const REVERT: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "Back, further back, and forward again:",
            "fsync-revert copy\nfsync-revert copy\nfsync-revert copy --redo",
        ),
        (
            "See what would be done:",
            "fsync-revert --dry-run copy monday",
        ),
    ],
    see: &["fsync(1)", "fsync-rv(1)", "fsync-snap(1)", "fsync-tag(1)"],
};

const PRUNE: Text = Text {
    more: &[
        "When something that a remaining snapshot needs is missing or damaged, nothing is removed (exit code 8).",
        "A run that was cut short has lost nothing that is needed; the next one completes it. Operations whose \
         snapshot went cannot be taken back any more, and say so (exit code 6).",
    ],
    examples: &[
        (
            "What would go, and how much that frees:",
            "fsync prune --keep-last 10 --keep-daily 30 --keep-monthly 12 --dry-run",
        ),
        (
            "Keep a month of one directory, and its releases:",
            "fsync prune -d site --keep-within 1m --keep-tag 'v*' --prune-tagged",
        ),
    ],
    see: &[
        "fsync(1)",
        "fsync-log(1)",
        "fsync-forget(1)",
        "fsync-verify(1)",
        "fsync-repository(5)",
    ],
};

const CONFIG: Text = Text {
    more: &[
        "A value is checked before it is written, and the file is written whole or stays as it was, with mode 0600; comments in it \
         stay. A file that is wrong already is not changed; --edit mends it.",
    ],
    examples: &[
        (
            "Keep ten snapshots of each directory, and one a day for a month of one of them:",
            "fsync config keep.last 10\nfsync config -d site keep.daily 30",
        ),
        (
            "Leave things out everywhere:",
            "fsync config exclude '*.o' /target/",
        ),
        (
            "See what holds for a directory, and what was set:",
            "fsync config --show site\nfsync config --show site | awk -F '\\t' '$3 != \"default\"'",
        ),
    ],
    see: &["fsync(1)", "fsync-cp(1)", "fsync-prune(1)"],
};

const FORGET: Text = Text {
    more: &[
        "A PATH that no snapshot of DIR has is an error (exit code 6). Files without bytes are left alone.",
    ],
    examples: &[(
        "A key that was recorded by mistake:",
        "fsync forget -d site .env --dry-run\nfsync forget -d site .env",
    )],
    see: &[
        "fsync(1)",
        "fsync-prune(1)",
        "fsync-log(1)",
        "fsync-verify(1)",
        "fsync-repository(5)",
    ],
};

/// What is said where a directory may be on another machine.
const ELSEWHERE: &str = "A directory on another machine is HOST:DIR, where DIR is seen from the home directory there unless it begins with a \
    slash, or ssh://[USER@]HOST[:PORT]/DIR; whatever is here under that name is meant instead. ssh(1) is started once for a run, and \
    starts \"fsync serve\" there: fsync must be installed on both machines. FSYNC_RSH is another command than ssh, FSYNC_SERVE \
    another one than \"fsync serve\". The directory that changes is changed by the fsync on its own machine, which \
    records its state in its own repository, with its own settings; questions are not asked there. A connection that \
    breaks leaves whole files, and the next run goes on where it was.";

const SERVE: Text = Text {
    more: &[
        "With a key of its own, a line of authorized_keys says what may be done with it (sshd(8)):",
        "restrict,command=\"fsync serve --restrict /srv/copies\" ssh-ed25519 AAAA...",
        "Then DIR of HOST:DIR is seen from /srv/copies, and nothing that lies elsewhere is read or changed, through links neither. \
         With --read-only as well, nothing is changed at all.",
        "Both sides say first that they are fsync, and which protocol they speak; where these differ, nothing is done. What \
         the side that changes a directory may see of the other one are the sources that were named, and nothing else.",
    ],
    examples: &[(
        "Keep a copy on another machine, and take it back:",
        "fsync cp site backup.example.org:site\nfsync rv -d backup.example.org:site",
    )],
    see: &[
        "fsync(1)",
        "fsync-cp(1)",
        "fsync-sync(1)",
        "ssh(1)",
        "sshd(8)",
    ],
};

const TAG: Text = Text {
    more: &[SNAPSHOT_NAMES],
    examples: &[
        (
            "Name the head of copy, and list the names:",
            "fsync-tag create -d copy good\nfsync-tag copy",
        ),
        (
            "Move the name to another snapshot, and see where it was:",
            "fsync-tag move -d copy good @{1}\nfsync-tag history good",
        ),
    ],
    see: &["fsync(1)", "fsync-th(1)", "fsync-snap(1)"],
};
