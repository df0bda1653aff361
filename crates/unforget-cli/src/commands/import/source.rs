//! Lines of a file or of standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, Stdin};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, exit};

/// The longest line, in bytes: the largest content, escaped as far as JSON can, and its metadata.
const LINE_LIMIT: u64 = 8 << 20;

/// How much of an input that cannot be read twice is kept in memory, in bytes.
const KEPT_LIMIT: u64 = 256 << 20;

pub(crate) struct Source {
    path: PathBuf,
    reader: Reader,
    size: Option<u64>,
    position: u64,
    number: u64,
}

enum Reader {
    File(BufReader<File>),
    Kept(Cursor<Vec<u8>>),
    Once(Box<dyn BufRead>),
}

/// A line, without its end, or what is wrong with it.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) text: Result<String, String>,
}

impl Source {
    /// Opens a file, or standard input for `-`. Unless it is to be read `once`, what cannot be rewound is kept.
    pub(crate) fn open(path: &Path, once: bool) -> Result<Self, Failure> {
        let is_stdin = path == Path::new("-");
        let path = if is_stdin { Path::new("standard input") } else { path };
        let failed = |error: io::Error| Failure::io("read", path, &error);
        let (reader, size) = if is_stdin {
            let stdin: BufReader<Stdin> = BufReader::new(io::stdin());
            keep(path, stdin, once)?
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            if metadata.is_file() {
                (Reader::File(BufReader::new(file)), Some(metadata.len()))
            } else {
                keep(path, BufReader::new(file), once)?
            }
        };
        Ok(Self { path: path.to_path_buf(), reader, size, position: 0, number: 0 })
    }

    /// The input's name, for messages.
    pub(crate) fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn rewind(&mut self) -> Result<(), Failure> {
        let rewound = match &mut self.reader {
            Reader::File(file) => file.rewind(),
            Reader::Kept(kept) => kept.rewind(),
            Reader::Once(_) => Err(io::ErrorKind::NotSeekable.into()),
        };
        (self.position, self.number) = (0, 0);
        rewound.map_err(|error| Failure::io("read again", &self.path, &error))
    }

    pub(crate) fn next_line(&mut self) -> Result<Option<Line>, Failure> {
        let mut bytes = Vec::new();
        let reader: &mut dyn BufRead = match &mut self.reader {
            Reader::File(file) => file,
            Reader::Kept(kept) => kept,
            Reader::Once(once) => once,
        };
        let read = read_line(reader, &mut bytes).map_err(|error| Failure::io("read", &self.path, &error))?;
        if read == 0 {
            return Ok(None);
        }
        self.position += read;
        self.number += 1;
        let text = if read > LINE_LIMIT {
            Err(format!("field `line` has {read} bytes; at most {LINE_LIMIT} are allowed"))
        } else {
            decode(bytes, self.number == 1)
        };
        Ok(Some(Line { number: self.number, text }))
    }
}

/// Reads up to and over the end of a line and answers how far; keeps at most [`LINE_LIMIT`] bytes of it.
fn read_line(reader: &mut dyn BufRead, bytes: &mut Vec<u8>) -> io::Result<u64> {
    let mut read = (&mut *reader).take(LINE_LIMIT).read_until(b'\n', bytes)? as u64;
    if read == LINE_LIMIT && bytes.last() != Some(&b'\n') {
        read += reader.skip_until(b'\n')? as u64;
    }
    Ok(read)
}

fn decode(bytes: Vec<u8>, first: bool) -> Result<String, String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("field `line` is not UTF-8: its byte {at} begins no character")
    })?;
    let text = text.trim_end_matches(['\n', '\r']);
    let text = if first { text.trim_start_matches('\u{feff}') } else { text };
    Ok(text.to_owned())
}

fn keep(path: &Path, reader: impl BufRead + 'static, once: bool) -> Result<(Reader, Option<u64>), Failure> {
    if once {
        return Ok((Reader::Once(Box::new(reader)), None));
    }
    let mut kept = Vec::new();
    reader.take(KEPT_LIMIT + 1).read_to_end(&mut kept).map_err(|error| Failure::io("read", path, &error))?;
    let size = kept.len() as u64;
    if size > KEPT_LIMIT {
        let message = format!("{} has more than {KEPT_LIMIT} bytes and cannot be read twice", path.display());
        let hint = "save it to a file and import that, or store lines as they come with --skip-bad";
        return Err(Failure::new(("too_large", exit::TOO_LARGE), message, hint));
    }
    Ok((Reader::Kept(Cursor::new(kept)), Some(size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_is_skipped_whole() {
        let mut input = vec![b'a'; usize::try_from(LINE_LIMIT + 10).unwrap()];
        input.extend_from_slice(b"\nnext\n");
        let mut reader = Cursor::new(input);
        let mut bytes = Vec::new();
        assert_eq!(read_line(&mut reader, &mut bytes).unwrap(), LINE_LIMIT + 11);
        bytes.clear();
        assert_eq!(read_line(&mut reader, &mut bytes).unwrap(), 5);
        assert_eq!(bytes, b"next\n", "the line after the long one is whole");
    }

    #[test]
    fn ends_of_lines_and_a_byte_order_mark_are_no_text() {
        assert_eq!(decode("\u{feff}{}\r\n".into(), true).unwrap(), "{}");
        assert!(decode(vec![b'a', 0xff], false).unwrap_err().contains("byte 1"));
    }
}
