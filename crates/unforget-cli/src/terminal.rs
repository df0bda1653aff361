//! Keeps stored text from commanding the terminal.

/// The text on one line with control characters made visible, so that an escape sequence in a remembered turn is
/// read and not obeyed. Direction overrides are control characters in this sense too.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            c if c.is_control() || is_direction_override(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn escapes_are_shown_and_not_sent() {
        assert_eq!(visible("a\x1b[31mred\nb\u{202e}c"), "a\\u{1b}[31mred b\\u{202e}c");
        assert_eq!(visible("Grüße 🙂"), "Grüße 🙂");
    }
}
