//! `fsync config`: what it prints, and what it writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::desk::Desk;
use crate::support::Told;

#[test]
fn show_says_every_value_and_where_it_is_from() {
    let d = Desk::with(
        "# mine\nexclude = [\"a\",\n  \"b\\\"c\"]\n[directory.\"@/d\"]\nrepository = \"~/site\"\ndelete = \"always\"\n",
    );
    d.s.tree("d/deep");
    let home = d.s.path("home").display().to_string();
    let file = d.file().display().to_string();
    let section = d.s.path("d").display().to_string();
    let plain = d.run("config").code(0).stderr("").text();
    assert_eq!(d.run("config --show").code(0).text(), plain);
    let lines: Vec<&str> = plain.lines().collect();
    assert!(
        plain.lines().all(|l| l.matches('\t').count() == 3),
        "{plain}"
    );
    assert!(lines.contains(&&*format!(
        "repository\t{home}/.local/share/fsync\tdefault\t"
    )));
    assert!(lines.contains(&"delete\tnever\tdefault\t"), "{plain}");
    assert!(lines.contains(&"hooks.before\t\tdefault\t"), "{plain}");
    let both = [
        format!("exclude\ta\t{file}:2\t"),
        format!("exclude\t\"b\\\"c\"\t{file}:3\t"),
    ];
    assert!(both.iter().all(|l| lines.contains(&&**l)), "{plain}");
    let there = d.run("config --show d/deep").code(0).text();
    for line in [
        format!("repository\t{home}/site\t{file}:5\t{section}"),
        format!("delete\talways\t{file}:6\t{section}"),
        format!("exclude\ta\t{file}:2\t"),
    ] {
        assert!(there.lines().any(|l| l == line), "{line} in {there}");
    }
    assert_eq!(d.run("config -d d/deep").code(0).text(), there);
    let first = |mut command: assert_cmd::Command| {
        command
            .assert()
            .code(0)
            .text()
            .lines()
            .next()
            .unwrap()
            .to_string()
    };
    let mut named = d.fsync(&["config", "--show", "d"]);
    named.env("FSYNC_REPO", "/x y");
    assert_eq!(first(named), "repository\t/x y\tenvironment FSYNC_REPO\t");
    let named = d.fsync(&["--repo", "/z", "config", "--show", "d"]);
    assert_eq!(first(named), "repository\t/z\toption --repo\t");
    let bare = d.run("--no-config config --show d").code(0).text();
    assert!(bare.lines().all(|l| l.ends_with("\tdefault\t")), "{bare}");
}

#[test]
fn a_key_alone_prints_its_value() {
    let d = Desk::with("exclude = [\"a b\", \"c\"]\n[directory.\"@/d\"]\nask = 3\n");
    d.s.tree("d");
    d.run("config exclude")
        .code(0)
        .stdout("a b\nc\n")
        .stderr("");
    d.run("config ask").code(0).stdout("10\n");
    d.run("config ask -d d").code(0).stdout("3\n");
    d.run("config hooks.before").code(0).stdout("");
    d.run("config exlude").code(2).nothing().one_line(
        "fsync",
        &["\"exlude\"", "there is no such setting", "exclude, compare"],
    );
}

#[test]
fn setting_writes_a_file_for_its_owner_alone() {
    let d = Desk::new();
    d.s.tree("d");
    d.run("config delete always").code(0).stdout("").stderr("");
    let mode = |path: &str| fs::metadata(d.s.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("home/.config/fsync/config.toml"), 0o600);
    assert_eq!(mode("home/.config/fsync"), 0o700);
    d.run("config -d d keep.last 3").code(0);
    d.run("config exclude *.o /out/").code(0);
    d.run("config delete").code(0).stdout("always\n");
    d.run("config -d d keep.last").code(0).stdout("3\n");
    d.run("config keep.last").code(0).stdout("0\n");
    d.run("config exclude").code(0).stdout("*.o\n/out/\n");
    d.fsync(&["config", "exclude", ""]).assert().code(0);
    d.run("config exclude").code(0).stdout("");
    assert_eq!(
        fs::read_dir(d.s.path("home/.config/fsync"))
            .unwrap()
            .count(),
        1
    );
    // A directory that is named through a link has one section.
    symlink("d", d.s.path("link")).unwrap();
    d.run("config -d link keep.last 4").code(0);
    assert_eq!(d.text().matches("last").count(), 1, "{}", d.text());
}

