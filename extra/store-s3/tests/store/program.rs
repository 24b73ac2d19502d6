//! The program as people may meet it, though fsync alone starts it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(program: &Path, args: &[&str]) -> (String, String, i32) {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap_or(-1),
    )
}

#[test]
fn it_answers_to_three_names() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    for name in ["fsync-store-s3", "fsync-store-gs", "fsync-store-az"] {
        let program = folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_fsync-store-s3"), &program).unwrap();
        let version = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        for option in ["-V", "--version"] {
            assert_eq!(
                run(&program, &[option]),
                (version.clone(), String::new(), 0)
            );
        }
        for option in ["-h", "--help"] {
            let (told, said, code) = run(&program, &[option]);
            assert!(told.contains("s3://BUCKET/FOLDER") && said.is_empty() && code == 0);
            assert!(told.lines().all(|line| line.len() <= 100));
        }
        // An address among the arguments would be seen by everybody.
        let (told, said, code) = run(&program, &["s3://bucket"]);
        assert_eq!((told.as_str(), code), ("", 2));
        assert_eq!(
            said,
            format!("{name}: it takes no arguments; --help says more\n")
        );
        // Who starts it by hand is told what it is for.
        let (told, said, code) = run(&program, &[]);
        assert_eq!((told.as_str(), code), ("", 1));
        assert!(
            said.starts_with(&format!("{name}: fsync starts this program")),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }
}

#[test]
fn the_page_names_what_is_read_from_the_environment() {
    let page = std::fs::read_to_string(crate::dialogue::test_file("../../../man/fsync-store-s3.1"))
        .unwrap();
    let sources = std::fs::read_dir(crate::dialogue::test_file("../src")).unwrap();
    let mut seen = 0;
    for source in sources {
        let text = std::fs::read_to_string(source.unwrap().path()).unwrap();
        for word in text.split('"').skip(1).step_by(2) {
            let named = word
                .chars()
                .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            if named
                && ["AWS_", "GOOGLE_", "AZURE_", "STORAGE_"]
                    .iter()
                    .any(|start| word.starts_with(start) && word.len() > start.len())
            {
                assert!(page.contains(word), "{word} is not in the page");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
