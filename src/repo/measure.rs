//! How long a zip file will be, found without writing it.

use crate::repo::archive::{Purpose, sizes_of};
use crate::repo::carry::Carry;
use crate::repo::header::{self, Header, Method, Open, Sizes};
use crate::repo::pack::{self, Pack};

/// A zip file that is only measured. It must be given what the writer is.
#[derive(Default)]
pub struct Measure {
    at: u64,
    central: u64,
    count: u64,
}

impl Measure {
    /// An entry whose sizes are known beforehand.
    pub fn entry(&mut self, header: &Header<'_>, method: Method, sizes: Sizes) {
        let open = Open::new(header, method, Some(sizes), sizes.size, self.at);
        let mut record = Vec::new();
        open.central(&mut record, sizes);
        self.at += open.local(sizes).len() as u64 + sizes.packed;
        self.central += record.len() as u64;
        self.count += 1;
    }

    /// The whole length, with a comment at the end.
    pub fn finish(self, comment: &[u8]) -> u64 {
        let at = self.at + self.central;
        let end = header::end(self.count, self.at, self.central, at, comment);
        at + end.len() as u64
    }
}

/// How long a pack will be, in bytes.
pub fn pack(purpose: &Purpose, carried: &[Carry], pack: &Pack) -> u64 {
    let mut measure = Measure::default();
    let own = |name: &str| format!("{}/{name}", purpose.folder);
    let plain = |measure: &mut Measure, name: &str, data: &[u8]| {
        let name = own(name);
        let header = Header {
            name: name.as_bytes(),
            mode: 0,
            mtime: purpose.time,
            content: None,
        };
        measure.entry(&header, Method::Stored, sizes_of(data, data.len()));
    };
    plain(
        &mut measure,
        "ABOUT",
        format!("{}\n", purpose.about).as_bytes(),
    );
    let mut pieces = Vec::new();
    for item in carried {
        let name = item.name(&purpose.folder);
        let (method, sizes) = item.shape();
        let header = Header {
            name: name.as_bytes(),
            mode: 0,
            mtime: purpose.time,
            content: Some(item.id),
        };
        measure.entry(&header, method, sizes);
        pieces.extend(item.line());
    }
    if !pieces.is_empty() {
        plain(&mut measure, "pieces", &pieces);
    }
    plain(&mut measure, pack::ENTRY, &pack.encode());
    let comment = serde_json::to_vec(&pack.comment(&purpose.folder)).unwrap_or_default();
    measure.finish(&comment)
}
