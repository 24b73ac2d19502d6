//! Manual pages, whose examples are run.

use std::path::Path;

/// The lines of a page from `first` to the one that begins with `last`, as a shell or systemd reads them.
#[allow(dead_code)]
pub fn example(page: &str, first: &str, last: &str) -> String {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let path = folders.find_map(|f| Some(f.join("man").join(page)).filter(|p| p.exists()));
    let text = std::fs::read_to_string(path.expect("the page")).expect("its text");
    let text = text.replace("\\-", "-");
    let start = text.find(&format!("\n{first}")).expect("the first line") + 1;
    let end = start + text[start..].find(last).expect("the last line");
    let length = text[end..].find('\n').expect("its end");
    text[start..end + length].to_string() + "\n"
}
