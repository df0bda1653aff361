//! What readers hold.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::de::DeserializeOwned;

use crate::{Error, Result, Stored};

/// One context as it was at one point in time; it never changes.
///
/// Cheap to clone. It derefs to the value and gives out nothing mutable. A type with interior mutability (`Cell`,
/// `Mutex`, an atomic) would break that promise: changes made through it reach neither the store nor other readers.
#[derive(Debug)]
pub struct Snapshot<C> {
    inner: Arc<Inner<C>>,
}

#[derive(Debug)]
struct Inner<C> {
    key: Arc<str>,
    revision: u64,
    /// How often eviction has passed since it was read; a hint: nothing is ordered by it, and no model has to know
    /// of it.
    passed: AtomicU8,
    value: C,
}

impl<C> Snapshot<C> {
    /// The key of the context.
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// How often the context had been changed; grows with every change.
    pub fn revision(&self) -> u64 {
        self.inner.revision
    }

    /// Keeps it from being evicted next. Stores only if it has to: the line is shared by all readers.
    #[inline]
    pub(crate) fn touch(&self) {
        if self.inner.passed.load(Ordering::Relaxed) != 0 {
            self.inner.passed.store(0, Ordering::Relaxed);
        }
    }

    /// Tells how often this was called since it was read, 255 at most.
    pub(crate) fn cool(&self) -> u8 {
        let passed = self.inner.passed.load(Ordering::Relaxed);
        self.inner.passed.store(passed.saturating_add(1), Ordering::Relaxed);
        passed
    }
}

impl<C> Snapshot<C> {
    pub(crate) fn new(key: Arc<str>, revision: u64, value: C) -> Self {
        Self { inner: Arc::new(Inner { key, revision, passed: AtomicU8::new(0), value }) }
    }

    pub(crate) fn shared_key(&self) -> Arc<str> {
        Arc::clone(&self.inner.key)
    }
}

impl<C: DeserializeOwned> Snapshot<C> {
    /// Decodes a stored context; `None` if it was removed.
    pub(crate) fn decode(stored: &Stored) -> Result<Option<Self>> {
        let Some(json) = &stored.value else { return Ok(None) };
        let value = decode_value(&stored.key, json)?;
        let key = Arc::from(stored.key.as_str());
        Ok(Some(Self {
            inner: Arc::new(Inner { key, revision: stored.revision, passed: AtomicU8::new(0), value }),
        }))
    }
}

pub(crate) fn decode_value<C: DeserializeOwned>(key: &str, json: &str) -> Result<C> {
    serde_json::from_str(json)
        .map_err(|error| Error::Undecodable { key: key.to_owned(), reason: error.to_string() })
}

impl<C> Clone for Snapshot<C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<C> Deref for Snapshot<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.inner.value
    }
}
