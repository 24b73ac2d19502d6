//! Zip files from strangers, through import, revert, export and verify: refused as a whole, or made harmless.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::driver::{Ran, drive, words};
use crate::support::{Oracle, Sandbox, Told, as_root, long, quick_or_long};

/// No import or revert of the corpus may hold more memory, in bytes.
const MEMORY: u64 = 320 << 20;
/// The same of zips of 70,000 or a million entries, which need about a kilobyte for each.
const MEMORY_MANY: u64 = 2 << 30;
/// No command may take longer, in seconds.
const PATIENCE: u64 = 60;

/// Writes the corpus: names of zips, and what is expected of each.
fn corpus(s: &Sandbox) -> BTreeMap<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/zips.py");
    s.tree("canary").file("x", "alive").file("passwd", "alive");
    fs::create_dir(s.path("zips")).expect("a folder");
    let form = if long() { "long" } else { "quick" };
    let told = s
        .cmd("python3")
        .arg(script)
        .arg(s.path("zips"))
        .arg(s.path("canary"))
        .arg(form)
        .arg(s.path("small.zip"))
        .assert()
        .code(0)
        .text();
    let pair = |line: &str| {
        let (name, what) = line.split_once('\t').expect("a pair");
        (name.to_string(), what.to_string())
    };
    told.lines().map(pair).collect()
}

/// Everything in the sandbox but the repository, and what commands were told to write.
fn around(s: &Sandbox) -> Vec<(String, u64, u32)> {
    let root = s.path(".");
    let mut found = Vec::new();
    let walk = walkdir::WalkDir::new(&root).into_iter();
    let skipped = ["repo", "w", "log.txt"].map(|n| root.join(n));
    for entry in walk.filter_entry(|e| !skipped.iter().any(|p| p == e.path())) {
        let entry = entry.expect("an entry");
        let meta = entry.metadata().expect("metadata");
        let name = entry.path().display().to_string();
        let size = if meta.is_dir() { 0 } else { meta.len() };
        found.push((name, size, meta.mode()));
    }
    found.sort();
    found
}

/// Nothing in a directory that an import of a stranger's zip may not make: special files, setuid bits.
fn harmless(s: &Sandbox, dir: &str) {
    for entry in walkdir::WalkDir::new(s.path(dir)) {
        let entry = entry.expect("an entry");
        let meta = fs::symlink_metadata(entry.path()).expect("metadata");
        let kind = meta.file_type();
        assert!(
            kind.is_file() || kind.is_dir() || kind.is_symlink(),
            "{}: a special file",
            entry.path().display()
        );
        assert!(!kind.is_char_device() && !kind.is_fifo());
        assert_eq!(meta.mode() & 0o7000, 0, "{}", entry.path().display());
        assert_eq!(meta.uid(), rustix::process::geteuid().as_raw());
    }
}

#[test]
fn the_corpus_is_refused_or_made_harmless() {
    let s = Sandbox::new();
    let cases = corpus(&s);
    assert!(cases.len() > 200, "{} cases", cases.len());
    s.tree("w");
    let before = around(&s);
    let imports: Vec<Vec<String>> = cases
        .keys()
        .map(|name| {
            words(&format!(
                "fsync import ../zips/{name}.zip -d in/{name} -t t"
            ))
        })
        .collect();
    let mut taken = Vec::new();
    let (mut most, mut longest) = (0, 0.0);
    for (ran, (name, what)) in drive(&s, "w", PATIENCE, &imports).iter().zip(&cases) {
        let many = name.starts_with("many");
        ran.civil(if many { MEMORY_MANY } else { MEMORY });
        if !many {
            most = most.max(ran.rss);
        }
        longest = f64::max(longest, ran.seconds);
        match what.as_str() {
            "no" => assert_eq!(ran.code, Some(5), "{name} must be refused: {}", ran.said()),
            "yes" => assert!(
                matches!(ran.code, Some(0 | 3)),
                "{name} must be taken: {}",
                ran.said()
            ),
            _ => assert!(
                matches!(ran.code, Some(0 | 3 | 4 | 5)),
                "{name}: {:?}: {}",
                ran.code,
                ran.said()
            ),
        }
        match ran.code {
            Some(0 | 3) => taken.push((name.clone(), ran.text())),
            _ => refused(ran),
        }
    }
    eprintln!(
        "{} zips, {} taken; at most {} MiB and {longest:.1} s",
        cases.len(),
        taken.len(),
        most >> 20
    );
    assert_eq!(around(&s), before, "nothing but the repository was written");
    back(&s, &taken);
    assert_eq!(around(&s), before, "nothing outside the roots was written");
    s.run("fsync verify --read-data").code(0);
    s.sh("ls -A repo/tmp").stdout("");
}

/// One line, and nothing on standard output.
#[track_caller]
fn refused(ran: &Ran) {
    let said = ran.said();
    assert!(ran.out.is_empty(), "{}", ran.line);
    assert_eq!(said.lines().count(), 1, "{}: {said}", ran.line);
    assert!(
        said.contains("nothing was recorded") || ran.code == Some(4),
        "{said}"
    );
}

