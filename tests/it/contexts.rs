//! Contexts that threads and processes share.

mod batches;
mod counting;
mod ping_pong;
mod scenarios;
mod stories;

use std::collections::BTreeMap;
use std::path::Path;

use unforget::unforget_memory::Memories;
use unforget::unforget_sqlite::{Database, Options};
use unforget::{Contexts, Durability};

pub(crate) use counting::add;
pub(crate) use ping_pong::play as play_ping_pong;
pub(crate) use scenarios::act;

/// Numbers by name: what changes commute, so that their order need not be known to know where they end.
type Profile = BTreeMap<String, i64>;

/// The contexts of the store in `directory`. Commits are not synced: what is killed here is processes, not power.
fn open(directory: &Path) -> Contexts<Profile> {
    let options = Options::default().durability(Durability::Normal);
    let database = Database::open(directory.join("unforget.db"), options).expect("the database opens");
    Contexts::new(Memories::open(database).expect("its schema is there").context_store())
}

fn added(profile: &Profile, field: &str, amount: i64) -> Profile {
    let mut next = profile.clone();
    *next.entry(field.to_owned()).or_default() += amount;
    next
}

fn is_long() -> bool {
    std::env::var_os("UNFORGET_LONG").is_some()
}