#[test]
fn comments_stay_and_what_is_wrong_is_not_written() {
    let text = "# first\ndelete = \"never\" # why\n\n[directory.\"/d\"] # a site\nask = 1\n";
    let d = Desk::with(text);
    for bad in [
        "config delete sometimes",
        "config delete never never",
        "config ask -- -1",
        "config keep.last many",
        "config keep.within soon",
        "config repository here",
        "config exclude [z-a]",
    ] {
        d.run(bad)
            .code(2)
            .nothing()
            .one_line("fsync", &["config: ", "nothing was changed"]);
    }
    d.fsync(&["config", "hooks.before", "a\x1b[2J"])
        .assert()
        .code(2);
    assert_eq!(d.text(), text);
    d.run("config delete always").code(0);
    assert_eq!(d.text(), text.replace("never", "always"));
    d.run("config --unset delete").code(0).stderr("");
    d.run("config --unset delete")
        .code(0)
        .stderr("fsync: delete is not set there\n");
    assert!(
        d.text().contains("# first\n") && !d.text().contains("delete"),
        "{}",
        d.text()
    );
    d.set("delete = 1\n");
    d.run("config ask 3")
        .code(2)
        .one_line("fsync", &["line 1: delete: is a string"]);
    assert_eq!(d.text(), "delete = 1\n");
}

#[test]
fn a_link_to_the_file_stays_one() {
    let d = Desk::with("");
    let dotfiles = d.s.tree("home/dotfiles");
    dotfiles.file("fsync.toml", "# kept\nask = 7\n");
    fs::remove_file(d.file()).unwrap();
    symlink("../../dotfiles/fsync.toml", d.file()).unwrap();
    d.run("config ask").code(0).stdout("7\n");
    d.run("config ask 8").code(0);
    assert_eq!(dotfiles.read("fsync.toml"), b"# kept\nask = 8\n");
    assert!(d.file().symlink_metadata().unwrap().is_symlink());
    fs::remove_file(dotfiles.at("fsync.toml")).unwrap();
    d.run("config")
        .code(2)
        .one_line("fsync", &["is a symbolic link that leads nowhere"]);
}

#[test]
fn path_says_where_it_is() {
    let d = Desk::new();
    d.run("config --path")
        .code(0)
        .stdout(format!("{}\n", d.file().display()));
    let with = |name: &str, value: &str| {
        let mut command = d.fsync(&["config", "--path"]);
        command.env(name, value).assert()
    };
    with("XDG_CONFIG_HOME", "/x")
        .code(0)
        .stdout("/x/fsync/config.toml\n");
    with("FSYNC_CONFIG", "/y").code(0).stdout("/y\n");
    with("FSYNC_CONFIG", "config.toml")
        .code(2)
        .one_line("fsync", &["is no path from /"]);
    with("FSYNC_CONFIG", "")
        .code(2)
        .one_line("fsync", &["no file of settings"]);
    d.run("--no-config config ask 3")
        .code(2)
        .one_line("fsync", &["no file of settings"]);
    assert!(!d.s.path("home/.config").exists());
    // One that is named must be there, unless it is to be made.
    let named = |args: &[&str]| {
        let mut command = d.fsync(args);
        let path = d.s.path("new/file");
        command.env("FSYNC_CONFIG", path).assert()
    };
    named(&["config"])
        .code(2)
        .one_line("fsync", &["/new/file\": cannot open: No such file"]);
    named(&["config", "ask", "3"]).code(0);
    named(&["config", "ask"]).code(0).stdout("3\n");
}

#[test]
fn edit_checks_the_file_afterwards() {
    let d = Desk::new();
    let edit = |variables: &[(&str, &str)]| {
        let mut command = d.fsync(&["config", "--edit"]);
        command.envs(variables.iter().copied()).assert()
    };
    edit(&[("EDITOR", "sh -c 'echo ask = 3 >>$1' x")])
        .code(0)
        .stderr("");
    assert!(d.text().starts_with("# Settings of fsync"), "{}", d.text());
    assert_eq!(
        fs::metadata(d.file()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    d.run("config ask").code(0).stdout("3\n");
    edit(&[
        ("EDITOR", "false"),
        ("VISUAL", "sh -c 'echo axe = 4 >>$1' x"),
    ])
    .code(2)
    .one_line(
        "fsync",
        &[
            "config.toml\": line ",
            "there is no setting \"axe\"",
            "--edit",
        ],
    );
    // What is wrong stops nothing from mending it.
    edit(&[("EDITOR", "sed -i /axe/d")]).code(0);
    edit(&[("EDITOR", "false")])
        .code(9)
        .one_line("fsync", &["the editor failed"]);
}

#[test]
fn two_at_once_lose_nothing() {
    let d = Desk::new();
    d.sh("for n in 1 2 3 4 5 6 7 8; do fsync config -d d$n ask $n & done; wait")
        .code(0);
    for n in 1..9 {
        d.run(&format!("config -d d{n} ask"))
            .stdout(format!("{n}\n"));
    }
}
