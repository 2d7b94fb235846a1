//! All ends that the logs tell of, by cause: counts, lives, an example of each.
//! Leaves to `verdict.rs`: the causes; to `join.rs`: what belongs together; to `complaints.rs`: the error
//! log; to `others.rs`: what was no handshake.

mod complaints;
mod join;
mod others;

use std::{collections::BTreeMap, fmt, io};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    Logs, Unread,
    answer::{Span, harmless},
    cause::{Cause, Concern},
    verdict::Verdict,
};

/// The ends by cause.
///
/// As text it has a line per cause, what to do about each, and the worst last.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Table {
    /// How many ends there are.
    pub ends: u64,
    /// The most frequent cause first.
    pub rows: Vec<Row>,
    /// The cause that should be looked at first, if any should.
    pub worst: Option<&'static str>,
    /// Plain requests, which are no ends.
    pub plain_requests: u64,
    /// Requests that were refused and that nothing shows to have been handshakes, which are no ends
    /// either: a scanner's, say.
    pub other_requests: u64,
    /// Ends that were too many to be held until they could be joined with another log; each log's
    /// own word counts for them.
    pub unjoined: u64,
    /// What could be told with more of the logs.
    pub missing: Vec<&'static str>,
    /// Lines that could not be read.
    pub unread: Unread,
}

/// The ends of one cause.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The name of the [`Cause`].
    pub cause: &'static str,
    /// What they could be as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or: Option<&'static str>,
    /// How many.
    pub count: u64,
    /// Of all ends, in percent.
    pub share_percent: f64,
    /// How long the middle one of them lived.
    pub median_seconds: Option<f64>,
    /// How long the longest of them lived.
    pub longest_seconds: Option<f64>,
    /// The id of one of them, to ask about.
    pub example: Option<String>,
    /// What to do about them.
    pub advice: &'static str,
}

pub(super) fn tabulate(logs: &Logs) -> io::Result<Table> {
    Ok(join::Join::run(logs)?.table())
}

/// Counts ends while the logs are read; as large as there are causes.
#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<(Cause, Option<Cause>), Count>,
    missing: Vec<&'static str>,
    plain_requests: u64,
}

#[derive(Debug)]
struct Count {
    count: u64,
    /// In milliseconds, to two digits.
    lives: Histogram<u64>,
    example: Option<String>,
}

impl Tally {
    fn add(&mut self, verdict: Verdict, life: Option<i64>, example: Option<&str>) {
        let Verdict { cause, or, missing } = verdict;
        if cause == Cause::NotAWebsocket {
            self.plain_requests += 1;
            return;
        }
        if let Some(missing) = missing.filter(|missing| !self.missing.contains(missing)) {
            self.missing.push(missing);
        }
        let count = self.counts.entry((cause, or)).or_insert_with(|| Count {
            count: 0,
            lives: Histogram::new(2).expect("two digits are allowed"),
            example: None,
        });
        count.count += 1;
        if let Some(life) = life {
            // It grows as it has to; a life that no histogram could hold is none.
            let _ = count.lives.record(life.max(0).cast_unsigned());
        }
        if count.example.is_none() {
            count.example = example.map(str::to_owned);
        }
    }

    fn table(self) -> Table {
        let ends = self.counts.values().map(|count| count.count).sum();
        // Still open is no end that somebody could have prevented, and comes last of equals.
        let worst = self
            .counts
            .iter()
            .filter(|((cause, _), _)| cause.concern() > Concern::Expected)
            .max_by_key(|((cause, _), count)| (cause.concern(), count.count))
            .map(|((cause, _), _)| cause.name());
        let mut rows: Vec<_> =
            self.counts.into_iter().map(|(causes, count)| count.row(causes, ends)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        let (missing, plain_requests) = (self.missing, self.plain_requests);
        Table { ends, rows, worst, missing, plain_requests, ..Table::default() }
    }
}

impl Count {
    fn row(self, (cause, or): (Cause, Option<Cause>), ends: u64) -> Row {
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        let lived = !self.lives.is_empty();
        Row {
            cause: cause.name(),
            or: or.map(Cause::name),
            count: self.count,
            share_percent: (self.count as f64 * 1000.0 / ends as f64).round() / 10.0,
            median_seconds: lived.then(|| seconds(self.lives.value_at_quantile(0.5))),
            longest_seconds: lived.then(|| seconds(self.lives.max())),
            example: self.example,
            advice: cause.advice(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>9} {:>6}  {:>13} {:>13}  cause",
            "count", "share", "median life", "longest"
        )?;
        let span = |seconds: Option<f64>| {
            seconds.map_or("-".to_owned(), |it| Span((it * 1000.0) as i64).to_string())
        };
        for row in &self.rows {
            let or = row.or.map(|or| format!(" or {or}")).unwrap_or_default();
            let (median, longest) = (span(row.median_seconds), span(row.longest_seconds));
            let (count, share) = (row.count, row.share_percent);
            writeln!(f, "{count:>9} {share:>5.1}%  {median:>13} {longest:>13}  {}{or}", row.cause)?;
        }
        writeln!(
            f,
            "{:>9} ends; {} plain requests are not among them\n",
            self.ends, self.plain_requests
        )?;
        if self.other_requests > 0 {
            let words = "refused, and nothing shows that they were handshakes; not among the ends";
            writeln!(f, "other requests: {} ({words})\n", self.other_requests)?;
        }
        for row in &self.rows {
            let example = row.example.as_deref().map(|it| format!(" (such as {})", harmless(it)));
            writeln!(f, "{}{}: {}.", row.cause, example.unwrap_or_default(), row.advice)?;
        }
        for missing in &self.missing {
            writeln!(f, "\nTo know more: {missing}.")?;
        }
        if self.unjoined > 0 {
            let most = join::HELD_MAX;
            writeln!(
                f,
                "\n{} ends were not joined: more than {most} waited for another log's word",
                self.unjoined
            )?;
        }
        write!(f, "{}", self.unread)?;
        match self.worst.and_then(|worst| self.rows.iter().find(|row| row.cause == worst)) {
            Some(row) => {
                writeln!(f, "\nWorst: {}, {} of {} ends", row.cause, row.count, self.ends)
            }
            None => Ok(()),
        }
    }
}
