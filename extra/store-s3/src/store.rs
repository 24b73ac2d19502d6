//! What is asked of a store: sizes, ranges, lists, and to delete.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectMeta, ObjectStoreExt,
};

use crate::address::{Address, Kind};
use crate::key::is_key;
use crate::open::{Bucket, open};
use crate::trouble::{Trouble, Word};

/// How many keys a list holds at most.
const PAGE: usize = 1000;

/// How many lists are remembered, so that the next can go on where one ended.
const REMEMBERED: usize = 16;

/// A prefix, where a list of it ended, and the server's own word for that place.
type Place = (String, String, String);

/// An open store.
pub struct Store {
    pub bucket: Bucket,
    pub kind: Kind,
    folder: String,
    shown: String,
    /// The bucket has answered.
    known: AtomicBool,
    places: Mutex<VecDeque<Place>>,
}

/// What is known of an object.
pub struct Look {
    pub size: u64,
    /// The mark that its put has left.
    pub mark: Option<String>,
}

/// What marks an object as made by one put and no other: an answer that got lost can be told from another's object.
pub const MARK: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("fsyncput"));

/// How often a request that a broken connection tore is tried again, beside what the library tries.
const AGAIN: u32 = 4;

/// Attempts at one thing.
#[derive(Default)]
pub struct Attempts(u32);

impl Attempts {
    /// Waits before the next attempt, longer each time; `false` when there were enough.
    pub async fn more(&mut self) -> bool {
        if self.0 >= AGAIN {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200) * 3u32.pow(self.0)).await;
        self.0 += 1;
        true
    }

    /// Gives the trouble back, unless a connection broke and there is another attempt, before which it waits.
    pub async fn again(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        match trouble.torn && self.more().await {
            true => Ok(()),
            false => Err(trouble),
        }
    }
}

impl Store {
    pub fn open(address: &Address) -> Result<Store, Trouble> {
        Ok(Store {
            bucket: open(address)?,
            kind: address.kind,
            folder: address.folder.clone(),
            shown: address.shown(),
            known: AtomicBool::new(false),
            places: Mutex::default(),
        })
    }

    /// The name of a key in the bucket.
    pub fn path(&self, key: &str) -> Path {
        Path::from(format!("{}{key}", self.folder))
    }

    /// What was tried, for a person.
    pub fn tried(&self, what: &str, key: &str) -> String {
        format!(
            "{what} \"{key}\" {} {}",
            if what == "put" { "into" } else { "in" },
            self.shown
        )
    }

