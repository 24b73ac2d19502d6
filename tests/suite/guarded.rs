//! Every guard, from a directory and from a snapshot, for everybody: refused, the option named, and lifted by it.

use predicates::prelude::*;

use crate::support::{Oracle, Person, Told, Traces, plan_line, trees};

/// A plan is refused, nothing is touched, the option is named, and with it the plan is performed.
fn lifted(p: &Person, plan: &str, destination: &str, option: &str, with: &str) {
    let there = p.s.path(destination).exists();
    let before = there.then(|| {
        (
            Oracle::of(p.s.path(destination)),
            Traces::of(p.s.path(destination)),
        )
    });
    for run in [plan.to_string(), format!("{plan} --dry-run")] {
        p.sh(&run)
            .code(4)
            .nothing()
            .stderr(predicate::str::contains(option));
    }
    match before {
        Some((oracle, traces)) => {
            oracle.assert_is(p.s.path(destination));
            traces.assert_untouched(p.s.path(destination));
        }
        None => assert!(!p.s.path(destination).exists()),
    }
    p.sh(&format!("{plan} {with}")).code(0).nothing();
}

/// For a directory and a snapshot as source, and for everybody.
fn every(build: impl Fn(&Person), guard: impl Fn(&Person, &str)) {
    for source in ["src", "$(fsync-snap src)"] {
        for p in Person::everyone() {
            build(&p);
            guard(&p, source);
        }
    }
}

#[test]
fn most_of_the_destination() {
    every(
        |p| {
            trees(p, |src, dst| {
                for n in 0..25 {
                    dst.file(format!("{n}"), "");
                    if n < 10 {
                        src.file(format!("{n}"), "");
                    }
                }
                src.settle();
            });
        },
        |p, source| {
            let plan = format!("fsync-diff --json --delete {source} dst | fsync-apply");
            p.sh(&format!("{plan} --max-delete 14")).code(4).nothing();
            lifted(p, &plan, "dst", "--max-delete=15", "--max-delete=15");
            assert_eq!(Oracle::of(p.s.path("dst")).len(), 10);
        },
    );
}

#[test]
fn nothing_in_the_source() {
    every(
        |p| {
            trees(p, |src, dst| {
                drop(
                    dst.file("f", "")
                        .at(src.root().as_os_str().as_encoded_bytes()),
                )
            })
        },
        |p, source| {
            let plan = format!("fsync-diff --json --delete {source} dst | fsync-apply");
            lifted(
                p,
                &plan,
                "dst",
                "--allow-empty-source",
                "--allow-empty-source",
            );
            assert_eq!(Oracle::of(p.s.path("dst")).len(), 0);
        },
    );
}

#[test]
fn a_home_directory() {
    every(
        |p| {
            p.build(|s| {
                s.tree("src").file("f", "").file("kind", "");
                s.tree("home").file("precious", "").dir("kind");
            });
        },
        |p, source| {
            let plan = format!("fsync-diff --json --delete {source} home | fsync-apply");
            lifted(p, &plan, "home", "--allow-root", "--allow-root");
            assert!(!p.s.path("home/precious").exists());
            p.sh("fsync-snap home").code(0);
            p.sh("echo new > home/f").success();
            p.sh("fsync-revert home")
                .code(4)
                .stderr(predicate::str::contains("--allow-root"));
            p.sh("fsync-revert home --allow-root").code(0);
        },
    );
}

#[test]
fn missing_parents() {
    every(
        |p| trees(p, |src, _| drop(src.file("f", "").at("f"))),
        |p, source| {
            let plan = format!("fsync-diff --json {source} no/such/dst | fsync-apply");
            lifted(p, &plan, "no", "--parents", "--parents");
            p.copied("src").assert_is(p.s.path("no/such/dst"));
        },
    );
}

#[test]
fn the_root_of_the_system() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("f", "");
            dst.file("victim", "");
        });
        let mut plan = p
            .sh("fsync-diff --json --delete $(fsync-snap src) dst")
            .code(0)
            .records();
        let victim = p.s.path("dst/victim");
        let victim = victim.to_str().expect("UTF-8").trim_start_matches('/');
        plan.retain(|r| r["type"] != "change" || r["status"] == "D");
        for record in &mut plan {
            match record["type"].as_str() {
                Some("header") => record["destination"] = serde_json::json!({ "path": "/" }),
                Some("change") => record["path"] = victim.into(),
                _ => {}
            }
        }
        std::fs::write(p.s.path("plan"), plan_line(&plan)).expect("a plan");
        p.sh("fsync-apply < plan")
            .code(4)
            .nothing()
            .stderr(predicate::str::contains("--allow-root"));
        assert!(p.s.path("dst/victim").exists());
        p.sh("fsync-apply --allow-root < plan").code(0).nothing();
        assert!(!p.s.path("dst/victim").exists());
    }
}

#[test]
fn a_source_that_is_gone_and_nothing_lifts_it() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("f", "");
            dst.file("g", "");
        });
        p.sh("fsync-diff --json --delete src dst > plan; rm -r src")
            .success();
        let all = "--max-delete 100% --allow-empty-source --allow-unmounted --allow-root --parents";
        p.sh(&format!("fsync-apply {all} < plan"))
            .code(4)
            .nothing()
            .stderr(predicate::str::contains("src"));
        assert!(p.s.path("dst/g").exists());
    }
}

#[test]
fn a_revert_may_delete_most() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            for n in 0..40 {
                src.file(format!("{n}"), "");
            }
            dst.file("one", "");
        });
        let before = Oracle::of(p.s.path("dst"));
        p.sh("fsync cp -q src dst").code(0);
        p.sh("fsync rv -q -d dst").code(0);
        before.assert_is(p.s.path("dst"));
        p.sh("fsync rv -q --redo -d dst").code(0);
        p.sh("fsync rv -q --redo -d dst").code(predicate::ne(4));
    }
}
