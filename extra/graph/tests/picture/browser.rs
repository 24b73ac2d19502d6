//! The page in a browser: what is seen, keys, clicks, and that nothing is asked for.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::world::{branched, chain, has, hostile};

/// What a browser told.
struct Seen {
    results: Vec<Value>,
    problems: Value,
    requests: Vec<String>,
}

/// Opens the page of `dir` and takes steps; `None`, and why, where there is no browser.
fn browse(s: &Sandbox, dir: &str, steps: &[Value]) -> Option<Seen> {
    if !has("chromium") || !has("python3") {
        return None;
    }
    let mut command = s.cmd("fsync-graph");
    command
        .args(["--html", "page.html"])
        .arg(s.path(dir))
        .assert()
        .code(0);
    let url = format!("file://{}", s.path("page.html").display());
    let mut all = vec![
        json!({"do": "size", "width": 1280, "height": 900}),
        json!({"do": "open", "url": url}),
    ];
    all.extend_from_slice(steps);
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/picture/browser.py");
    let mut child = s
        .plain("python3")
        .args([driver, "chromium"])
        .arg(s.path("profile"))
        .env("TMPDIR", s.path("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(&all).unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let requests = told["requests"].as_array().unwrap().iter();
    let seen = Seen {
        results: told["results"].as_array().unwrap()[2..].to_vec(),
        problems: told["problems"].clone(),
        requests: requests.map(|r| r.as_str().unwrap().to_string()).collect(),
    };
    assert_eq!(seen.problems, json!([]), "the console");
    // The page itself, and an icon that is empty.
    let own = |r: &&String| **r == url || *r == "data:,";
    assert_eq!(
        seen.requests.iter().filter(own).count(),
        seen.requests.len(),
        "{:?}",
        seen.requests
    );
    Some(seen)
}

fn eval(js: &str) -> Value {
    json!({"do": "eval", "js": js})
}

fn key(key: &str) -> Value {
    json!({"do": "key", "key": key})
}

/// Which snapshot is chosen, and whether the keyboard is on it.
const CHOSEN: &str = "[...document.querySelectorAll('.node')].filter((n) => n.getAttribute('aria-selected') === 'true')\
    .map((n) => [Number(n.dataset.n), n === document.activeElement, n.tabIndex])";
const COUNT: &str = "(selector) => document.querySelectorAll(selector).length";

fn count(selector: &str) -> Value {
    eval(&format!("({COUNT})({selector:?})"))
}

#[test]
fn everything_is_drawn() {
    let s = branched();
    let n = s.archives().len();
    let steps = [
        count(".node"),
        count("path.edge:not(.legend *)"),
        count("path.way:not(.redo):not(.legend *)"),
        count("path.way.redo:not(.legend *)"),
        count(".node.head"),
        count(".flag"),
        count("rect.size"),
        count(".curve"),
        count("#tags button"),
        eval("document.title"),
        eval("document.getElementById('directory').textContent"),
        eval(CHOSEN),
        eval(
            "[...document.querySelectorAll('.node')].every((n) => n.getAttribute('aria-label').startsWith('Snapshot '))",
        ),
        // Reverts lead to the left, and above the snapshots; backups to the right.
        eval(
            "[...document.querySelectorAll('svg path.way')].filter((p) => !p.closest('.legend')).map((p) => { const l = p.getTotalLength(); \
             return Math.sign(p.getPointAtLength(l).x - p.getPointAtLength(0).x); })",
        ),
        eval(
            "[...document.querySelectorAll('svg path.edge')].filter((p) => !p.closest('.legend')).every((p) => \
             p.getPointAtLength(p.getTotalLength()).x > p.getPointAtLength(0).x)",
        ),
        eval("document.documentElement.scrollWidth <= innerWidth"),
    ];
    let Some(seen) = browse(&s, "copy", &steps) else {
        return;
    };
    let data = crate::world::data(&s, "fsync-graph --html - copy");
    let head = data["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .position(|one| one["head"] == true);
    let dir = s.path("copy").display().to_string();
    let expected = [
        json!(n),
        json!(n - 1),
        json!(3),
        json!(1),
        json!(1),
        json!(4),
        json!(n),
        json!(1),
        json!(3),
        json!(format!("History of {dir}")),
        json!(dir),
        json!([[head, false, 0]]),
        json!(true),
        json!([-1, -1, -1, 1]),
        json!(true),
        json!(true),
    ];
    for (at, (seen, expected)) in seen.results.iter().zip(expected).enumerate() {
        assert_eq!(*seen, expected, "step {at}: {}", steps[at]);
    }
}

#[test]
fn the_keyboard_reaches_everything() {
    let s = branched();
    let last = s.archives().len() - 1;
    let focus = |what: &str| eval(&format!("document.activeElement.{what}"));
    let steps = [
        key("Tab"),
        focus("className"),
        // Past the link that leads on, to the one snapshot that is in the order of tabs.
        key("Tab"),
        eval("document.activeElement.getAttribute('role')"),
        key("End"),
        eval(CHOSEN),
        key("ArrowRight"),
        eval(CHOSEN),
        key("ArrowLeft"),
        eval(CHOSEN),
        key("Home"),
        eval(CHOSEN),
        key("ArrowUp"),
        eval(CHOSEN),
        key("ArrowDown"),
        eval(CHOSEN),
        eval("getComputedStyle(document.activeElement.querySelector('.halo')).strokeWidth"),
        eval("document.querySelectorAll('#changes li').length"),
        key("Enter"),
        focus("id"),
        key("/"),
        focus("id"),
        json!({"do": "type", "text": "ONE"}),
        eval("[...document.querySelectorAll('#changes .path')].map((p) => p.textContent)"),
        eval("document.getElementById('rest').textContent"),
        key("Escape"),
        eval(
            "[document.getElementById('filter').value, document.querySelectorAll('#changes li').length]",
        ),
        key("Escape"),
        eval(CHOSEN),
        eval("location.hash.length"),
    ];
    let Some(seen) = browse(&s, "copy", &steps) else {
        return;
    };
    let told: Vec<&Value> = seen.results.iter().filter(|r| !r.is_null()).collect();
    let expected = [
        json!("skip"),
        json!("option"),
        json!([[last, true, 0]]),
        json!([[last, true, 0]]),
        json!([[last - 1, true, 0]]),
        json!([[0, true, 0]]),
        json!([[0, true, 0]]),
        json!([[1, true, 0]]),
        json!("3px"),
        json!(4),
        json!("changes"),
        json!("filter"),
        json!(["a/one"]),
        json!("1 of 4 listed changes are shown."),
        json!(["", 4]),
        json!([[1, true, 0]]),
        json!(41),
    ];
    assert_eq!(told.len(), expected.len());
    for (at, (told, expected)) in told.into_iter().zip(expected).enumerate() {
        assert_eq!(*told, expected, "answer {at}");
    }
}

#[test]
fn clicks_choose_and_filter() {
    let s = branched();
    let click = |at: &str| json!({"do": "click", "at": at});
    let steps = [
        click(".node[data-n='1'] .body"),
        eval(CHOSEN),
        eval("document.getElementById('snapshot-title').textContent.slice(0, 12)"),
        eval(
            "[...document.querySelectorAll('#changes .letter')].map((l) => l.textContent).join('')",
        ),
        click("#letters button:first-child"),
        eval(
            "[...document.querySelectorAll('#changes .letter')].map((l) => l.textContent).join('')",
        ),
        eval("document.querySelector('#letters button').getAttribute('aria-pressed')"),
        click("#newer"),
        eval(CHOSEN),
        click("#tags li:last-child button"),
        eval("document.querySelector('.badge.tag').textContent"),
        click("rect.size"),
        eval(CHOSEN),
        eval("document.getElementById('older').disabled"),
        eval("document.querySelectorAll('.lit').length > 0"),
    ];
    let Some(seen) = browse(&s, "copy", &steps) else {
        return;
    };
    let data = crate::world::data(&s, "fsync-graph --html - copy");
    let id = &data["snapshots"][1]["id"].as_str().unwrap()[..12];
    let told: Vec<&Value> = seen.results.iter().filter(|r| !r.is_null()).collect();
    let expected = [
        json!([[1, true, 0]]),
        json!(id),
        json!("tAAA"),
        json!("t"),
        json!("false"),
        json!([[2, false, 0]]),
        json!("before two"),
        json!([[0, true, 0]]),
        json!(true),
        json!(true),
    ];
    assert_eq!(told.len(), expected.len());
    for (at, (told, expected)) in told.into_iter().zip(expected).enumerate() {
        assert_eq!(*told, expected, "answer {at}");
    }
}

#[test]
fn hostile_names_are_text() {
    let s = hostile();
    let steps = [
        eval("document.querySelectorAll('img, b, i, iframe, object, script:not([id])').length"),
        eval("document.getElementById('directory').textContent"),
        eval("document.querySelector('#tags button').textContent"),
        key("Tab"),
        key("Tab"),
        key("Home"),
        eval(
            "[...document.querySelectorAll('#changes .path')].map((p) => [p.textContent, p.children.length])",
        ),
        eval("/[\\u202e\\u2028\\u200b]/.test(document.documentElement.textContent)"),
    ];
    let Some(seen) = browse(&s, "<b>&\"d\u{202e}\n<", &steps) else {
        return;
    };
    // Only the script of the page.
    assert_eq!(seen.results[0], 1);
    assert!(
        seen.results[1]
            .as_str()
            .unwrap()
            .ends_with(r#"/<b>&\"d\342\200\256\n<""#),
        "{}",
        seen.results[1]
    );
    assert_eq!(seen.results[2], "<img src=x onerror=alert(2)>&\"\\N");
    let paths = seen.results[6].as_array().unwrap();
    assert_eq!(paths.len(), crate::world::HOSTILE.len());
    for name in [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)<",
        r#""gpj.\342\200\256exe""#,
        r#""new\nline\ttab\033[31m""#,
        "&#8238;&amp;&lt;",
    ] {
        assert!(paths.contains(&json!([name, 0])), "{name} in {paths:?}");
    }
    assert_eq!(seen.results[7], false);
}

#[test]
fn nothing_can_be_sent_or_loaded() {
    let s = chain(1);
    // What a fault of the page would try: the policy stops it before anything is asked for.
    let steps = [eval(
        "(async () => { const told = []; document.addEventListener('securitypolicyviolation', (e) => told.push(e.effectiveDirective)); \
         const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; await fetch('http://127.0.0.1:9/').catch(() => 0); \
         try { document.body.innerHTML = '<p>'; told.push('markup'); } catch { } \
         await new Promise((done) => setTimeout(done, 50)); return [...new Set(told)].sort().join(' '); })()",
    )];
    let seen =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| browse(&s, "copy", &steps)));
    // The console says what was refused, so the usual check fails; the answer is what counts.
    match seen {
        Ok(None) => {}
        Ok(Some(seen)) => panic!("the console was silent: {:?}", seen.results),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().expect("words");
            for word in ["img-src", "connect-src", "TrustedHTML"] {
                assert!(text.contains(word), "{word}: {text}");
            }
        }
    }
}

