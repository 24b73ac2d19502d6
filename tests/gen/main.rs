//! `man/` and `completions/` are made from the programs' own arguments and checked in. These tests make them
//! again and compare; `FSYNC_BLESS=1 cargo test --test gen` (or `make bless`) writes them instead.

mod example;
mod page;
mod session;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The plumbing programs.
fn plumbing() -> Vec<clap::Command> {
    vec![
        fsync::cli::apply::Args::command(),
        fsync::cli::diff::Args::command(),
        fsync::cli::revert::Args::command(),
        fsync::cli::snap::Snap::command(),
        fsync::cli::tag::TagProgram::command(),
    ]
}

/// Every page, its path from the top first.
fn pages() -> Vec<(String, String)> {
    let mut fsync = fsync::porcelain::Fsync::command();
    fsync.build();
    let commands: Vec<_> = fsync
        .get_subcommands()
        .filter(|c| c.get_name() != "help" && !c.is_hide_set())
        .filter(|c| {
            !plumbing()
                .iter()
                .any(|p| p.get_name() == c.get_display_name().unwrap())
        })
        .cloned()
        .collect();
    let programs = plumbing().into_iter().map(|mut program| {
        program.build();
        program
    });
    let all: Vec<_> = [fsync.clone()]
        .into_iter()
        .chain(commands)
        .chain(programs)
        .collect();
    all.iter()
        .map(|c| {
            let name = c.get_display_name().unwrap_or(c.get_name());
            (format!("man/{name}.1"), page::render(c))
        })
        .collect()
}

/// Every completion script, its path from the top first. Each shell has one text for all programs, which asks `fsync
/// complete`.
fn completions() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let core = [fsync::porcelain::Fsync::command()]
        .into_iter()
        .chain(plumbing());
    let core = core.map(|command| command.get_name().to_string());
    for name in core.chain(extra()) {
        let scripts = [
            (
                include_str!("complete.bash"),
                format!("completions/bash/{name}"),
            ),
            (
                include_str!("complete.zsh"),
                format!("completions/zsh/_{name}"),
            ),
            (
                include_str!("complete.fish"),
                format!("completions/fish/{name}.fish"),
            ),
        ];
        for (script, path) in scripts {
            files.push((path, script.replace("PROGRAM", &name)));
        }
    }
    files
}

/// The folders of `extra`: those of stores, or the others.
fn folders(stores: bool) -> BTreeSet<String> {
    let folders = fs::read_dir(top().join("extra")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let wanted = names.filter(|name| name.starts_with("store-") == stores);
    wanted.map(|name| format!("fsync-{name}")).collect()
}

/// The programs beside fsync, whose pages are written by hand.
fn extra() -> BTreeSet<String> {
    folders(false)
}

/// The programs that reach stores: people do not type them, so there is nothing to complete.
fn stores() -> BTreeSet<String> {
    folders(true)
}

/// Whether files are written instead of compared; nothing else is tested then, for they are in the making.
fn blessing() -> bool {
    std::env::var_os("FSYNC_BLESS").is_some()
}

/// Writes the files when asked to, else compares them with what is there.
fn settle(files: &[(String, String)]) {
    let mut wrong = Vec::new();
    for (path, text) in files {
        let full = top().join(path);
        if blessing() {
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(&full, text).unwrap();
        } else if fs::read_to_string(&full).unwrap_or_default() != *text {
            wrong.push(path.as_str());
        }
    }
    assert!(
        wrong.is_empty(),
        "not what the programs' arguments say: {}; FSYNC_BLESS=1 cargo test --test gen writes them",
        wrong.join(", ")
    );
}

/// Files below `folder` with one of these endings.
fn found(folder: &str, ends: &[&str]) -> BTreeSet<String> {
    walkdir::WalkDir::new(top().join(folder))
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.file_type().is_file())
        .map(|e| {
            e.path()
                .strip_prefix(top())
                .unwrap()
                .to_str()
                .unwrap()
                .to_string()
        })
        .filter(|name| ends.iter().any(|end| name.ends_with(end)))
        .collect()
}

#[test]
fn pages_are_as_the_arguments_say() {
    let pages = pages();
    settle(&pages);
    let mut made: BTreeSet<_> = pages.into_iter().map(|(path, _)| path).collect();
    let by_hand = extra().into_iter().chain(stores());
    made.extend(by_hand.map(|name| format!("man/{name}.1")));
    assert_eq!(found("man", &[".1"]), made);
}

#[test]
fn completions_are_as_the_arguments_say() {
    let completions = completions();
    settle(&completions);
    let made: BTreeSet<_> = completions.into_iter().map(|(path, _)| path).collect();
    assert_eq!(found("completions", &[""]), made);
}

/// What a checker says about a file; `None` when it is not installed.
fn said(program: &str, args: &[&str], file: &Path) -> Option<String> {
    let output = Command::new(program).args(args).arg(file).output().ok()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let code = match output.status.success() {
        true => "",
        false => "(failed)",
    };
    Some(format!("{stdout}{stderr}{code}"))
}