/// Reverts to what was taken, and exports it.
fn back(s: &Sandbox, taken: &[(String, String)]) {
    let mut lines = Vec::new();
    for (name, id) in taken.iter().filter(|(name, _)| !name.starts_with("many")) {
        lines.push(words(&format!("fsync-revert . {id} --to out/{name}")));
        lines.push(words(&format!("fsync export {id} -o {name}.back.zip")));
        lines.push(words(&format!(
            "fsync export --tar {id} -o {name}.back.tar"
        )));
        lines.push(words(&format!("fsync ls -rl {id}")));
    }
    s.tree("w/out");
    for ran in drive(s, "w", PATIENCE, &lines) {
        ran.civil(MEMORY);
        // A name of more than 255 bytes cannot be made, and is said.
        assert!(
            matches!(ran.code, Some(0 | 3 | 9)),
            "{}: {}",
            ran.line,
            ran.said()
        );
        assert_eq!(crate::driver::fit(&ran.out), None, "{}", ran.line);
    }
    harmless(s, "w/out");
    for (name, _) in taken.iter().filter(|(name, _)| !name.starts_with("many")) {
        let zip = s.path(&format!("w/{name}.back.zip"));
        s.cmd("unzip")
            .arg("-tqq")
            .arg(zip)
            .assert()
            .code(predicates::ord::le(1));
    }
}

/// Every offset at which a small zip can be cut, and every byte that can be another one.
fn broken(whole: &[u8], every: usize) -> Vec<Vec<u8>> {
    let cut = (0..whole.len())
        .step_by(every)
        .map(|at| whole[..at].to_vec());
    let flip = (0..whole.len())
        .step_by(every)
        .flat_map(|at| [0x01, 0x80, 0xff].into_iter().map(move |bits| (at, bits)));
    let flip = flip.map(|(at, bits)| {
        let mut other = whole.to_vec();
        other[at] ^= bits;
        other
    });
    cut.chain(flip).collect()
}

fn try_all(s: &Sandbox, zips: &[Vec<u8>], judge: impl Fn(&Ran, &[u8])) {
    fs::create_dir_all(s.path("w/broken")).expect("a folder");
    let mut lines = Vec::new();
    for (n, bytes) in zips.iter().enumerate() {
        fs::write(s.path(&format!("w/broken/{n}.zip")), bytes).expect("a zip");
        lines.push(words(&format!("fsync import broken/{n}.zip -d in")));
    }
    let before = around(s);
    for (ran, bytes) in drive(s, "w", PATIENCE, &lines).iter().zip(zips) {
        ran.civil(MEMORY);
        assert!(
            matches!(ran.code, Some(0 | 3 | 5)),
            "{}: {}",
            ran.line,
            ran.said()
        );
        judge(ran, bytes);
    }
    assert_eq!(around(s), before);
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn a_strangers_zip_cut_or_changed_anywhere_does_no_harm() {
    let s = Sandbox::new();
    corpus(&s);
    let whole = fs::read(s.path("small.zip")).expect("a zip");
    let zips = broken(&whole, quick_or_long(11, 1));
    try_all(&s, &zips, |ran, bytes| {
        if bytes.len() + 1 < whole.len() {
            assert_eq!(ran.code, Some(5), "cut at {}", bytes.len());
        }
    });
}

#[test]
fn one_of_ours_cut_or_changed_anywhere_is_refused_or_the_same() {
    let s = Sandbox::new();
    s.tree("dst")
        .file("a", "one")
        .file("d/b", "two")
        .link("l", "a")
        .settle();
    let id = s.snap("dst");
    s.run(&format!("fsync export {id} -o small.zip")).code(0);
    let whole = fs::read(s.path("small.zip")).expect("a zip");
    s.sh("rm -rf repo").success();
    let zips = broken(&whole, quick_or_long(59, 1));
    try_all(&s, &zips, |ran, bytes| {
        if bytes.len() < whole.len() {
            assert_eq!(ran.code, Some(5), "cut at {}", bytes.len());
        }
    });
    // What was taken is either the tree, or (when the comment no longer says that it is ours) a zip of its entries.
    let ids: Vec<String> = s
        .archives()
        .iter()
        .map(|p| {
            p.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for id in ids {
        s.run(&format!("fsync-revert ./x {id} --to w/out")).code(0);
        for name in ["a", "d/b"] {
            let text = fs::read(s.path("w/out").join(name)).expect("a file");
            assert!(text == b"one" || text == b"two", "{id}");
        }
        s.sh("rm -r w/out").success();
    }
}

#[test]
fn what_is_special_in_one_of_ours_is_said() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("plain", "")
        .file("u", "#!")
        .mode("u", 0o4755)
        .dir("t")
        .mode("t", 0o1777)
        .settle();
    if as_root() {
        dst.device("null", 3);
    }
    let id = s.snap("dst");
    s.run(&format!("fsync export {id} -o whole.zip")).code(0);
    s.sh("rm -rf repo").success();
    let told = s.run("fsync import whole.zip -d back -t t").code(0);
    let said = told.complaint();
    assert!(
        said.contains("1 file with a set-user-ID or set-group-ID bit"),
        "{said}"
    );
    assert_eq!(
        said.contains("1 device"),
        rustix::process::geteuid().is_root(),
        "{said}"
    );
    let before = Oracle::of(s.path("dst"));
    s.run("fsync -q rv -d back -t t").code(0);
    before.assert_is(s.path("back"));
    s.tree("dull").file("f", "").settle();
    let id = s.snap("dull");
    s.run(&format!("fsync export {id} -o dull.zip")).code(0);
    s.run("fsync import dull.zip -d b2").code(0).stderr("");
}
