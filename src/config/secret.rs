//! A value that must not be shown, and values that are read from a file named by a variable.
//! What is done with the value is left to whoever asks for it.

use std::{fmt, fs};

use ::config::Value;

use super::{error::Problem, key::Key, source::Found};

/// A text that no log, listing or message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    ///
    /// ```
    /// use holdline::config::Secret;
    ///
    /// assert!(!format!("{:?}", Secret::new("sesame")).contains("sesame"));
    /// ```
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for whoever signs or compares with it.
    ///
    /// ```
    /// # use holdline::config::Secret;
    /// assert_eq!(Secret::new("sesame").expose(), "sesame");
    /// ```
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// What stands where a secret would.
pub(super) const HIDDEN: &str = "(hidden)";

/// The largest file that a value is read from: a key or a certificate is far smaller.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Replaces each `…_FILE` variable of a key that may come from a file by the file's content,
/// without the newline at its end that editors leave there.
pub(super) fn read_files(found: Vec<Found>, problems: &mut Vec<Problem>) -> Vec<Found> {
    let set: Vec<_> = found.iter().map(|found| (found.key.clone(), found.source.clone())).collect();
    let mut read = Vec::new();
    for found in found {
        match found.key.strip_suffix("_file").and_then(Key::find).filter(|key| key.file) {
            None => read.push(found),
            Some(key) => match set.iter().find(|(name, _)| name == key.name) {
                Some((_, other)) => problems.push(Problem::SetTwice {
                    first: other.to_string(),
                    second: found.source.to_string(),
                }),
                None => read.extend(read_file(key, found, problems)),
            },
        }
    }
    read
}

fn read_file(key: &Key, found: Found, problems: &mut Vec<Problem>) -> Option<Found> {
    let path = found.value.to_string();
    match content(&path) {
        Ok(text) => {
            let value = Value::new(None, text.trim_end_matches(['\r', '\n']));
            Some(Found { key: key.name.to_owned(), value, source: found.source })
        }
        Err(rule) => {
            problems.push(Problem::Value {
                key: key.name,
                value: format!("the content of {path:?}"),
                source: found.source,
                rule,
            });
            None
        }
    }
}

fn content(path: &str) -> Result<String, String> {
    let cannot = |why: &dyn fmt::Display| format!("must be readable: {why}");
    let size = fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("must be at most {FILE_BYTES_MAX} bytes, and the file has {size}"));
    }
    fs::read_to_string(path).map_err(|error| cannot(&error))
}