/// Silence from `program` about every file, as far as it is installed.
fn silent(program: &str, args: &[&str], files: &BTreeSet<String>) {
    for file in files {
        match said(program, args, &top().join(file)) {
            Some(words) => assert_eq!(words, "", "{program} on {file}"),
            None => return eprintln!("{program} is not installed: {file} was not checked"),
        }
    }
}

#[test]
fn pages_are_clean() {
    if blessing() {
        return;
    }
    let pages = found("man", &[""]);
    assert!(
        pages
            .iter()
            .all(|page| page.ends_with(|c: char| c.is_ascii_digit()))
    );
    // Of a page in mdoc(7) it also asks whether this machine has all pages that are named, which is not the page's matter.
    silent("mandoc", &["-Tlint", "-Wwarning"], &pages);
    silent("mandoc", &["-Tlint"], &found("man", &[".1"]));
    silent("groff", &["-ww", "-man", "-z", "-Tutf8", "-k"], &pages);
}

/// The pages that are written by hand, against what the programs say they take.
#[test]
fn no_option_is_without_a_word() {
    if blessing() {
        return;
    }
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_fsync"));
    let known = fsync::porcelain::dispatch::BESIDE.map(|name| format!("fsync-{name}"));
    assert_eq!(extra(), BTreeSet::from(known));
    for name in extra() {
        let asked = Command::new(programs.with_file_name(&name))
            .arg(fsync::cli::shape::ASK)
            .output();
        let told = String::from_utf8(asked.unwrap().stdout).unwrap();
        let page = fs::read_to_string(top().join(format!("man/{name}.1"))).unwrap();
        let page = page.replace("\\-", "-");
        assert!(page.lines().all(|line| line.len() <= 80), "{name}");
        let mut seen = 0;
        for line in told.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let dashes = [(fields[1], "--"), (fields[2], "-")];
            for (option, dashes) in dashes.iter().filter(|(option, _)| !option.is_empty()) {
                let typed = format!("{dashes}{option}");
                let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
                let mut after = page.split(&typed[..]).skip(1);
                assert!(after.any(|rest| rest.starts_with(is_end)), "{name} {typed}");
                seen += 1;
            }
        }
        assert!(seen > 5, "{told}");
    }
}

#[test]
fn completions_are_read_by_their_shells() {
    if blessing() {
        return;
    }
    for (shell, args) in [
        ("bash", ["-n"]),
        ("zsh", ["-n"]),
        ("fish", ["--no-execute"]),
    ] {
        silent(shell, &args, &found(&format!("completions/{shell}"), &[""]));
    }
}

/// The records that `man/fsync-records.5` shows, unfolded.
fn examples() -> Vec<String> {
    let page = fs::read_to_string(top().join("man/fsync-records.5")).unwrap();
    let mut examples: Vec<String> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let plain = line.replace("\\-", "-").replace("\\e", "\\");
        if plain.starts_with("{\"type\"") {
            inside = true;
            examples.push(plain);
        } else if inside && plain.starts_with("  ") {
            examples.last_mut().unwrap().push_str(plain.trim_start());
        } else {
            inside = false;
        }
    }
    examples
}

#[test]
fn the_examples_of_records_are_records() {
    use fsync::protocol::Record;
    let mut seen = BTreeSet::new();
    for example in examples() {
        let value: serde_json::Value = serde_json::from_str(&example).unwrap();
        let name = value["type"].as_str().unwrap().to_string();
        // These are printed, never read.
        if ![
            "finding", "history", "tag", "entry", "version", "cost", "verdict", "pruned",
        ]
        .contains(&name.as_str())
        {
            let record = Record::parse(example.as_bytes());
            let mut back = Vec::new();
            record.expect(&example).write(&mut back).unwrap();
            assert_eq!(String::from_utf8(back).unwrap().trim_end(), example);
        }
        seen.insert(name);
    }
    let all = "change cost end entry error finding header history progress pruned result skip snapshot tag verdict version";
    let seen: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen.join(" "), all);
}

#[test]
fn every_option_that_takes_a_value_says_its_default() {
    fn look(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for option in command.get_opts() {
            let name = option.get_long().map_or_else(
                || format!("-{}", option.get_short().unwrap_or('?')),
                |long| format!("--{long}"),
            );
            let help = option
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            if !option.get_action().takes_values() {
                continue;
            }
            let says = help.contains("[default: ") || !option.get_default_values().is_empty();
            if !says && !option.is_hide_set() {
                found.push(format!("{path} {name}: {help}"));
            }
        }
        for below in command.get_subcommands() {
            look(below, &format!("{path} {}", below.get_name()), found);
        }
    }
    let mut found = Vec::new();
    for command in plumbing()
        .into_iter()
        .chain([fsync::porcelain::Fsync::command()])
    {
        let name = command.get_name().to_string();
        look(&command, &name, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_examples_of_the_pages_are_run() {
    if blessing() {
        return;
    }
    for program in ["jq", "zip"] {
        if Command::new(program).arg("--version").output().is_err() {
            return eprintln!("{program} is not installed: the examples were not run");
        }
    }
    let (mut ran, mut faults) = (0, Vec::new());
    for (path, _) in pages() {
        let name = path.trim_start_matches("man/").trim_end_matches(".1");
        ran += example::run_all(name, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(ran > 50, "only {ran} examples");
}
