//! What a file may not say: one line with file and line, exit code 2, and nothing is done.

use std::fs;

use crate::desk::Desk;
use crate::support::Told;

#[test]
fn one_clear_error_with_file_and_line() {
    let d = Desk::new();
    d.s.tree("a").file("x", "1");
    d.s.tree("d");
    for (text, line, why) in [
        (
            "\n\nexlude = [\"x\"]\n",
            3,
            "there is no setting \"exlude\"",
        ),
        ("ask = \"3\"\n", 1, "ask: is a whole number from 0"),
        ("exclude = \"*.o\"\n", 1, "exclude: is a list of strings"),
        (
            "compare = \"slow\"\n",
            1,
            "compare: is one of quick, checksum, size-only",
        ),
        ("[keep]\nlast = 3\nlast = 4\n", 3, ""),
        ("ask = 3\n[keep\n", 2, ""),
        ("[directory.site]\nask = 3\n", 1, "is no path from /"),
        ("ask = 3\nx = \u{1b}[2J\n", 2, ""),
    ] {
        d.set(text);
        let named = format!("config.toml\": line {line}: ");
        for command in ["cp a d", "config", "rv -d d", "prune"] {
            d.run(command)
                .code(2)
                .nothing()
                .one_line("fsync", &[&named, why]);
        }
        // Plumbing needs the repository alone, from the same file.
        d.sh("fsync-snap d")
            .code(2)
            .nothing()
            .one_line("fsync-snap", &[&named, why]);
        // What names its repository does not look.
        d.sh("FSYNC_REPO=$PWD/r fsync-snap d").code(0);
    }
    assert_eq!(
        fs::read_dir(d.s.path("d")).unwrap().count(),
        1,
        "BACKUP alone"
    );
    d.run("--no-config cp a d").code(0);
}

#[test]
fn bytes_that_are_no_settings() {
    let d = Desk::with("");
    for bytes in [
        &b"ask = 3\n\xff\n"[..],
        b"ask = 3\n\0\n",
        &vec![b'#'; (1 << 20) + 1],
        &vec![b'['; 100_000],
    ] {
        fs::write(d.file(), bytes).unwrap();
        d.run("config")
            .code(2)
            .nothing()
            .one_line("fsync", &["config.toml\": "]);
    }
    fs::write(d.file(), b"\xef\xbb\xbfask = 3\r\n").unwrap();
    d.run("config ask").code(0).stdout("3\n");
    fs::remove_file(d.file()).unwrap();
    d.sh("mkfifo home/.config/fsync/config.toml").code(0);
    d.run("config")
        .code(2)
        .one_line("fsync", &["is not a regular file"]);
    d.sh("rm home/.config/fsync/config.toml; mkdir home/.config/fsync/config.toml")
        .code(0);
    d.run("config")
        .code(2)
        .one_line("fsync", &["is not a regular file"]);
}

#[test]
fn help_and_what_needs_no_settings_work_whatever_they_say() {
    let d = Desk::with("broken");
    d.run("help").code(0);
    d.run("help diff").code(0);
    d.run("config --path").code(0);
    d.run("--repo r mksync nowhere x").code(6);
    d.s.tree("a");
    d.s.tree("d");
    d.run("mksync d a").code(0);
    d.run("diff a d").code(2);
    d.run("--repo r diff a d").code(0);
}

#[test]
fn the_example_of_the_page_is_good() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/fsync-config.5");
    let page = fs::read_to_string(page).unwrap();
    let start = page.find("delete = \"never\"\nexclude").unwrap();
    let example = &page[start..];
    let d = Desk::with(&example[..example.find(".Ed").unwrap()]);
    let shown = d.run("config --show /home/me/site").code(0).text();
    let value = |key: &str| {
        let start = format!("{key}\t");
        let mut lines = shown.lines().filter_map(|l| l.strip_prefix(&start));
        lines
            .next()
            .unwrap()
            .split('\t')
            .next()
            .unwrap()
            .to_string()
    };
    assert_eq!(value("delete"), "always");
    assert_eq!(value("keep.daily"), "30");
    assert_eq!(value("keep.within"), "1y");
    assert_eq!(value("hooks.before"), "make -C /home/me/src check");
}
