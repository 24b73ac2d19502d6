//! The page as a text: what it is given, what it may do, and how its file comes to be.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::Value;

use crate::support::{Sandbox, Told};
use crate::world::{branched, chain, data, given, hostile};

/// The changes of a snapshot as `LETTER path`.
fn changes(snapshot: &Value) -> Vec<String> {
    let list = snapshot["changes"]["list"].as_array().unwrap();
    let line = |c: &Value| format!("{} {}", c[0].as_str().unwrap(), c[1].as_str().unwrap());
    list.iter().map(line).collect()
}

#[test]
fn it_holds_the_history() {
    let s = branched();
    let data = data(&s, "fsync-graph --html - copy");
    let all = data["snapshots"].as_array().unwrap();
    assert_eq!(all.len(), s.archives().len());
    for (at, one) in all.iter().enumerate() {
        if let Some(parent) = one["parent"].as_u64() {
            assert!((parent as usize) < at, "{one}");
        }
        let length = s
            .archive(one["id"].as_str().unwrap())
            .metadata()
            .unwrap()
            .len();
        assert_eq!(one["archive_bytes"], length);
    }
    assert_eq!(all.iter().filter(|one| one["head"] == true).count(), 1);
    let head = all.iter().find(|one| one["head"] == true).unwrap();
    assert_eq!(head["id"].as_str(), s.head("copy").as_deref());
    let has = |one: &Value, tag: &str| one["tags"].as_array().unwrap().iter().any(|t| t == tag);
    let tagged = |tag: &str| all.iter().position(|one| has(one, tag));
    let before = tagged("before two").unwrap();
    assert_eq!(all[before]["content_bytes"], 2);
    // The state before "before two" was made is empty, and so is what it is compared with.
    assert_eq!(changes(&all[before]), ["t .", "A a", "A a/one", "A kept"]);
    let now = tagged("now").unwrap();
    let branched = tagged("branched").unwrap();
    assert_eq!(all[now]["parent"], branched);
    let backs = data["backs"].as_array().unwrap();
    assert_eq!(backs.len(), 4);
    assert!(
        backs
            .iter()
            .all(|b| (b["redo"] == true) == (b["to"].as_u64() > b["from"].as_u64()))
    );
    let last = &backs[3];
    assert_eq!(
        (last["to"].as_u64(), &last["redo"]),
        (Some(now as u64), &Value::Bool(true))
    );
    assert!(last["words"].as_str().unwrap().starts_with("@{1} redo to "));
    // Two branches: the lane of the head, and that of what was taken back.
    let lanes: Vec<u64> = all
        .iter()
        .map(|one| one["lane"].as_u64().unwrap())
        .collect();
    assert_eq!(lanes.iter().max(), Some(&1), "{lanes:?}");
}

#[test]
fn it_lists_what_changed_in_every_respect() {
    let s = Sandbox::new();
    let tree = s.tree("copy");
    tree.file("same", "s")
        .file("text", "old")
        .file("goes", "g")
        .file("moves", "moved content")
        .file("kind", "k");
    tree.file("hidden change", "aaaa").settle();
    s.snap("copy");
    tree.file("text", "newer")
        .remove("goes")
        .file("comes", "c")
        .mode("same", 0o600);
    tree.file("hidden change", "bbbb")
        .remove("kind")
        .link("kind", "text")
        .xattr("moves", "user.a", b"1");
    tree.settle();
    s.snap("copy");
    let data = data(&s, "fsync-graph --html - copy");
    let new = &data["snapshots"][1];
    let expected = [
        "A comes",
        "D goes",
        "M hidden change",
        "T kind",
        "t moves",
        "t same",
        "M text",
    ];
    assert_eq!(changes(new), expected);
    assert_eq!(
        new["changes"]["counts"],
        serde_json::json!([["A", 1], ["M", 2], ["T", 1], ["D", 1], ["t", 2]])
    );
    let rows = new["changes"]["list"].as_array().unwrap();
    assert_eq!(
        rows[6],
        serde_json::json!(["M", "text", "file", 3, 5, "size", null])
    );
    assert_eq!(rows[5][5], "mode");
    let first = &data["snapshots"][0]["changes"];
    assert_eq!(
        (&first["since"], first["list"].as_array().unwrap().len()),
        (&Value::Null, 6)
    );
}

