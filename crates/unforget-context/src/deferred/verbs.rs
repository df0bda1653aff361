//! The changes that callers make, as changes in memory.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Deferred, Made, Published};
use crate::contexts::check_key;
use crate::{Error, Result, Snapshot};

impl<C> Deferred<C>
where
    C: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// As [`change`](Self::change), where a context is there afterwards.
    pub(crate) fn answer(
        &self,
        key: &str,
        make: impl FnMut(Option<&Snapshot<C>>) -> Result<Made<C>>,
    ) -> Result<Snapshot<C>> {
        check_key(key)?;
        self.change(key, make)?.ok_or_else(|| missing(key))
    }

    pub(crate) fn update(
        &self,
        key: &str,
        mut change: impl FnMut(&Snapshot<C>) -> Result<C>,
    ) -> Result<Snapshot<C>> {
        self.answer(key, |found| change(found.ok_or_else(|| missing(key))?).map(Made::Put))
    }

    pub(crate) fn update_if(
        &self,
        key: &str,
        revision: u64,
        mut change: impl FnMut(&C) -> C,
    ) -> Result<Snapshot<C>> {
        self.answer(key, |found| {
            let has = found.map_or(0, Snapshot::revision);
            if has != revision {
                return Err(Error::Conflict { key: key.to_owned(), expected: revision, found: has });
            }
            Ok(Made::Put(change(found.ok_or_else(|| missing(key))?)))
        })
    }

    pub(crate) fn insert_new(&self, key: &str, value: C) -> Result<Snapshot<C>> {
        let mut made = Made::Put(value);
        loop {
            if let Some(found) = self.find(key)? {
                return Err(Error::AlreadyExists { key: key.to_owned(), revision: found.revision() });
            }
            match self.publish(key, None, made)? {
                Published::As(snapshot) => return snapshot.ok_or_else(|| missing(key)),
                Published::No(back) => made = back,
            }
        }
    }

    pub(crate) fn remove(&self, key: &str) -> Result<bool> {
        let mut removed = false;
        self.change(key, |found| {
            removed = found.is_some();
            Ok(if removed { Made::Remove } else { Made::Keep })
        })?;
        Ok(removed)
    }
}

fn missing(key: &str) -> Error {
    Error::NotFound { key: key.to_owned() }
}
