//! What a snapshot says: directory nodes, tree records, links, chunk lists, snapshot.json, the comment, pack.ndjson.
//! The first byte chooses. What is accepted is written, and read again it is the same.

#![no_main]

use fsync::model::Time;
use fsync::repo::info::{Comment, Info};
use fsync::repo::pack::Pack;
use fsync::repo::{chunk, link, manifest};
use libfuzzer_sys::fuzz_target;

/// Reads, writes, reads again and writes again; both texts are the same.
fn twice<T>(
    data: &[u8],
    read: impl Fn(&[u8]) -> Result<T, String>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(value) = read(data) else { return };
    let text = write(&value);
    let again = read(&text).unwrap_or_else(|why| panic!("{why}: {}", text.escape_ascii()));
    assert_eq!(text.escape_ascii().to_string(), write(&again).escape_ascii().to_string());
}

fn json<T: serde::de::DeserializeOwned + serde::Serialize>(data: &[u8]) {
    let read = |text: &[u8]| serde_json::from_slice::<T>(text).map_err(|e| e.to_string());
    twice(data, read, |value| serde_json::to_vec(value).expect("JSON"));
}

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    match which {
        b'd' => twice(data, manifest::parse_directory, |children| manifest::directory(children)),
        b't' => twice(data, manifest::parse_tree, |(root, links)| manifest::tree(root, *links)),
        b'l' => twice(data, link::parse, |groups| link::encode(groups)),
        b'c' => twice(data, chunk::parse, |list| chunk::encode(list)),
        b'p' => twice(data, |text| Pack::parse(text, Time::new(1, 2)), Pack::encode),
        b'i' => json::<Info>(data),
        b'z' => json::<Comment>(data),
        _ => {}
    }
});
