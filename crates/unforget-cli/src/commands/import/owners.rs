//! Which user a file gave each turn id to.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use unforget::NewTurn;

/// Finds a turn id that one file gives to two users.
///
/// Keeps 24 bytes a turn, not its text: a key of two independently seeded hashes, so that two ids of a file with ten
/// million turns are taken for one with a probability of less than 10⁻²⁴.
#[derive(Default)]
pub(crate) struct Owners {
    seeds: (RandomState, RandomState),
    by_turn: HashMap<(u64, u64), u64>,
}

impl Owners {
    /// Tells whether the turn may have its id: nobody else has it in this file.
    pub(crate) fn admit(&mut self, turn: &NewTurn) -> bool {
        let Some(id) = turn.id() else { return true };
        let name = (id, turn.layer_name());
        let key = (self.seeds.0.hash_one(name), self.seeds.1.hash_one(name));
        let owner = self.seeds.0.hash_one(turn.user_id());
        *self.by_turn.entry(key).or_insert(owner) == owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_user_of_an_id_keeps_it() {
        let turn = |user: &str, id: &str| NewTurn::new(user, "s", "c").turn_id(id);
        let mut owners = Owners::default();
        assert!(owners.admit(&turn("ada", "t1")));
        assert!(owners.admit(&turn("ada", "t1")), "the same user may repeat it");
        assert!(!owners.admit(&turn("bob", "t1")), "another user may not");
        assert!(owners.admit(&turn("bob", "t1").layer("note")), "in another layer it is another turn");
        assert!(owners.admit(&NewTurn::new("bob", "s", "c")), "no id, nobody's");
    }
}
