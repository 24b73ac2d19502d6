//! What comes over the line is not what fsync says: names that lead elsewhere, and bytes that somebody has changed. A
//! seed stands for each case. Long form: `FSYNC_LONG=1`.

use std::fs;

use crate::support::{Canary, Sandbox, Told, quick_or_long};
use crate::world::{run, world};

/// Runs a command and changes what goes in or comes out: `damage.py SEED in|out COMMAND…`.
const DAMAGE: &str = r#"
import os, random, subprocess, sys, threading
dice = random.Random(int(sys.argv[1]))
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
# Behind the greeting, which has a test of its own.
first = dice.choice([0, 20, 60, 200, 1000, 5000]) + dice.randrange(100) + 15
def spoil(block, at):
    block = bytearray(block)
    if at <= first < at + len(block):
        place = first - at
        how = dice.randrange(5)
        if how == 0: block[place] ^= 1 << dice.randrange(8)
        if how == 1: block[place:place + 8] = b"\xff" * len(block[place:place + 8])
        if how == 2: block[place:place + 4] = b"\0" * len(block[place:place + 4])
        if how == 3: del block[place:place + dice.randrange(1, 40)]
        if how == 4: block[place:place] = dice.randbytes(dice.randrange(1, 40))
    return bytes(block)
def pump(source, target, bad):
    at = 0
    while block := os.read(source, 1 << 16):
        out = spoil(block, at) if bad else block
        at += len(block)
        try:
            while out: out = out[os.write(target, out):]
        except OSError: break
    os.close(target)
there = threading.Thread(target=pump, args=(0, child.stdin.fileno(), sys.argv[2] == "in"), daemon=True)
there.start()
pump(child.stdout.fileno(), 1, sys.argv[2] == "out")
os._exit(child.wait())
"#;

/// A world whose connections are spoilt: `run` with `SEED` and `WAY` set.
fn spoilt() -> Sandbox {
    let s = world();
    let rsh = fs::read_to_string(s.path("rsh")).unwrap();
    let spoilt = rsh.replace(
        "exec \"$@\"",
        "exec timeout 6 python3 $top/damage.py $SEED $WAY sh -c \"$*\"",
    );
    assert_ne!(rsh, spoilt);
    s.tree(".")
        .file("damage.py", DAMAGE)
        .file("rsh", spoilt)
        .mode("rsh", 0o755);
    s
}

#[test]
fn names_that_lead_elsewhere_end_it() {
    // As long as the real one, so that all else on the line stays right.
    for name in [
        "../ocent", "/innocen", "in/ocent", "......./", "a/../../", ".",
    ] {
        let s = world();
        s.tree("there/src")
            .file("innocent", "1")
            .file("other", "2")
            .settle();
        s.tree("out").file("ocent", "secret").settle();
        let rsh = fs::read_to_string(s.path("rsh")).unwrap();
        let name = format!("{name:\0<8}");
        let forge = format!(
            "\"$@\" | python3 -uc 'import os,sys\nwhile b := os.read(0, 65536):\n os.write(1, b.replace(b\"innocent\", bytes.fromhex(\"{}\")))'",
            name.bytes().map(|b| format!("{b:02x}")).collect::<String>()
        );
        fs::write(s.path("rsh"), rsh.replace("exec \"$@\"", &forge)).unwrap();
        let told = run(&s, "timeout 60 fsync cp --delete host:src out/dst")
            .failure()
            .complaint();
        assert!(!told.contains("panicked") && !told.is_empty(), "{told}");
        assert_eq!(
            fs::read(s.path("out/ocent")).unwrap(),
            b"secret",
            "{name:?}"
        );
        let around: Vec<_> = fs::read_dir(s.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "dst" && name != "ocent")
            .collect();
        assert!(around.is_empty(), "{name:?}: {around:?}");
        assert!(!s.path("out/dst/innocent").exists());
    }
}

#[test]
fn a_line_that_is_spoilt_does_no_harm() {
    let s = spoilt();
    let canary = Canary::new(&s, "there/out");
    let here = Canary::new(&s, "here/out");
    for (name, text) in [("there/in/dir", "far"), ("src", "near")] {
        let tree = s.tree(name);
        for n in 0..20 {
            tree.file(
                format!("d{}/f{n}", n % 3),
                format!("{text} {n}").repeat(n * 9),
            );
        }
        tree.link("to", "d0/f0").settle();
    }
    let first: usize = std::env::var("FSYNC_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    for seed in first..first + quick_or_long(24, 1500) {
        let way = ["in", "out"][seed % 2];
        let line = [
            "fsync cp --delete --max-delete 100% src host:dir",
            "fsync cp --delete --max-delete 100% host:dir here/got",
            "fsync rv -d host:dir",
        ][seed / 2 % 3];
        // No more memory than that is taken, whatever lengths are said.
        let script = format!(
            "export SEED={seed} WAY={way} FSYNC_SERVE='fsync serve --restrict in'; echo {seed} >src/d0/f0; \
             echo {seed} >there/in/dir/d1/f1; ulimit -v 8000000; timeout 5 {line}"
        );
        let ended = run(&s, &script);
        let code = ended.get_output().status.code();
        let said = ended.complaint();
        // Who has been promised more bytes than come waits for them, until somebody ends it.
        let expected = code.is_some_and(|code| matches!(code, 0..=9 | 124));
        assert!(
            expected && !said.contains("panicked"),
            "FSYNC_SEED={seed}: {line}: {code:?}: {said}"
        );
        canary.assert_sings();
        here.assert_sings();
        here.assert_not_in(s.path("there/in"));
        canary.assert_not_in(s.path("here/got"));
    }
    // The next run over a good line makes all of it right.
    s.sh(
        "sed -i 's/exec timeout 6 python3 .*/exec \"$@\"/' rsh; export FSYNC_RSH=$PWD/rsh; \
         fsync -q cp --delete --checksum --max-delete 100% src host:in/dir && rm -rf there/in/dir/.fsync-* && \
         diff -r --no-dereference src there/in/dir",
    )
    .code(0);
}