#[test]
fn there_is_an_end_to_what_is_listed() {
    let s = Sandbox::new();
    let tree = s.tree("copy");
    for n in 0..30 {
        tree.file(format!("d{}/{n:02}", n % 3), "x");
    }
    s.snap("copy");
    for n in 30..50 {
        tree.file(format!("{n}"), "x");
    }
    tree.settle();
    s.snap("copy");
    let data = data(&s, "fsync-graph --changes 7 --html - copy");
    let first = &data["snapshots"][0]["changes"];
    assert_eq!(
        (first["list"].as_array().unwrap().len(), &first["rest"]),
        (7, &26.into())
    );
    assert_eq!(first["list"][1][1], "d0/00");
    let second = &data["snapshots"][1]["changes"];
    let total: u64 = second["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c[1].as_u64().unwrap())
        .sum();
    assert_eq!(second["rest"].as_u64(), Some(total - 7));
    assert!(total >= 20);
    let none = given(
        &s.run("fsync-graph --changes=0 --html=- copy")
            .code(0)
            .text(),
    );
    assert_eq!(changes(&none["snapshots"][1]), [""; 0]);
}

#[test]
fn it_asks_for_nothing() {
    let s = branched();
    let page = s.run("fsync-graph --html - copy").code(0).stderr("").text();
    assert!(page.starts_with("<!DOCTYPE html>\n"));
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'));
    let without = page.replace("http://www.w3.org/2000/svg", "");
    for word in [
        "http:", "https:", "src=", "//cdn", "@import", "<iframe", "<object", "<form", "<base",
    ] {
        assert!(!without.contains(word), "{word}");
    }
}

#[test]
fn no_name_gets_out_of_its_place() {
    let s = hostile();
    let dir = s.path("<b>&\"d\u{202e}\n<");
    let mut command = s.cmd("fsync-graph");
    let page = command.arg("--html=-").arg(dir).assert().code(0).text();
    let scripts = page.matches("<script").count();
    assert_eq!((scripts, page.matches("</script>").count()), (2, 2));
    assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains('\u{202e}'));
    let data = given(&page);
    let names = changes(&data["snapshots"][0]);
    assert!(
        names.contains(&"A <img src=x onerror=alert(1)>".to_string()),
        "{names:?}"
    );
    for name in [
        r#"A "new\nline\ttab\033[31m""#,
        r#"A "gpj.\342\200\256exe""#,
        r#"A "not\377utf8""#,
        r#"A "sep\342\200\250arator\342\200\213""#,
        "A &#8238;&amp;&lt;",
    ] {
        assert!(names.contains(&name.to_string()), "{name} in {names:?}");
    }
    assert_eq!(
        data["snapshots"][0]["tags"][0],
        "<img src=x onerror=alert(2)>&\"\\N"
    );
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let s = chain(2);
    fs::create_dir(s.path("out")).unwrap();
    s.run("fsync-graph --html out/page.html copy")
        .code(0)
        .nothing()
        .stderr("");
    let page = fs::read(s.path("out/page.html")).unwrap();
    assert_eq!(
        fs::metadata(s.path("out/page.html")).unwrap().mode() & 0o777,
        0o644
    );
    // What was there before is replaced, and a link is not followed.
    fs::write(s.path("out/target"), "precious").unwrap();
    fs::remove_file(s.path("out/page.html")).unwrap();
    symlink("target", s.path("out/page.html")).unwrap();
    s.run("fsync-graph --html out/page.html copy").code(0);
    assert!(
        fs::symlink_metadata(s.path("out/page.html"))
            .unwrap()
            .is_file()
    );
    assert_eq!(fs::read(s.path("out/page.html")).unwrap().len(), page.len());
    assert_eq!(fs::read(s.path("out/target")).unwrap(), b"precious");
    s.run("fsync-graph --html out copy")
        .code(4)
        .nothing()
        .one_line("fsync-graph", &["\"out\"", "no regular file"]);
    s.run("fsync-graph --html none/page.html copy")
        .code(9)
        .nothing()
        .one_line("fsync-graph", &["\"none/page.html\""]);
    s.sh("mkfifo out/pipe; fsync-graph --html out/pipe copy")
        .code(4);
    let mut names: Vec<_> = fs::read_dir(s.path("out"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["page.html", "pipe", "target"]);
    // Half a disk is no page.
    s.sh("ulimit -f 4; fsync-graph --html out/page.html copy")
        .code(9);
    assert_eq!(fs::read(s.path("out/page.html")).unwrap().len(), page.len());
    s.sh("fsync-graph --html - copy >/dev/full").code(9);
    s.sh("fsync-graph --html - copy | true").code(0).stderr("");
}

#[test]
fn what_is_gone_forgotten_and_imported_is_said() {
    let s = chain(6);
    s.run("fsync-tag create -d copy early @~4").code(0);
    s.run("fsync -q prune -d copy --keep-last 1").code(0);
    s.tree("copy").file("password", "secret");
    s.snap("copy");
    s.tree("copy").edit("password", "other");
    s.snap("copy");
    s.run("fsync -q forget -d copy password").code(0);
    s.sh("fsync export early -d copy -o early.zip && fsync import -d copy -t came early.zip")
        .code(0);
    let data = data(&s, "fsync-graph --html - copy");
    let all = data["snapshots"].as_array().unwrap();
    assert_eq!(all.len(), 5, "{all:#?}");
    let origin = all[0]["origin"].as_str().unwrap();
    assert!(origin.contains("gone, and so is all before it"), "{origin}");
    let imported = all.iter().find(|one| !one["imported"].is_null()).unwrap();
    assert!(
        imported["imported"]
            .as_str()
            .unwrap()
            .ends_with("early.zip")
    );
    assert_eq!(imported["tags"], serde_json::json!(["came"]));
    assert_eq!(
        all.iter().filter(|one| one["gone"] == 3).count(),
        1,
        "{all:#?}"
    );
    let forgotten: Vec<_> = all.iter().filter(|one| one["forgotten"] == 1).collect();
    assert_eq!(forgotten.len(), 2);
    assert!(
        forgotten
            .iter()
            .all(|one| one["notes"][0] == "forgotten: password")
    );
    // Each is still the child of the one before it.
    assert_eq!(
        all.iter().filter(|one| one["parent"].is_null()).count(),
        2,
        "{all:#?}"
    );
}

#[test]
fn what_is_damaged_is_said_and_the_rest_is_drawn() {
    let s = chain(3);
    let newest = s.head("copy").unwrap();
    let archive = s.archive(&newest);
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&archive).unwrap();
    // Behind the contents lie the manifest's nodes, each after its name; the directory at the end stays.
    let name = b".fsync/tree/";
    let is_node =
        |w: &[u8]| w.starts_with(name) && w[name.len()..].iter().all(u8::is_ascii_hexdigit);
    let at = bytes.windows(name.len() + 8).position(is_node).unwrap();
    bytes[at + 80..at + 180].fill(0xa5);
    fs::write(&archive, bytes).unwrap();
    let told = s.run("fsync-graph --html - copy").code(3);
    let said = told.complaint();
    assert!(
        said.contains(&newest) && said.lines().count() >= 1,
        "{said}"
    );
    let data = given(&told.text());
    let all = data["snapshots"].as_array().unwrap();
    assert!(all[2]["changes"]["fault"].is_string());
    assert!(all[1]["changes"]["fault"].is_null() && !changes(&all[1]).is_empty());
    s.run("fsync-graph copy").code(0);
}

#[test]
fn a_snapshot_of_another_directory_is_named() {
    let s = chain(2);
    fs::rename(s.path("copy"), s.path("moved")).unwrap();
    s.tree("moved").file("more", "x");
    s.snap("moved");
    let data = data(&s, "fsync-graph --html - moved");
    let one = &data["snapshots"][0];
    let origin = one["origin"].as_str().unwrap();
    assert!(
        origin.ends_with(&format!("of {}", s.path("copy").display())),
        "{origin}"
    );
    assert_eq!(changes(one), ["t .", "A more"]);
}
