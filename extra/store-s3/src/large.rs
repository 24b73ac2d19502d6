//! Puts a large object in parts, several in flight.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartId, PutMultipartOptions};
use tokio::task::JoinSet;

use crate::address::Kind;
use crate::put::{Made, judge, mark};
use crate::store::{Attempts, Store};
use crate::trouble::{Trouble, Word};

/// What is as long as this, or longer, is put in parts.
pub const LARGE: u64 = 16 << 20;

/// The length of a part, unless there would be too many.
const PART: u64 = 8 << 20;

/// The most parts that an object may have, and the longest object.
const PARTS: u64 = 10_000;
const LONGEST: u64 = 5 << 40;

/// Uploads that are neither complete nor taken back: the server keeps their parts, and somebody pays for them.
#[derive(Default)]
pub struct Unfinished(Mutex<HashMap<MultipartId, Path>>);

impl Unfinished {
    fn change(&self, change: impl FnOnce(&mut HashMap<MultipartId, Path>)) {
        change(&mut self.0.lock().unwrap_or_else(|e| e.into_inner()));
    }

    /// Takes back all that there are: the program is to end.
    pub async fn take_back(&self, store: &Store) {
        let mut all = HashMap::new();
        self.change(|uploads| all = std::mem::take(uploads));
        for (id, path) in all {
            let _ = store.bucket.parts.abort_multipart(&path, &id).await;
        }
    }
}

/// An object on its way.
pub struct Upload {
    store: Arc<Store>,
    unfinished: Arc<Unfinished>,
    key: String,
    path: Path,
    id: MultipartId,
    mark: String,
    length: u64,
    sent: usize,
    parts: JoinSet<Result<(usize, PartId), Trouble>>,
    done: Vec<(usize, PartId)>,
    trouble: Option<Trouble>,
}

/// How long the parts of an object are: all the same but for the last one.
pub fn part_of(length: u64) -> u64 {
    let needed = length.div_ceil(PARTS).next_multiple_of(1 << 20);
    needed.max(PART)
}

impl Upload {
    /// Begins; `None` when there is such a key already.
    pub async fn begin(
        store: Arc<Store>,
        unfinished: Arc<Unfinished>,
        key: &str,
        length: u64,
    ) -> Result<Option<Upload>, Trouble> {
        if length > LONGEST {
            return Err(Trouble::new(
                Word::Unable,
                "no object can be longer than 5 TiB",
            ));
        }
        if store.look(key).await?.is_some() {
            return Ok(None);
        }
        let (path, mark) = (store.path(key), mark()?);
        let id = start(&store, &path, &mark).await?;
        unfinished.change(|uploads| drop(uploads.insert(id.clone(), path.clone())));
        Ok(Some(Upload {
            store,
            unfinished,
            key: key.to_string(),
            path,
            id,
            mark,
            length,
            sent: 0,
            parts: JoinSet::new(),
            done: Vec::new(),
            trouble: None,
        }))
    }

    /// Sends the next part, and keeps `held` until it is there. Once a part has failed, nothing more is sent.
    pub fn send<T: Send + 'static>(&mut self, bytes: Bytes, held: T) {
        while let Some(ended) = self.parts.try_join_next() {
            self.ended(ended);
        }
        if self.trouble.is_some() {
            return;
        }
        let (store, path, id, index) = (
            self.store.clone(),
            self.path.clone(),
            self.id.clone(),
            self.sent,
        );
        self.sent += 1;
        self.parts.spawn(async move {
            let sent = send(&store, &path, &id, index, bytes).await;
            drop(held);
            sent.map(|part| (index, part))
        });
    }

    fn ended(&mut self, ended: Result<Result<(usize, PartId), Trouble>, tokio::task::JoinError>) {
        match ended {
            Ok(Ok(part)) => self.done.push(part),
            Ok(Err(trouble)) => self.trouble = Some(trouble),
            Err(error) => self.trouble = Some(Trouble::new(Word::Other, error.to_string())),
        }
    }

    /// Makes the object of its parts.
    pub async fn finish(mut self) -> Result<Made, Trouble> {
        while let Some(ended) = self.parts.join_next().await {
            self.ended(ended);
        }
        let made = match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => self.complete().await,
        };
        if made != Ok(Made::Made) {
            self.abort().await;
        }
        self.unfinished
            .change(|uploads| drop(uploads.remove(&self.id)));
        made
    }

    async fn complete(&mut self) -> Result<Made, Trouble> {
        self.done.sort_by_key(|(index, _)| *index);
        let parts: Vec<_> = self.done.drain(..).map(|(_, part)| part).collect();
        // Not every server knows the condition here: between this look and the end is little time.
        if self.store.look(&self.key).await?.is_some() {
            return Ok(Made::Exists);
        }
        let mut attempts = Attempts::default();
        loop {
            let store = &self.store.bucket.parts;
            let completed = store
                .complete_multipart(&self.path, &self.id, parts.clone())
                .await;
            let Err(error) = completed else {
                return Ok(Made::Made);
            };
            // Whatever the answer was: what counts is whose object is there.
            let trouble = Trouble::from(error);
            match self.store.look(&self.key).await? {
                // No mark can be left there; before this upload there was nothing.
                Some(look) if self.store.kind == Kind::Az && look.size == self.length => {
                    return Ok(Made::Made);
                }
                Some(look) => return Ok(judge(&look, &self.mark)),
                // Another is at work, which may yet fail; or conditions are not known.
                None if matches!(trouble.status, Some(405 | 409 | 412)) => {
                    attempts
                        .again(Trouble {
                            torn: true,
                            ..trouble
                        })
                        .await?;
                }
                None => attempts.again(trouble).await?,
            }
        }
    }

    /// Takes back what was sent.
    pub async fn abort(&mut self) {
        self.parts.shutdown().await;
        let mut attempts = Attempts::default();
        loop {
            let store = &self.store.bucket.parts;
            let Err(error) = store.abort_multipart(&self.path, &self.id).await else {
                return;
            };
            if attempts.again(error.into()).await.is_err() {
                return;
            }
        }
    }
}

/// Asks for an upload.
async fn start(store: &Store, path: &Path, mark: &str) -> Result<MultipartId, Trouble> {
    let mut attempts = Attempts::default();
    loop {
        let attributes = match store.kind {
            Kind::Az => Default::default(),
            _ => store.marked(mark),
        };
        let options = PutMultipartOptions {
            attributes,
            ..Default::default()
        };
        match store
            .bucket
            .parts
            .create_multipart_opts(path, options)
            .await
        {
            Ok(id) => return Ok(id),
            Err(error) => attempts.again(error.into()).await?,
        }
    }
}

/// One part, tried again whatever the connection does: the same bytes under the same number are the same part.
async fn send(
    store: &Store,
    path: &Path,
    id: &MultipartId,
    index: usize,
    bytes: Bytes,
) -> Result<PartId, Trouble> {
    let mut attempts = Attempts::default();
    loop {
        match store
            .bucket
            .parts
            .put_part(path, id, index, bytes.clone().into())
            .await
        {
            Ok(part) => return Ok(part),
            Err(error) => {
                let trouble = Trouble::from(error);
                let torn = trouble.word == Word::Broken;
                attempts.again(Trouble { torn, ..trouble }).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_few_enough() {
        assert_eq!(part_of(LARGE), PART);
        assert_eq!(part_of(PART * PARTS), PART);
        assert_eq!(part_of(PART * PARTS + 1), PART + (1 << 20));
        for length in [LARGE, LONGEST / 3, LONGEST] {
            assert!(length.div_ceil(part_of(length)) <= PARTS);
        }
    }
}
