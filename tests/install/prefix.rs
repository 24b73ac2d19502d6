//! `make install` and `make uninstall`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::stage::{PROGRAMS, listed, make, pages, staged, top};
use crate::support::{Sandbox, Told};

/// The files that an installation consists of, from `prefix`, with their permissions.
fn wanted_files() -> BTreeMap<String, u32> {
    let mut files = BTreeMap::from([("lib/fsync/installed".to_string(), 0o644)]);
    for name in PROGRAMS {
        files.insert(format!("bin/{name}"), 0o755);
        for path in [
            format!("share/bash-completion/completions/{name}"),
            format!("share/zsh/site-functions/_{name}"),
            format!("share/fish/vendor_completions.d/{name}.fish"),
        ] {
            files.insert(path, 0o644);
        }
    }
    for (name, section) in pages() {
        files.insert(format!("share/man/man{section}/{name}.{section}"), 0o644);
    }
    files
}

fn files(prefix: &Path) -> BTreeMap<String, u32> {
    let mut all = listed(prefix);
    all.retain(|name, _| prefix.join(name).is_file());
    all
}

#[test]
fn every_file_is_where_it_belongs() {
    let s = Sandbox::new();
    let prefix = staged(&s);
    assert_eq!(files(&prefix), wanted_files());
    assert!(
        listed(&prefix)
            .iter()
            .all(|(name, mode)| *mode == 0o755 || prefix.join(name).is_file())
    );
    for name in PROGRAMS {
        let built = fs::read(Sandbox::programs().join(name)).unwrap();
        assert!(
            fs::read(prefix.join("bin").join(name)).unwrap() == built,
            "{name}"
        );
    }
}

#[test]
fn uninstall_takes_away_what_install_put_and_nothing_else() {
    let s = Sandbox::new();
    let stage = s.path("stage");
    // One folder is there and empty, one gets a stranger among our files, one a stranger before ours come.
    for dir in ["opt/fs/share/man/man1", "opt/fs/share/zsh/site-functions"] {
        fs::create_dir_all(stage.join(dir)).unwrap();
    }
    fs::write(stage.join("opt/fs/share/man/man1/other.1"), "").unwrap();
    let before = listed(&stage);
    for _ in 0..2 {
        make(&s, "install-built", &stage, "/opt/fs")
            .success()
            .stderr("");
        let prefix = stage.join("opt/fs");
        assert!(
            wanted_files()
                .iter()
                .all(|(name, _)| prefix.join(name).is_file())
        );
        fs::write(prefix.join("bin/other"), "").unwrap();
        make(&s, "uninstall", &stage, "/opt/fs")
            .success()
            .stderr("");
        let mut after = listed(&stage);
        assert!(after.remove("opt/fs/bin/other").is_some() && after.remove("opt/fs/bin").is_some());
        assert_eq!(after, before);
        fs::remove_dir_all(prefix.join("bin")).unwrap();
    }
    let told = make(&s, "uninstall", &stage, "/opt/fs").code(2);
    assert!(told.complaint().contains("nothing was installed below"));
}

#[test]
fn a_second_install_goes_over_the_first() {
    let s = Sandbox::new();
    let prefix = staged(&s);
    let list = prefix.join("lib/fsync/installed");
    // An earlier version had one program more.
    fs::write(prefix.join("bin/fsync-old"), "").unwrap();
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, format!("f /usr/bin/fsync-old\n{text}")).unwrap();
    staged(&s);
    assert_eq!(files(&prefix), wanted_files());
    make(&s, "uninstall", &s.path("stage"), "/usr").success();
    assert_eq!(listed(&s.path("stage")), BTreeMap::new());
}

#[test]
fn an_install_that_failed_can_be_taken_away() {
    let s = Sandbox::new();
    let stage = s.path("stage");
    let page = "usr/share/man/man5/fsync-records.5";
    fs::create_dir_all(stage.join(page)).unwrap();
    let before = listed(&stage);
    let told = make(&s, "install-built", &stage, "/usr").code(2);
    assert!(told.complaint().contains("fsync-records.5"));
    assert!(stage.join("usr/bin/fsync").exists());
    make(&s, "uninstall", &stage, "/usr").success();
    assert_eq!(listed(&stage), before);
}

#[test]
fn a_prefix_may_have_any_name() {
    let s = Sandbox::new();
    let prefix = s.path("it's my/pre fix");
    let name = prefix.to_str().unwrap().to_string();
    make(&s, "install-built", Path::new(""), &name)
        .success()
        .stderr("");
    assert_eq!(files(&prefix), wanted_files());
    make(&s, "uninstall", Path::new(""), &name)
        .success()
        .stderr("");
    assert!(!s.path("it's my").exists());
    // One that goes up, as it is typed.
    let name = s.path("home/../up").display().to_string();
    make(&s, "install-built", Path::new(""), &name).success();
    assert_eq!(files(&s.path("up")), wanted_files());
    make(&s, "uninstall", Path::new(""), &name).success();
    assert!(!s.path("up").exists() && s.path("home").exists());
}

