//! Turns what a person types into what FTS5 looks for.

use crate::{Error, Result};

/// How many different words of a query are looked for; the rest are left out.
const WORD_LIMIT: usize = 64;

/// Words that stand in nearly every turn: looking for them costs time and moves good answers down.
const STOP_WORDS: [&str; 124] = [
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "but", "by", "can", "could", "d", "did", "do", "does", "doing", "don", "for",
    "from", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "just", "ll", "m", "me", "might", "more", "most", "must", "my", "no",
    "nor", "not", "now", "of", "on", "only", "or", "other", "our", "out", "over", "own", "re", "s", "same",
    "shall", "she", "should", "so", "some", "such", "t", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "through", "to", "too", "under", "until", "up", "us", "ve",
    "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom", "whose", "why",
    "will", "with", "would", "yes", "you", "your", "yours", "let", "one", "ok", "okay", "oh", "hey",
];

/// An FTS5 expression that matches any of the words of `text`.
///
/// Every word becomes a quoted string, so nothing in `text` is ever read as an operator, a column or a prefix. Any
/// word may match, since people ask with other words than they answered with; ranking does the rest. A text of stop
/// words alone is looked for as it is.
pub(crate) fn any_of(text: &str) -> Result<String> {
    let words = words(text);
    if words.is_empty() {
        return Err(Error::EmptyQuery);
    }
    Ok(words.join(" OR "))
}

/// The words that are looked for in `text`, each as a quoted FTS5 string.
pub(crate) fn words(text: &str) -> Vec<String> {
    let lowered = text.to_lowercase();
    let all = || lowered.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter(|word| has_letter(word));
    let mut words = distinct(all().filter(|word| !STOP_WORDS.contains(word)));
    if words.is_empty() {
        words = distinct(all());
    }
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words = Vec::new();
    for word in all {
        if words.len() < WORD_LIMIT && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn has_letter(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

/// Marks that combine with the letter before them, as FTS5 sees it: they are part of a word.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_looked_for_behind_any_number_of_stop_words() {
        let text = format!("{} glider", STOP_WORDS.join(" "));
        assert_eq!(any_of(&text).unwrap(), r#""glider""#);
    }

    #[test]
    fn operators_and_quotes_are_words_or_nothing() {
        assert_eq!(
            any_of(r#"glider" OR body:* NEAR("x" y)"#).unwrap(),
            r#""glider" OR "body" OR "near" OR "x" OR "y""#
        );
    }

    #[test]
    fn stop_words_go_unless_nothing_else_is_there() {
        assert_eq!(any_of("Where is the glider?").unwrap(), r#""glider""#);
        assert_eq!(any_of("who are you").unwrap(), r#""who" OR "are" OR "you""#);
    }

    #[test]
    fn a_query_without_words_is_an_error() {
        for text in ["", "   ", "\"\"", "***", "—", "🙂"] {
            assert!(matches!(any_of(text), Err(Error::EmptyQuery)), "{text:?}");
        }
    }

    #[test]
    fn a_long_query_is_bounded() {
        let text: Vec<String> = (0..1_000).map(|n| format!("word{n}")).collect();
        assert_eq!(any_of(&text.join(" ")).unwrap().matches(" OR ").count(), WORD_LIMIT - 1);
    }
}
