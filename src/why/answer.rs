//! What is said about one connection: a sentence, what to do, and the lines it rests on.
//! Leaves to `verdict.rs`: what was the cause.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{
    Absent, Unread,
    cause::Cause,
    evidence::Evidence,
    moment,
    search::{Cited, Search},
    verdict::{self, Verdict},
};

/// The answer to "why did this connection end?".
///
/// As text it is a sentence, what to do, and the evidence in order of time.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The name of the [`Cause`]: a row of `docs/ends.md`.
    pub cause: &'static str,
    /// The name of what it could be as well, where the logs do not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or: Option<&'static str>,
    /// Who ended it.
    pub who: &'static str,
    /// Who ended it and why.
    pub sentence: String,
    /// What to do about it.
    pub advice: &'static str,
    /// What could be told with more of the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<&'static str>,
    /// Why the lines below may be of several connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// Whether the end is explained; one that is still open or unknown is not.
    pub explained: bool,
    /// The gateway's id of the request.
    pub request: Option<String>,
    /// Holdline's id of the connection.
    pub connection: Option<String>,
    /// How long it lived.
    pub life_seconds: Option<f64>,
    /// The close code, of our log.
    pub code: Option<u16>,
    /// The HTTP status, of the access log.
    pub status: Option<u16>,
    /// The lines, in order of time.
    pub evidence: Vec<Line>,
    /// Lines that could not be read.
    pub unread: Unread,
}

/// A line of one of the logs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// When it was written, in UTC.
    pub time: String,
    /// `FILE:LINE`.
    pub place: String,
    /// The line, without control characters.
    pub text: String,
}

impl Answer {
    pub(super) fn of(found: Search) -> Self {
        let Search { evidence, cited, unread, request, connection, doubt, .. } = found;
        let verdict = verdict::judge(&evidence);
        let Verdict { cause, or, missing } = verdict;
        Self {
            cause: cause.name(),
            or: or.map(Cause::name),
            who: cause.who(),
            sentence: sentence(&evidence, cause, or),
            advice: cause.advice(),
            missing,
            doubt,
            explained: verdict.is_explained(),
            request,
            connection,
            life_seconds: evidence.life().map(|life| life as f64 / 1000.0),
            code: evidence.ended.as_ref().and_then(|ended| ended.code),
            status: evidence.access.as_ref().map(|access| access.status),
            evidence: cited.into_iter().map(line).collect(),
            unread,
        }
    }
}

fn line(cited: Cited) -> Line {
    let text = harmless(&cited.text);
    Line { time: moment::spell(cited.time), place: cited.place.to_string(), text }
}

/// Without control characters: what a client made somebody write must not steer a terminal.
pub(super) fn harmless(text: &str) -> String {
    let letters = text.chars().flat_map(|letter| {
        let plain = (!letter.is_control()).then_some(letter);
        let escaped = letter.is_control().then(|| letter.escape_default());
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    letters.collect()
}

fn sentence(evidence: &Evidence, cause: Cause, or: Option<Cause>) -> String {
    let mut text = String::new();
    let verb = match (cause, evidence.access.as_ref()) {
        (Cause::StillOpen | Cause::Unknown, _) => " is known to have ended it".to_owned(),
        (Cause::NotAWebsocket, Some(access)) => format!(" ended anything ({})", access.status),
        (Cause::ClientGaveUp, _) => " gave its handshake up".to_owned(),
        (_, Some(access)) if !access.is_upgraded() => {
            format!(" refused the handshake with {}", access.status)
        }
        _ if evidence.ended.is_none() && evidence.refused.is_some() => {
            " refused the handshake".to_owned()
        }
        _ => " ended it".to_owned(),
    };
    let _ = write!(text, "{}{verb}", capital(cause.who()));
    let upgraded = evidence.access.as_ref().is_none_or(|access| access.is_upgraded());
    if let Some(life) = evidence.life().filter(|_| upgraded) {
        let _ = write!(text, " after {}", Span(life));
    }
    if let Some(code) = evidence.ended.as_ref().and_then(|ended| ended.code) {
        let _ = write!(text, " with close code {code}");
    }
    let _ = write!(text, ": {}", cause.why());
    if let Some(reason) = &evidence.refused {
        let _ = write!(text, " ({})", harmless(reason));
    }
    if let Some(other) = or {
        let _ = write!(text, "; or else {} ended it: {}", other.who(), other.why());
    }
    text.push('.');
    text
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A length of time in milliseconds, as people say it.
pub(super) struct Span(pub(super) i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let text = match seconds {
            ..60 => format!("{:.1} s", self.0 as f64 / 1000.0),
            60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
            3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
            _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = self.or.map(|or| format!(" or {or}")).unwrap_or_default();
        writeln!(f, "{}{or}: {}", self.cause, self.sentence)?;
        writeln!(f, "What to do: {}.", self.advice)?;
        if let Some(missing) = self.missing {
            writeln!(f, "To know more: {missing}.")?;
        }
        if let Some(doubt) = &self.doubt {
            writeln!(f, "Not certain: {doubt}.")?;
        }
        writeln!(f)?;
        for Line { time, place, text } in &self.evidence {
            writeln!(f, "{time}  {place}: {text}")?;
        }
        write!(f, "{}", self.unread)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = &self.first {
            let lines = if self.count == 1 { "line" } else { "lines" };
            writeln!(f, "\n{} {lines} could not be read, the first is {first}", self.count)?;
        }
        match &self.foreign {
            Some(foreign) => writeln!(f, "{foreign}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "is in none of these files; are they of the same minutes?")?;
        if self.nameless {
            writeln!(
                f,
                "No line of the access log that could be read has a request id: if its log_format has \
                 $request_id, name that format with --access-format; if not, give Holdline's log (--log) too"
            )?;
        }
        write!(f, "{}", self.unread)
    }
}
