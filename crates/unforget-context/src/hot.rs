//! The contexts that change all the time.

use crate::Snapshot;

/// How many there are at most.
const HOT: usize = 4;

/// The newest snapshots of a few keys, laid over a map that has older ones of them.
///
/// To replace one of these copies a handful of references, where the map would copy the nodes on the way to the
/// key with all the references in them. A search that finds nothing here compares a few lengths.
#[derive(Debug)]
pub(crate) struct Hot<C> {
    /// The occupied places come first.
    places: [Option<Snapshot<C>>; HOT],
}

impl<C> Hot<C> {
    pub(crate) fn empty() -> Self {
        Self { places: [const { None }; HOT] }
    }

    #[inline]
    pub(crate) fn find(&self, key: &str) -> Option<&Snapshot<C>> {
        self.places.iter().map_while(Option::as_ref).find(|snapshot| snapshot.key() == key)
    }

    /// Takes the place of the key, or a free one; gives the snapshot back if there is neither.
    pub(crate) fn put(&mut self, snapshot: Snapshot<C>) -> Result<(), Snapshot<C>> {
        let key = snapshot.key();
        let place = self.places.iter_mut().find(|place| place.as_ref().is_none_or(|held| held.key() == key));
        match place {
            Some(place) => {
                *place = Some(snapshot);
                Ok(())
            }
            None => Err(snapshot),
        }
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Snapshot<C>> {
        std::mem::replace(&mut self.places, [const { None }; HOT]).into_iter().flatten()
    }
}

impl<C> Clone for Hot<C> {
    fn clone(&self) -> Self {
        Self { places: self.places.clone() }
    }
}
