//! What is known about a user.

use unforget_context::UserContext;

#[test]
fn every_change_makes_a_new_value_and_leaves_the_old_one() {
    let ada = UserContext::new("ada");
    let untouched = ada.clone();
    let known = ada
        .with_conversation(20)
        .with_conversation(10)
        .with_topic("gliding")
        .with_topic("sailing")
        .with_preference("tone", "brief")
        .with_friendship_change(0.25);
    assert_eq!(ada, untouched, "a value never changes");
    assert_eq!((known.user_id(), known.conversations_count(), known.last_seen_ms()), ("ada", 2, Some(20)));
    assert_eq!(known.topics().iter().collect::<Vec<_>>(), ["gliding", "sailing"]);
    assert_eq!(known.preferences().get("tone").map(String::as_str), Some("brief"));
    assert!((known.friendship_level() - 0.25).abs() < f64::EPSILON);
    let less = known.without_topic("sailing").without_preference("tone");
    assert!(less.topics().len() == 1 && less.preferences().is_empty());
    assert_eq!(known.topics().len(), 2, "a value never changes");
}

#[test]
fn a_friendship_stays_within_its_limits() {
    let ada = UserContext::new("ada").with_friendship_change(0.5);
    for (change, expected) in [(9.0, 1.0), (-9.0, 0.0), (f64::NAN, 0.5), (f64::INFINITY, 1.0)] {
        let level = ada.with_friendship_change(change).friendship_level();
        assert!((level - expected).abs() < f64::EPSILON, "{change} made it {level}");
    }
    let foreign: UserContext =
        serde_json::from_str(r#"{"user_id":"ada","friendship_level":7,"topics":["x"]}"#).unwrap();
    assert!((foreign.friendship_level() - 1.0).abs() < f64::EPSILON, "what others wrote has the same limits");
}

#[test]
fn what_an_older_program_wrote_can_be_read() {
    let old: UserContext = serde_json::from_str(r#"{"user_id":"ada"}"#).unwrap();
    assert_eq!(old, UserContext::new("ada"));
}
