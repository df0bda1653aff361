//! White space in JSON.

/// JSON without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut scan = Scan::default();
    text.extend(json.chars().filter(|letter| scan.is_in_string(*letter) || !letter.is_ascii_whitespace()));
    text
}

/// Compact JSON with a line for each element, `depth` steps to the right.
pub(super) fn spread(json: &str, mut depth: usize) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut scan = Scan::default();
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if scan.is_in_string(letter) {
            text.push(letter);
            continue;
        }
        match (letter, letters.peek()) {
            ('{', Some('}')) | ('[', Some(']')) => text.push(letter),
            ('{' | '[', _) => {
                depth += 1;
                text.push(letter);
                new_line(&mut text, depth);
            }
            ('}' | ']', _) => {
                if !text.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    new_line(&mut text, depth);
                }
                text.push(letter);
            }
            (',', _) => {
                text.push(letter);
                new_line(&mut text, depth);
            }
            (':', _) => text.push_str(": "),
            _ => text.push(letter),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Tells what is inside a string, quotes included.
#[derive(Default)]
struct Scan {
    inside: bool,
    escaped: bool,
}

impl Scan {
    fn is_in_string(&mut self, letter: char) -> bool {
        let was_inside = self.inside;
        match letter {
            _ if self.escaped => self.escaped = false,
            '\\' if was_inside => self.escaped = true,
            '"' => self.inside = !was_inside,
            _ => {}
        }
        was_inside || self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_comes_and_goes_and_strings_stay() {
        let json = r#"{"a":[1,{"b: ,":"\" \\"},[],{}],"c":" \\\" {"}"#;
        let spread = spread(json, 0);
        assert!(spread.contains("\n  \"a\": [\n    1,"), "{spread}");
        assert_eq!(compact(&spread), json);
        let (one, two): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(&spread).unwrap());
        assert_eq!(one, two, "the same value");
    }
}
