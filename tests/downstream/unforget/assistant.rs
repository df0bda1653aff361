//! An assistant that is closed and opened again, on the facade alone.

use std::path::PathBuf;

use unforget::{NewTurn, Query, Result, Unforget, UserContext};

#[test]
fn what_an_assistant_was_told_is_there_the_next_day() -> Result<()> {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("assistant-{}", std::process::id()));
    {
        let monday = Unforget::open(&place)?;
        monday.memories().remember(NewTurn::new("ada", "monday", "My glider is in the north hangar."))?;
        monday.contexts().get_or_create("ada", || UserContext::new("ada"))?;
        monday.contexts().update("ada", |ada| ada.with_topic("gliding"))?;
    }
    let tuesday = Unforget::open(&place)?;
    let hits = tuesday.memories().recall(&Query::new("where is the glider?").user("ada"))?;
    assert_eq!(hits.first().map(|hit| hit.content.as_str()), Some("My glider is in the north hangar."));
    let ada = tuesday.contexts().get("ada")?;
    assert!(ada.is_some_and(|ada| ada.topics().contains("gliding")));
    drop(tuesday);
    assert!(std::fs::remove_dir_all(place).is_ok(), "nothing holds it any more");
    Ok(())
}
