//! Sequences: made from a seed, run, and made short where they fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::dice::Dice;
use crate::support::quick_or_long;
use crate::world::{DIRS, Res, World};
use crate::{back, cut, keep, work};

type Step = fn(&mut World) -> Res;

/// What is done, and how often.
const STEPS: [(usize, &str, Step); 20] = [
    (220, "edit", work::edit),
    (45, "snap", work::snap),
    (60, "cp", work::cp),
    (22, "thin", work::thin),
    (14, "late", work::late),
    (20, "sync", work::sync),
    (14, "mksync", work::mksync),
    (10, "meddle", work::meddle),
    (40, "rv", back::rv),
    (12, "rv -t", back::rv_tag),
    (16, "rv NAME", back::rv_name),
    (20, "rv -- PATH", back::rv_paths),
    (25, "redo", back::redo),
    (22, "remember", back::remember),
    (22, "tag", keep::tag),
    (8, "prune", keep::prune),
    (5, "forget", keep::forget),
    (6, "zip", keep::zip),
    (8, "lose the catalog", keep::lose_catalog),
    (4, "copy", keep::copy),
];

/// Besides, in every so many steps.
const OTHERS: [(usize, Step); 2] = [(40, keep::verify), (30, cut::kill)];

/// How long one sequence is.
const LENGTH: usize = 125;

/// The steps that a seed stands for, each a seed of its own.
fn sequence(seed: u64) -> Vec<u64> {
    let mut dice = Dice::new(seed);
    (0..LENGTH).map(|_| dice.roll()).collect()
}

/// One step.
fn step(w: &mut World, seed: u64) -> Res {
    w.dice = Dice::new(seed);
    for (often, other) in OTHERS {
        if w.dice.once_in(often) {
            return other(w).and_then(|()| w.check_trees());
        }
    }
    let all: Vec<(usize, usize)> = STEPS.iter().enumerate().map(|(at, s)| (s.0, at)).collect();
    let (_, name, run) = STEPS[w.dice.weighed(&all)];
    run(w).map_err(|e| format!("{name}: {e}"))?;
    w.check_trees()?;
    if name != "edit" && w.dice.once_in(3) {
        w.check_log(DIRS[seed as usize % 4])?;
        w.check_tags()?;
    }
    Ok(())
}

/// A sequence that failed: how, after how many steps, and what was run.
struct Failure {
    why: String,
    steps: usize,
    script: String,
}

/// Runs steps from the beginning.
fn attempt(steps: &[u64]) -> Result<(), Failure> {
    let mut w = World::new();
    let mut done = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        start(&mut w)?;
        for seed in steps {
            done += 1;
            step(&mut w, *seed)?;
        }
        finish(&mut w)
    }));
    let why = match ended {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(cause) => match cause.downcast_ref::<String>() {
            Some(text) => format!("panic: {text}"),
            None => "panic".into(),
        },
    };
    let lines = w
        .script
        .iter()
        .map(|l| String::from_utf8_lossy(l).into_owned());
    Err(Failure {
        why,
        steps: done,
        script: lines.collect::<Vec<_>>().join("\n"),
    })
}

/// There is a repository.
fn start(w: &mut World) -> Res {
    let told = w
        .foretell("y", &[], false)
        .map_err(|c| format!("foretell: {c}"))?;
    let id = w
        .run("exec fsync-snap -q y", 0)?
        .text
        .trim_end()
        .to_string();
    w.recorded(told, &id)?;
    let path = w.path("y");
    w.past.move_head(&path, Some(id));
    Ok(())
}

/// In the end everything is known, whole, and can be brought back.
fn finish(w: &mut World) -> Res {
    keep::all_known(w)?;
    keep::verify(w)?;
    for id in w.past.order.clone() {
        if w.dice.once_in(4) {
            w.check_snapshot("y", &id, &id)?;
        }
    }
    Ok(())
}

/// Drops steps as long as it still fails.
fn shortest(steps: &[u64], mut last: Failure) -> (usize, Failure) {
    let mut steps = steps[..last.steps.min(steps.len())].to_vec();
    let mut tries = 150;
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() && tries > 0 {
            tries -= 1;
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            match attempt(&fewer) {
                Err(failure) => {
                    fewer.truncate(failure.steps);
                    steps = fewer;
                    last = failure;
                }
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    (steps.len(), last)
}

fn judge(seed: u64) {
    let steps = sequence(seed);
    if let Err(first) = attempt(&steps) {
        let why = first.why.clone();
        let (count, last) = match std::env::var_os("FSYNC_MODEL_WHOLE") {
            Some(_) => (first.steps, first),
            None => shortest(&steps, first),
        };
        panic!(
            "FSYNC_MODEL_SEED={seed} cargo test --test model\nfirst: {why}\n\nin {count} steps: {}\n\n{}\n",
            last.why, last.script
        );
    }
}

/// So many sequences, several at once.
#[test]
fn does_what_the_model_says() {
    if let Some(seed) = std::env::var("FSYNC_MODEL_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        return judge(seed);
    }
    let base = std::env::var("FSYNC_MODEL_BASE")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let count = quick_or_long(24, 400);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || failed.load(Ordering::Relaxed) {
                        break;
                    }
                    if catch_unwind(|| judge(base + at as u64)).is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(
        !failed.load(Ordering::Relaxed),
        "a sequence failed; see above"
    );
}
