//! The lines a process wrote, and the `key=value` pairs in them.
//! Which lines there must be is for the promises to say.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Everything written so far; clones share it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>, Arc<AtomicBool>);

impl Log {
    /// Appends what was just written; waits while nobody reads it.
    pub fn push(&self, line: String) {
        while self.1.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.all().push(line);
    }

    /// Whether it is read. Whoever writes to a log that is not read has to wait, once the pipe is
    /// full.
    #[allow(dead_code, reason = "only the promise about a stalled worker stalls one")]
    pub fn read(&self, reading: bool) {
        self.1.store(!reading, Relaxed);
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.all().iter().map(|line| Line::parse(line)).collect()
    }

    /// The lines whose words are exactly `words`.
    pub fn about(&self, words: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.words == words).collect()
    }

    /// The lines that say something went wrong, beginning with the first that is `from`.
    pub fn troubles(&self, from: impl Fn(&Line) -> bool) -> Vec<Line> {
        let lines = self.lines().into_iter().skip_while(|line| !from(line));
        lines.filter(|line| line.level == "WARN" || line.level == "ERROR").collect()
    }

    /// The last lines, for a person.
    pub fn tail(&self, count: usize) -> String {
        let all = self.all();
        all[all.len().saturating_sub(count)..].join("\n")
    }

    fn all(&self) -> MutexGuard<'_, Vec<String>> {
        // A test that panicked while it held the lock has left whole lines behind all the same.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One line: `<time> <LEVEL> <words> key=value …`, or the same as a JSON object.
#[derive(Clone)]
pub struct Line {
    /// The line as it was written.
    pub raw: String,
    /// `INFO`, `WARN` …, empty when the line is of another form.
    pub level: String,
    /// What comes before the first pair.
    pub words: String,
    pairs: HashMap<String, String>,
}

impl Line {
    /// Takes a line apart; nothing in it can make that fail.
    pub fn parse(raw: &str) -> Self {
        Self::parse_json(raw).unwrap_or_else(|| Self::parse_text(raw))
    }

    fn parse_json(raw: &str) -> Option<Self> {
        let object: HashMap<String, serde_json::Value> = serde_json::from_str(raw).ok()?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let mut pairs: HashMap<_, _> =
            object.into_iter().map(|(key, value)| (key, text(value))).collect();
        let (level, words) = (pairs.remove("level")?.to_uppercase(), pairs.remove("message")?);
        Some(Self { raw: raw.to_owned(), level, words, pairs })
    }

    fn parse_text(raw: &str) -> Self {
        let inner = raw.trim_start_matches('[').replacen("] ", " ", 1);
        let (mut words, mut pairs) = (Vec::new(), HashMap::new());
        let mut tokens = split(&inner).into_iter();
        let _time = tokens.next();
        let level = tokens.next().unwrap_or_default();
        for token in tokens {
            match token.split_once('=') {
                Some((key, value)) => drop(pairs.insert(key.to_owned(), value.to_owned())),
                None if pairs.is_empty() => words.push(token),
                None => {}
            }
        }
        Self { raw: raw.to_owned(), level, words: words.join(" "), pairs }
    }

    /// The value of `key`.
    ///
    /// # Panics
    /// When the line has no such key.
    pub fn value(&self, key: &str) -> &str {
        self.pairs.get(key).unwrap_or_else(|| panic!("no {key}= in the line: {}", self.raw))
    }

    /// Whether the line has `key`, with exactly this value.
    pub fn says(&self, key: &str, value: &str) -> bool {
        self.pairs.get(key).is_some_and(|found| found == value)
    }

    /// Whether the line has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.pairs.contains_key(key)
    }

    /// The number at `key`.
    ///
    /// # Panics
    /// When there is none.
    pub fn number(&self, key: &str) -> f64 {
        self.value(key).parse().unwrap_or_else(|_| panic!("{key} is no number: {}", self.raw))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.raw)
    }
}

/// Splits at spaces, except between quotes; the quotes themselves go.
fn split(line: &str) -> Vec<String> {
    let (mut tokens, mut token, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' if quoted => token.extend(letters.next()),
            ' ' if !quoted => {
                if !token.is_empty() {
                    tokens.push(std::mem::take(&mut token));
                }
            }
            other => token.push(other),
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

#[test]
fn a_line_is_taken_apart_into_level_words_and_pairs() {
    let line = Line::parse(
        r#"2026-11-21T10:00:00.123Z INFO open id=00ff user_agent="a \"b\" c=d" route=/ws/echo"#,
    );
    assert_eq!((line.level.as_str(), line.words.as_str()), ("INFO", "open"));
    assert_eq!(line.value("user_agent"), r#"a "b" c=d"#);
    assert_eq!(line.value("route"), "/ws/echo");
    let line = Line::parse(r#"{"time":"…","level":"WARN","message":"end","id":"00ff","in":3}"#);
    assert_eq!((line.level.as_str(), line.words.as_str()), ("WARN", "end"));
    assert_eq!((line.value("id"), line.number("in")), ("00ff", 3.0));
}
