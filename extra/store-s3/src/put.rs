//! Puts an object, if there is none, whole or not at all.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use object_store::{Error, PutMode, PutOptions};

use crate::store::{Attempts, Look, Store};
use crate::trouble::{Trouble, Word};

/// How a put went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    Made,
    Exists,
}

/// A new mark: no two puts have the same.
pub fn mark() -> Result<String, Trouble> {
    let mut bytes = [0u8; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Trouble::new(Word::Other, format!("cannot read /dev/urandom: {e}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What it means that something is there.
pub fn judge(look: &Look, mark: &str) -> Made {
    match look.mark.as_deref() == Some(mark) {
        true => Made::Made,
        false => Made::Exists,
    }
}

impl Store {
    /// Puts what fits into memory in one request.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<Made, Trouble> {
        let mark = mark()?;
        let mut attempts = Attempts::default();
        loop {
            let plain = self.bucket.unconditional.load(Ordering::Relaxed);
            let trouble = match self.put_once(key, &bytes, &mark, plain).await {
                Ok(made) => return Ok(made),
                Err(trouble) => trouble,
            };
            // When the store has just refused conditions, it is tried without.
            if plain == self.bucket.unconditional.load(Ordering::Relaxed) {
                attempts.again(trouble).await?;
            }
        }
    }

    async fn put_once(
        &self,
        key: &str,
        bytes: &Bytes,
        mark: &str,
        plain: bool,
    ) -> Result<Made, Trouble> {
        if plain && let Some(look) = self.look(key).await? {
            return Ok(judge(&look, mark));
        }
        let options = PutOptions {
            mode: if plain {
                PutMode::Overwrite
            } else {
                PutMode::Create
            },
            attributes: self.marked(mark),
            ..Default::default()
        };
        let (path, payload) = (self.path(key), bytes.clone().into());
        match self.bucket.objects.put_opts(&path, payload, options).await {
            Ok(_) => Ok(Made::Made),
            // Also when it was this put, whose answer was lost; or when another is at work, which may yet fail.
            Err(Error::AlreadyExists { .. }) => match self.look(key).await? {
                Some(look) => Ok(judge(&look, mark)),
                None => Err(Trouble {
                    torn: true,
                    ..Trouble::new(Word::Broken, "others keep putting it, and fail")
                }),
            },
            Err(error @ Error::NotImplemented { .. }) => {
                self.bucket.unconditional.store(true, Ordering::Relaxed);
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}