    /// Whether the bucket is there, which an answer of "not found" leaves open.
    async fn is_there(&self) -> Result<(), Trouble> {
        if self.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..Default::default()
        };
        self.page(Some(&self.folder), options).await.map(|_| ())
    }

    async fn page(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> Result<(Vec<ObjectMeta>, Option<String>), Trouble> {
        let mut attempts = Attempts::default();
        loop {
            let prefix = prefix.filter(|prefix| !prefix.is_empty());
            match self
                .bucket
                .pages
                .list_paginated(prefix, options.clone())
                .await
            {
                Ok(page) => {
                    self.known.store(true, Ordering::Relaxed);
                    return Ok((page.result.objects, page.page_token));
                }
                Err(error) => attempts.again(error.into()).await?,
            }
        }
    }

    /// What is known of an object; `None` when there is none.
    pub async fn look(&self, key: &str) -> Result<Option<Look>, Trouble> {
        let (path, mut attempts) = (self.path(key), Attempts::default());
        loop {
            let options = GetOptions {
                head: true,
                ..Default::default()
            };
            match self.bucket.objects.get_opts(&path, options).await {
                Ok(found) => {
                    self.known.store(true, Ordering::Relaxed);
                    let mark = found.attributes.get(&MARK).map(|mark| mark.to_string());
                    return Ok(Some(Look {
                        size: found.meta.size,
                        mark,
                    }));
                }
                Err(Error::NotFound { .. }) => return self.is_there().await.map(|()| None),
                Err(error) => attempts.again(error.into()).await?,
            }
        }
    }

    /// Bytes of an object; `None` when there is none.
    pub async fn get(&self, from: u64, length: u64, key: &str) -> Result<Option<Bytes>, Trouble> {
        if length == 0 {
            return Ok(self.look(key).await?.map(|_| Bytes::new()));
        }
        let (path, mut attempts) = (self.path(key), Attempts::default());
        loop {
            let range = GetRange::Bounded(from..from + length);
            let options = GetOptions {
                range: Some(range),
                ..Default::default()
            };
            let got = match self.bucket.objects.get_opts(&path, options).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            let trouble = match got {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(Error::NotFound { .. }) => return self.is_there().await.map(|()| None),
                Err(error) => Trouble::from(error),
            };
            // A range behind the end is an error to servers, each in its own way.
            if matches!(trouble.word, Word::Other) || trouble.status == Some(416) {
                match self.look(key).await? {
                    None => return Ok(None),
                    Some(look) if look.size <= from => return Ok(Some(Bytes::new())),
                    Some(_) => {}
                }
            }
            attempts.again(trouble).await?;
        }
    }

    /// Deletes an object, if there is one.
    pub async fn delete(&self, key: &str) -> Result<(), Trouble> {
        let (path, mut attempts) = (self.path(key), Attempts::default());
        loop {
            match self.bucket.objects.delete(&path).await {
                Ok(()) => return Ok(()),
                Err(Error::NotFound { .. }) => return self.is_there().await,
                Err(error) => attempts.again(error.into()).await?,
            }
        }
    }

    /// The keys that begin with a prefix and come after one, in order, with their sizes.
    pub async fn list(&self, after: &str, prefix: &str) -> Result<Vec<(u64, String)>, Trouble> {
        let mut whole = format!("{}{prefix}", self.folder);
        if self.kind == Kind::Az && !prefix.is_empty() && !prefix.ends_with('/') {
            // There the library leaves out what is named exactly so.
            whole.pop();
        }
        let mut options = PaginatedListOptions {
            max_keys: Some(PAGE),
            ..Default::default()
        };
        options.page_token = self.place(prefix, after);
        // Azure cannot begin in the middle: what comes before is passed over.
        if self.kind != Kind::Az && !after.is_empty() && options.page_token.is_none() {
            options.offset = Some(format!("{}{after}", self.folder));
        }
        let mut all = Vec::new();
        loop {
            let (objects, next) = self.page(Some(&whole), options.clone()).await?;
            let named = objects.iter().filter_map(|object| {
                let key = object.location.as_ref().strip_prefix(&self.folder)?;
                (is_key(key) && key > after && key.starts_with(prefix))
                    .then(|| (object.size, key.to_string()))
            });
            let mut keys: Vec<_> = named.collect();
            keys.sort_by(|a, b| a.1.cmp(&b.1));
            if let (Some(last), Some(next)) = (keys.last(), &next) {
                self.remember(prefix, &last.1, next);
            }
            all.append(&mut keys);
            // A page may hold less than was asked for, though there is more.
            match next {
                Some(next) if all.len() < PAGE => {
                    options.offset = None;
                    options.page_token = Some(next);
                }
                _ => {
                    all.truncate(PAGE);
                    return Ok(all);
                }
            }
        }
    }

    fn remember(&self, prefix: &str, after: &str, token: &str) {
        let mut places = self.places.lock().unwrap_or_else(|e| e.into_inner());
        if places.len() == REMEMBERED {
            places.pop_front();
        }
        places.push_back((prefix.to_string(), after.to_string(), token.to_string()));
    }

    fn place(&self, prefix: &str, after: &str) -> Option<String> {
        // Elsewhere the key itself says the place, and sees what has been put meanwhile.
        if self.kind != Kind::Az {
            return None;
        }
        let places = self.places.lock().unwrap_or_else(|e| e.into_inner());
        let found = places
            .iter()
            .rev()
            .find(|(p, a, _)| p == prefix && a == after);
        found.map(|(_, _, token)| token.clone())
    }

    /// The attributes of an object that carries a mark.
    pub fn marked(&self, mark: &str) -> Attributes {
        Attributes::from_iter([(MARK, mark.to_string())])
    }
}