#[test]
fn the_list_leads_nowhere_else() {
    let s = Sandbox::new();
    let prefix = staged(&s);
    let list = prefix.join("lib/fsync/installed");
    for dir in ["stage/other", "stage/usr2"] {
        fs::create_dir(s.path(dir)).unwrap();
    }
    for file in ["stage/canary", "stage/usr2.txt"] {
        fs::write(s.path(file), "sings").unwrap();
    }
    let text = fs::read_to_string(&list).unwrap();
    let lines = "f /usr/../canary\nf /canary\nf /usr2.txt\nd /other\nd /usr/../other\nd /usr2\n";
    fs::write(&list, format!("{text}{lines}")).unwrap();
    make(&s, "uninstall", &s.path("stage"), "/usr").success();
    let left: Vec<_> = listed(&s.path("stage")).into_keys().collect();
    assert_eq!(left, ["canary", "other", "usr2", "usr2.txt"]);
}

#[test]
fn nothing_is_put_before_all_is_built() {
    let s = Sandbox::new();
    fs::create_dir(s.path("built")).unwrap();
    let script = format!(
        "make -sC '{}' install-built BUILT=\"$PWD/built\" DESTDIR=\"$PWD/stage\"",
        top().display()
    );
    let told = s.sh(&script).code(2).complaint();
    assert!(told.contains("fsync is not built yet"), "{told}");
    assert!(!s.path("stage").exists());
}

#[test]
fn the_program_for_object_storage_is_put_unless_it_is_not_wanted() {
    let s = Sandbox::new();
    fs::create_dir(s.path("built")).unwrap();
    for name in PROGRAMS {
        std::os::unix::fs::symlink(Sandbox::programs().join(name), s.path("built").join(name))
            .unwrap();
    }
    let put = |stores: &str| {
        let script = format!(
            "make -sC '{}' install-built BUILT=\"$PWD/built\" DESTDIR=\"$PWD/stage\" PREFIX=/usr {stores}",
            top().display()
        );
        s.sh(&script)
    };
    put("").success().stderr("");
    assert_eq!(files(&s.path("stage/usr")), wanted_files());
    s.tree("built")
        .file("fsync-store-s3", "#!/bin/sh\necho $0\n")
        .mode("fsync-store-s3", 0o755);
    put("STORES=no").success().stderr("");
    assert_eq!(files(&s.path("stage/usr")), wanted_files());
    let names = [
        ("bin/fsync-store-az", 0o777),
        ("bin/fsync-store-gs", 0o777),
        ("bin/fsync-store-s3", 0o755),
    ];
    let with = |mut files: BTreeMap<String, u32>| {
        files.extend(names.map(|(name, mode)| (name.to_string(), mode)));
        files
    };
    for _ in 0..2 {
        put("").success().stderr("");
        assert_eq!(files(&s.path("stage/usr")), with(wanted_files()));
    }
    for (name, _) in names {
        let told = s.sh(&format!("cd stage/usr && {name}")).code(0).text();
        assert!(told.ends_with(name), "{told}");
    }
    // Who does not want it any more is rid of it.
    put("STORES=no").success().stderr("");
    assert_eq!(files(&s.path("stage/usr")), wanted_files());
    put("").success();
    make(&s, "uninstall", &s.path("stage"), "/usr").success();
    assert_eq!(listed(&s.path("stage")), BTreeMap::new());
    // `make install` insists on it.
    fs::remove_file(s.path("built/fsync-store-s3")).unwrap();
    let script = format!(
        "cd '{}' && STORES=yes ./install.sh put '{}' '{}' /usr",
        top().display(),
        s.path("built").display(),
        s.path("stage").display()
    );
    let told = s.sh(&script).code(1).complaint();
    assert!(told.contains("fsync-store-s3 is not built yet"), "{told}");
}

