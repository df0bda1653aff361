//! What is said on the tour, written for it.

/// Who speaks in which session, and what.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) session: &'static str,
    script: &'static str,
}

/// One turn: who, about what, and the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) speaker: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) words: &'static str,
}

/// Two chats and a voice.
pub(crate) const PARTS: [Part; 3] = [
    Part { name: "chat 1", session: "laptop", script: include_str!("chat-1.txt") },
    Part { name: "chat 2", session: "phone", script: include_str!("chat-2.txt") },
    Part { name: "voice", session: "kitchen", script: include_str!("voice.txt") },
];

impl Part {
    /// The turns in order. Who is spoken to by the assistant is the user of the turn before.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.script.lines().filter_map(parse).collect()
    }

    /// Whose turn a line is: the assistant's belong to the person it answers.
    pub(crate) fn user_of(lines: &[Line], index: usize) -> &'static str {
        let people = lines[..=index].iter().rev().map(|line| line.speaker);
        people.into_iter().find(|speaker| *speaker != ASSISTANT).unwrap_or(ASSISTANT)
    }
}

const ASSISTANT: &str = "Juno";

fn parse(line: &'static str) -> Option<Line> {
    let mut fields = line.splitn(3, " | ");
    Some(Line { speaker: fields.next()?, topic: fields.next()?, words: fields.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_scripts_is_a_turn() {
        for part in &PARTS {
            assert_eq!(part.lines().len(), part.script.lines().count(), "{}", part.name);
        }
        let turns: usize = PARTS.iter().map(|part| part.lines().len()).sum();
        assert!((60..=100).contains(&turns), "{turns} turns");
    }

    #[test]
    fn the_assistant_speaks_to_whom_it_answers() {
        let voice = PARTS[2].lines();
        assert_eq!(Part::user_of(&voice, 0), "Mara");
        assert_eq!(Part::user_of(&voice, 11), "Ilse");
    }
}
