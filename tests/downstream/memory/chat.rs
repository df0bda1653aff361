//! The memory of a chat program, on the memory crate alone.

use unforget_memory::unforget_sqlite::{Database, Options};
use unforget_memory::{Memories, NewTurn, Query, Result};

#[test]
fn a_chat_is_kept_and_found_by_its_words() -> Result<()> {
    let memories = Memories::open(Database::in_memory(Options::default())?)?;
    std::thread::scope(|scope| {
        for user in ["ada", "grace"] {
            let memories = &memories;
            scope.spawn(move || {
                (0..10).all(|n| {
                    let text = format!("{user} counts {n} gliders");
                    memories.remember(NewTurn::new(user, "monday", &text)).is_ok()
                })
            });
        }
    });
    memories.remember(NewTurn::new("ada", "tuesday", "The ferry leaves at nine."))?;
    let hits = memories.recall(&Query::new("when does the ferry leave?").user("ada"))?;
    assert_eq!(hits.first().map(|hit| hit.content.as_str()), Some("The ferry leaves at nine."));
    let counted = memories.recall(&Query::new("gliders").user("grace"))?;
    assert!(!counted.is_empty() && counted.iter().all(|hit| hit.content.starts_with("grace")), "{counted:?}");
    Ok(())
}
