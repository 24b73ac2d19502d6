//! The README is true: its blocks are run in a sandbox and print what it shows, its table is the code's, and its
//! test command is what the checks run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fsync::model::Exit;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(top().join("README.md")).unwrap()
}

/// A fenced block: its language and its text.
struct Block {
    language: String,
    text: String,
    line: usize,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (at, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push(Block {
                    language: language.into(),
                    text: String::new(),
                    line: at + 1,
                });
            }
            None if inside => blocks.last_mut().unwrap().text += &format!("{line}\n"),
            None => {}
        }
    }
    assert!(!inside, "a block is not closed");
    blocks
}

/// Ids, times and the sandbox's own path are other ones in every run.
fn steady(text: &str, home: &Path) -> String {
    let text = text.replace(home.to_str().unwrap(), "/home/you");
    let mut steady = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || "-:+".contains(c) {
            word.push(c);
            continue;
        }
        let is_id = [12, 40].contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_time = word.len() == 25 && word.contains('T') && word.ends_with("+00:00");
        steady += match (is_id, is_time) {
            (true, _) if word.len() == 12 => "SHORT",
            (true, _) => "ID",
            (_, true) => "TIME",
            _ => &word,
        };
        word.clear();
        steady.push(c);
    }
    timeless(steady.trim_end_matches('\0'))
}

/// How long a run took is another time in every run.
fn timeless(text: &str) -> String {
    let mut parts = text.split(" in ");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let is_time = rest.len() < part.len() && rest.starts_with(" s");
        out += if is_time { " in TIME" } else { " in " };
        out += if is_time { &rest[2..] } else { part };
    }
    out
}

/// Before each command of a script: file times come from a clock that ticks every few milliseconds, and what a
/// person types one after the other never falls into the same tick.
const PAUSE: &str = "trap 'sleep 0.02' DEBUG";

/// Runs a script: a home with nothing in it, and a PATH that begins with the programs that were built.
fn run(script: &str, home: &Path) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_fsync")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-euc", &format!("exec 2>&1\n{PAUSE}\n{script}")])
        .env_clear()
        .env("HOME", home)
        .env("LC_ALL", "C")
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .current_dir(home.join("work"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{script}\nfailed: {said}");
    said
}

/// Programs of others that the blocks need; without one, nothing is run (the checks install them).
fn lacks() -> Option<&'static str> {
    ["jq", "unzip", "diff", "git"].into_iter().find(|name| {
        let is_program = |folder: &str| {
            let file = Path::new(folder).join(name).metadata();
            file.is_ok_and(|m| m.permissions().mode() & 0o111 != 0)
        };
        !is_program("/usr/bin") && !is_program("/bin")
    })
}

#[test]
fn the_tour_prints_what_it_shows() {
    if let Some(program) = lacks() {
        return eprintln!("{program} is not installed: the tour was not run");
    }
    let top = tempfile::tempdir().unwrap();
    let home = top.path().canonicalize().unwrap();
    fs::create_dir(home.join("work")).unwrap();
    let blocks = blocks(&readme());
    let mut ran = 0;
    for (at, block) in blocks.iter().enumerate() {
        if block.language != "sh" {
            continue;
        }
        ran += 1;
        let said = run(&block.text, &home);
        let shown = blocks.get(at + 1).filter(|b| b.language == "text");
        let shown = shown.map_or("", |b| b.text.as_str());
        assert_eq!(
            steady(&said, &home),
            steady(shown, &home),
            "the block at line {}:\n{}",
            block.line,
            block.text
        );
    }
    assert!(ran > 8, "only {ran} blocks were found");
}

/// The examples of a manual page: what is typed behind `$ `, and what is printed.
fn examples(page: &str) -> Vec<(String, String)> {
    let plain = |line: &str| {
        let line = line.trim_start_matches("\\&");
        let line = line.replace("\\-", "-").replace("\\(aq", "'");
        line.replace("\\e", "\\")
    };
    let mut examples = Vec::new();
    let mut inside = None;
    for line in page.lines() {
        match (line, &mut inside) {
            (".EX", _) => inside = Some((String::new(), String::new())),
            (".EE", _) => examples.extend(inside.take()),
            (line, Some((typed, printed))) => match plain(line).strip_prefix("$ ") {
                Some(command) => *typed += &format!("{command}\n"),
                None => *printed += &format!("{}\n", plain(line)),
            },
            _ => {}
        }
    }
    assert!(inside.is_none(), "an example has no end");
    examples
}

#[test]
fn the_tutorial_prints_what_it_shows() {
    if let Some(program) = lacks() {
        return eprintln!("{program} is not installed: the tutorial was not run");
    }
    let top_dir = tempfile::tempdir().unwrap();
    let home = top_dir.path().canonicalize().unwrap();
    fs::create_dir(home.join("work")).unwrap();
    let page = fs::read_to_string(top().join("man/fsync-tutorial.7")).unwrap();
    let examples = examples(&page);
    assert!(examples.len() > 12, "only {} examples", examples.len());
    for (typed, printed) in examples {
        let said = run(&typed, &home);
        assert_eq!(steady(&said, &home), steady(&printed, &home), "{typed}");
    }
}

#[test]
fn every_block_is_known() {
    for block in blocks(&readme()) {
        let known = ["console", "sh", "text"].contains(&block.language.as_str());
        assert!(
            known,
            "line {}: a block of {:?}",
            block.line, block.language
        );
    }
}

#[test]
fn the_second_command_is_what_the_checks_run() {
    let blocks = blocks(&readme());
    let commands: Vec<_> = blocks.iter().filter(|b| b.language == "console").collect();
    let [install, test] = commands[..] else {
        panic!("there are {} commands instead of two", commands.len());
    };
    assert!(install.text.contains("make install") && install.text.contains("fsync\" cp "));
    assert_eq!(test.text.lines().count(), 1);
    // A package has no .ci.
    if let Ok(script) = fs::read_to_string(top().join(".ci/run")) {
        let command = test.text.trim_end();
        assert!(script.lines().any(|line| line == command), "{command}");
    }
}

#[test]
fn the_exit_codes_are_the_codes() {
    let page = readme();
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(page.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn every_promise_of_the_security_page_names_a_test_that_is_there() {
    let page = fs::read_to_string(top().join("SECURITY.md")).unwrap();
    let promises: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| Promise"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(promises.len() > 20, "{promises:?}");
    let extra = fs::read_dir(top().join("extra")).unwrap();
    let extra = extra.map(|folder| folder.unwrap().path().join("tests"));
    let folders: Vec<PathBuf> = extra.chain([top().join("tests")]).collect();
    for promise in promises {
        let held = promise.split('|').nth(2).unwrap_or_default();
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        // A promise in bold is a heading.
        assert!(
            !names.is_empty() || promise.starts_with("| **"),
            "no test holds: {promise}"
        );
        for name in names {
            let path: Vec<&str> = name.split("::").collect();
            let (file, test) = match path[..] {
                [program, "*"] => (program.to_string(), "*"),
                [program, module, test] => (format!("{program}/{module}.rs"), test),
                [program, test] => (format!("{program}.rs"), test),
                _ => panic!("{name} is no PROGRAM::MODULE::TEST"),
            };
            let is_there = |folder: &PathBuf| match test {
                "*" => folder.join(&file).exists(),
                test => fs::read_to_string(folder.join(&file))
                    .is_ok_and(|text| text.contains(&format!("fn {test}("))),
            };
            assert!(folders.iter().any(is_there), "there is no test {name}");
        }
    }
}
