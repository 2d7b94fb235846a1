//! Holdline's own lines: `open` and `end` of a connection, as text or as JSON, also behind what a
//! collector wrote in front of them. Leaves to `evidence.rs`: what else is known.

use std::collections::BTreeMap;

use serde_json::Value;

use super::moment::{self, Moment};

/// Levels as the text form has them, each behind the `Z` of a time.
const LEVELS: [&str; 5] = ["Z INFO ", "Z WARN ", "Z ERROR ", "Z DEBUG ", "Z TRACE "];

/// One line of ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Own {
    pub(super) time: Moment,
    pub(super) words: String,
    fields: BTreeMap<String, String>,
}

impl Own {
    /// Takes a line apart; none when it is none of ours.
    pub(super) fn parse(line: &str) -> Option<Self> {
        Self::text(line).or_else(|| Self::json(line))
    }

    /// The value of `key`, unless it is a `-`, which stands for none.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str).filter(|value| *value != "-")
    }

    pub(super) fn is_open(&self) -> bool {
        self.words == "open"
    }

    pub(super) fn is_end(&self) -> bool {
        self.words == "end" && self.get("reason").is_some()
    }

    /// How long the connection lived, in milliseconds.
    pub(super) fn age(&self) -> Option<i64> {
        let seconds = self.get("age")?.parse::<f64>().ok()?;
        Some((seconds * moment::SECOND as f64) as i64)
    }

    /// `[PREFIX] TIME LEVEL words key=value …`: only what comes from our own formatter has the time
    /// directly in front of the level.
    fn text(line: &str) -> Option<Self> {
        let found = LEVELS.iter().filter_map(|level| Some((line.find(level)?, level))).min()?;
        let (zone, level) = found;
        let start = line[..zone].rfind(' ').map_or(0, |space| space + 1);
        let (time, _) = moment::rfc3339(&line[start..=zone])?;
        let rest = &line[zone + level.len()..];
        let (mut words, mut fields) = (String::new(), BTreeMap::new());
        for token in tokens(rest) {
            match token.split_once('=') {
                Some((key, value)) => drop(fields.insert(key.to_owned(), unquoted(value))),
                None if fields.is_empty() && words.is_empty() => words = token.to_owned(),
                None if fields.is_empty() => words = format!("{words} {token}"),
                None => {}
            }
        }
        Some(Self { time, words, fields })
    }

    fn json(line: &str) -> Option<Self> {
        let object: BTreeMap<String, Value> =
            serde_json::from_str(&line[line.find('{')?..]).ok()?;
        let mut fields: BTreeMap<_, _> = object
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(text) => (key, text),
                other => (key, other.to_string()),
            })
            .collect();
        let (time, _) = moment::rfc3339(fields.get("time")?)?;
        fields.get("level")?;
        let words = fields.remove("message")?;
        Some(Self { time, words, fields })
    }
}

/// Splits at spaces that are not within quotes.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let split = move |letter: char| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        letter == ' ' && !quoted
    };
    text.split(split).filter(|token| !token.is_empty())
}

/// The text within quotes; what is escaped in it is no id and no number, and stays as it is.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "2026-11-21T11:33:20.375Z INFO  end id=1fd6bb0000000000 request=c1d0 \
                       reason=peer_closed code=1000 age=3.013 in=3 out=3";

    #[test]
    fn both_forms_of_a_line_say_the_same_with_and_without_a_collector_in_front() {
        let json = r#"{"age":3.013,"code":"1000","id":"1fd6bb0000000000","in":3,"level":"info","message":"end","out":3,"reason":"peer_closed","request":"c1d0","time":"2026-11-21T11:33:20.375Z"}"#;
        let prefixes = [
            "",
            "backend-1  | ",
            "2026-11-21T11:33:20.376543210Z ",
            "Nov 21 11:33:20 host holdline[17]: ",
        ];
        for prefix in prefixes {
            for line in [END, json] {
                let own = Own::parse(&format!("{prefix}{line}")).expect("a line of ours");
                assert_eq!((own.time, own.age()), (1_795_260_800_375, Some(3013)), "{prefix}");
                assert!(own.is_end() && !own.is_open());
                assert_eq!(own.get("request"), Some("c1d0"));
                assert_eq!(own.get("id"), Some("1fd6bb0000000000"));
            }
        }
    }

    #[test]
    fn what_a_peer_wrote_is_never_taken_for_a_key() {
        let line = "2026-11-21T11:33:17.361Z INFO  open id=1f request=c1 user=- \
                    user_agent=\"x \\\" reason=drain 2026-11-21T11:33:17.361Z INFO end\"";
        let own = Own::parse(line).expect("a line of ours");
        assert_eq!((own.get("reason"), own.get("user"), own.is_open()), (None, None, true));
    }

    #[test]
    fn what_is_no_line_of_ours_is_none() {
        let other = r#"{"time":"2026-11-21T11:33:20.375Z","message":"another program's"}"#;
        for line in
            ["", "{}", other, "thread panicked at src/x.rs", "127.0.0.1 - - [x] \"GET /\" 200"]
        {
            assert_eq!(Own::parse(line), None, "{line}");
        }
    }
}
