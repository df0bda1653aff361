//! What a tool answers: text to read and data to use.

use std::io;

use serde::Serialize;
use serde_json::Value;

use super::Refusal;

/// An answer in both forms.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) data: Value,
}

impl Answer {
    /// The same in both forms.
    pub(crate) fn same(data: &impl Serialize, limit: usize) -> Result<Self, Refusal> {
        Ok(Self { text: pretty(data, limit)?, data: value(data)? })
    }

    /// A list as text, and the list under a key as data.
    pub(crate) fn list(key: &str, items: &impl Serialize, limit: usize) -> Result<Self, Refusal> {
        let text = pretty(items, limit)?;
        Ok(Self { text, data: Value::Object([(key.to_owned(), value(items)?)].into_iter().collect()) })
    }
}

fn value(data: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(data).map_err(|error| Refusal(error.to_string()))
}

/// The JSON text of `data`, indented by two spaces.
///
/// # Errors
///
/// If it is longer than `limit` bytes; no more than those are ever in memory.
pub(crate) fn pretty(data: &impl Serialize, limit: usize) -> Result<String, Refusal> {
    let mut text = Bounded { text: Vec::new(), limit };
    let too_large = |_: serde_json::Error| {
        Refusal(format!(
            "the answer is larger than {limit} bytes; read it in pages as memory://knowledge-graph?limit=100, or use \
             search_nodes or open_nodes"
        ))
    };
    serde_json::to_writer_pretty(&mut text, data).map_err(too_large)?;
    String::from_utf8(text.text).map_err(|error| Refusal(error.to_string()))
}

struct Bounded {
    text: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_limit_is_given_and_a_larger_one_is_not() {
        let text = "\"four\"";
        assert_eq!(pretty(&"four", text.len()).as_deref(), Ok(text));
        let refused = pretty(&"four", text.len() - 1).expect_err("one byte too many");
        assert!(refused.0.starts_with("the answer is larger than 5 bytes"), "{refused:?}");
    }
}