#[test]
fn programs_are_stripped_where_that_is_possible() {
    let s = Sandbox::new();
    let put = |strip: &str, prefix: &str| {
        let mut script = s.cmd("sh");
        script
            .current_dir(top())
            .env("STRIP", strip)
            .env("STORES", "no")
            .args(["install.sh", "put"]);
        let folders = [Sandbox::programs(), s.path("stage"), prefix.into()];
        script.args(folders).assert().success().stdout("")
    };
    s.tree(".")
        .file("fake", "#!/bin/sh\necho \"$@\" >>\"$0.log\"\n")
        .mode("fake", 0o755);
    put(s.path("fake").to_str().unwrap(), "/usr").stderr("");
    let log = fs::read_to_string(s.path("fake.log")).unwrap();
    let wanted = PROGRAMS.map(|name| s.path("stage/usr/bin").join(name).display().to_string());
    assert_eq!(log.lines().collect::<Vec<_>>(), wanted);
    // Without strip(1) all is there as well.
    put("none-of-that-name", "/opt");
    assert_eq!(files(&s.path("stage/opt")), wanted_files());
}

#[test]
fn what_is_installed_runs_without_path() {
    let s = Sandbox::new();
    let fsync = staged(&s).join("bin/fsync");
    s.tree("src").file("a", "1").settle();
    let run = |args: &[&str]| {
        let mut command = s.plain(fsync.to_str().unwrap());
        command.env_remove("PATH").args(args);
        assert_cmd::Command::from_std(command).assert()
    };
    run(&["-q", "cp", "-t", "one", "src", "dst"])
        .code(0)
        .stdout("")
        .stderr("");
    assert_eq!(fs::read(s.path("dst/a")).unwrap(), b"1");
    run(&["-q", "rv", "-d", "dst"])
        .code(0)
        .stdout("")
        .stderr("");
    assert!(!s.path("dst/a").exists());
    assert!(
        run(&["th", "dst"])
            .code(0)
            .stderr("")
            .text()
            .contains("\tone\t")
    );
}

/// The default repository is `~/.local/share/fsync`.
#[test]
fn what_is_installed_in_a_home_leaves_room_for_the_repository() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").settle();
    let prefix = s.path("home/.local");
    make(&s, "install-built", Path::new(""), prefix.to_str().unwrap()).success();
    let script = "unset FSYNC_REPO; home/.local/bin/fsync -q cp src dst && cmp src/a dst/a";
    s.sh(script).code(0).stderr("");
    let repository = listed(&prefix.join("share/fsync"));
    make(&s, "uninstall", Path::new(""), prefix.to_str().unwrap()).success();
    assert_eq!(listed(&prefix.join("share/fsync")), repository);
    let left: Vec<_> = files(&prefix).into_keys().collect();
    assert!(
        left.iter().all(|name| name.starts_with("share/fsync/")),
        "{left:?}"
    );
    assert!(repository.contains_key("log.ndjson"));
}

#[test]
fn man_finds_every_page() {
    let s = Sandbox::new();
    let man = staged(&s).join("share/man");
    if s.plain("man").arg("--version").output().is_err() {
        return eprintln!("skipped: no man(1)");
    }
    for (name, section) in pages() {
        let found = s
            .cmd("man")
            .env("MANPATH", &man)
            .args(["-w", &section.to_string(), &name])
            .assert();
        let path = man.join(format!("man{section}/{name}.{section}"));
        assert_eq!(found.code(0).text(), path.to_str().unwrap());
        // What whatis(1) and apropos(1) will know of it.
        let told = s.cmd("lexgrog").arg(&path).assert().code(0).text();
        assert!(told.contains(&format!("\"{name} - ")), "{told}");
    }
}

#[test]
fn all_ways_put_the_same_programs() {
    let mut sources: Vec<_> = fs::read_dir(top().join("src/bin"))
        .unwrap()
        .map(|f| {
            f.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_string()
        })
        .collect();
    let extra = fs::read_dir(top().join("extra")).unwrap();
    let names = extra.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let (stores, beside): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with("store-"));
    assert_eq!(stores, ["store-s3"]);
    sources.extend(beside.iter().map(|name| format!("fsync-{name}")));
    sources.sort();
    assert_eq!(sources, PROGRAMS);
    let script = fs::read_to_string(top().join("install.sh")).unwrap();
    assert!(script.contains(&format!("\nprograms='{}'\n", PROGRAMS.join(" "))));
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let assets = manifest.lines().filter_map(|line| {
        let name = line
            .trim()
            .strip_prefix("[\"target/release/")?
            .split('"')
            .next()?;
        Some(name.to_string())
    });
    assert_eq!(assets.collect::<Vec<_>>(), PROGRAMS);
    for (_, section) in pages() {
        let asset = format!("[\"man/*.{section}\", \"usr/share/man/man{section}/\", \"644\"]");
        assert!(manifest.contains(&asset), "{asset}");
    }
    let changes = fs::read_to_string(top().join("debian/changelog")).unwrap();
    let version = concat!("fsync (", env!("CARGO_PKG_VERSION"), "-1) ");
    assert!(changes.starts_with(version), "{changes}");
}