#[test]
fn one_snapshot_and_narrow_screens() {
    let s = chain(1);
    let steps = [
        json!({"do": "size", "width": 360, "height": 740, "mobile": true}),
        count(".node"),
        eval(
            "[document.getElementById('older').disabled, document.getElementById('newer').disabled]",
        ),
        eval("document.documentElement.scrollWidth <= 360"),
        eval("document.getElementById('since').textContent"),
        json!({"do": "scheme", "value": "dark"}),
        eval("getComputedStyle(document.body).backgroundColor"),
        json!({"do": "scheme", "value": "light"}),
        eval("getComputedStyle(document.body).backgroundColor"),
    ];
    let Some(seen) = browse(&s, "copy", &steps) else {
        return;
    };
    assert_eq!(seen.results[1], 1);
    assert_eq!(seen.results[2], json!([true, true]));
    assert_eq!(seen.results[3], true);
    assert_eq!(
        seen.results[4],
        "Nothing is before it, so this is what it holds."
    );
    assert_ne!(seen.results[6], seen.results[8]);
}

#[test]
fn a_long_history_can_be_walked() {
    let s = chain(300);
    s.run("fsync log --dot copy").code(0);
    let steps = [
        count(".node"),
        json!({"do": "click", "at": ".node[data-n='299'] .body"}),
        key("PageUp"),
        eval(CHOSEN),
        key("Home"),
        eval(CHOSEN),
        eval("document.getElementById('scroll').scrollLeft < 50"),
        eval("document.documentElement.scrollWidth <= innerWidth"),
    ];
    let Some(seen) = browse(&s, "copy", &steps) else {
        return;
    };
    assert_eq!(seen.results[0], 300);
    assert_eq!(seen.results[3], json!([[289, true, 0]]));
    assert_eq!(seen.results[5], json!([[0, true, 0]]));
    assert_eq!(
        (&seen.results[6], &seen.results[7]),
        (&json!(true), &json!(true))
    );
}
