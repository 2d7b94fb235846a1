//! Another gateway's `log_format`: which variable stands where in a line of its access log.
//! Leaves to `access.rs`: what the variables mean.

use std::{fmt, str::FromStr};

/// A `log_format` as nginx.conf has it, its quotes joined: text with `$variables`.
///
/// ```
/// use holdline::why::Format;
///
/// let format: Format = r#"$remote_addr [$time_local] "$request" $status $request_id"#.parse()?;
/// assert!("no variable".parse::<Format>().is_err());
/// # Ok::<(), holdline::why::BadFormat>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The variables, each with the text behind it, up to the next variable.
    fields: Vec<(String, String)>,
    /// The text before the first variable.
    start: String,
}

/// A text that no line could be read by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFormat(&'static str);

impl fmt::Display for BadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadFormat {}

impl FromStr for Format {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        let mut parts = text.split('$');
        let start = parts.next().unwrap_or_default().to_owned();
        let mut fields: Vec<(String, String)> = Vec::new();
        for part in parts {
            let (name, behind) = match part.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or(BadFormat("a ${ has no }"))?,
                None => {
                    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    part.split_at(part.find(|c| !letter(c)).unwrap_or(part.len()))
                }
            };
            if name.is_empty() {
                return Err(BadFormat("a $ has no name behind it"));
            }
            if fields.last().is_some_and(|(_, behind)| behind.is_empty()) {
                return Err(BadFormat(
                    "two variables with nothing between them cannot be told apart",
                ));
            }
            fields.push((name.to_owned(), behind.to_owned()));
        }
        if fields.is_empty() {
            return Err(BadFormat("it has no $variable; the format is that of nginx's log_format"));
        }
        Ok(Self { fields, start })
    }
}

impl Format {
    /// nginx's own default, which has no request id.
    pub(super) fn combined() -> Self {
        let names = ["remote_addr", "remote_user", "time_local", "request", "status"];
        let names = names.iter().chain(&["body_bytes_sent", "http_referer", "http_user_agent"]);
        let behind = [" - ", " [", "] \"", "\" ", " ", " \"", "\" \"", "\""];
        let fields =
            names.zip(behind).map(|(name, behind)| ((*name).to_owned(), behind.to_owned()));
        Self { fields: fields.collect(), start: String::new() }
    }

    /// The variables of a line and their values; none when it is of another form.
    pub(super) fn read<'a>(&'a self, line: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut rest = match self.start.is_empty() {
            true => line,
            // A collector may have written something in front.
            false => &line[line.find(&self.start)? + self.start.len()..],
        };
        let mut values = Vec::with_capacity(self.fields.len());
        for (number, (name, behind)) in self.fields.iter().enumerate() {
            let end = match behind.is_empty() {
                true => rest.len(),
                // The last text ends the line, wherever else it occurs.
                false if number + 1 == self.fields.len() => rest.rfind(behind.as_str())?,
                false => rest.find(behind.as_str())?,
            };
            values.push((name.as_str(), &rest[..end]));
            rest = &rest[end + behind.len()..];
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_by_its_format() {
        let format: Format =
            r#"[$time_local] ${request_id} "$request" $status"#.parse().expect("one");
        let line = r#"[21/Nov/2026:20:31:37 +0000] c1d0 "GET /ws/echo HTTP/1.1" 101"#;
        let values = format.read(line).expect("of this form");
        let time = ("time_local", "21/Nov/2026:20:31:37 +0000");
        let request = ("request", "GET /ws/echo HTTP/1.1");
        assert_eq!(values, [time, ("request_id", "c1d0"), request, ("status", "101")]);
        assert_eq!(format.read("something else"), None);
    }

    #[test]
    fn the_default_of_nginx_is_known() {
        let line =
            r#"127.0.0.1 - - [21/Nov/2026:20:31:37 +0000] "GET / HTTP/1.1" 101 4 "-" "a "b"""#;
        let format = Format::combined();
        let values = format.read(line).expect("of this form");
        assert_eq!((values[0].1, values[4].1, values[7].1), ("127.0.0.1", "101", "a \"b\""));
    }

    #[test]
    fn a_format_that_no_line_could_be_read_by_is_refused() {
        for text in ["", "combined", "$", "$a$b", "${a", "$ x"] {
            assert!(text.parse::<Format>().is_err(), "{text}");
        }
    }
}
