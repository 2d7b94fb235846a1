//! When something was logged: the spellings of time in nginx's logs and in ours.
//! Leaves to `verdict.rs`: which moments belong together.

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

/// A moment in UTC, in milliseconds since 1970.
pub(super) type Moment = i64;

/// Milliseconds in a second.
pub(super) const SECOND: i64 = 1000;

/// RFC 3339, as our lines and nginx's `$time_iso8601` have it: the moment, and by how many
/// milliseconds its writer's clock is ahead of UTC.
pub(super) fn rfc3339(text: &str) -> Option<(Moment, i64)> {
    let moment = text.parse::<Timestamp>().ok()?.as_millisecond();
    // A local time is the same digits read as UTC.
    let civil: DateTime = text.get(..19)?.parse().ok()?;
    Some((moment, utc(civil)? - moment.div_euclid(SECOND) * SECOND))
}

/// nginx's `$time_local`: `21/Nov/2026:20:31:37 +0000`.
pub(super) fn local(text: &str) -> Option<(Moment, i64)> {
    let parts = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?;
    let moment = parts.to_timestamp().ok()?.as_millisecond();
    Some((moment, utc(parts.to_datetime().ok()?)? - moment))
}

/// nginx's `$msec`: seconds with three decimals.
pub(super) fn msec(text: &str) -> Option<Moment> {
    let (seconds, milliseconds) = text.split_once('.')?;
    (milliseconds.len() == 3).then_some(())?;
    let seconds = seconds.parse::<i64>().ok()?.checked_mul(SECOND)?;
    let moment = seconds.checked_add(milliseconds.parse().ok()?)?;
    // A moment that no clock shows is none, so that no difference of two overflows.
    Timestamp::from_millisecond(moment).is_ok().then_some(moment)
}

/// The error log's `2026/11/21 20:31:37`, which names no zone: the digits read as UTC.
pub(super) fn zoneless(text: &str) -> Option<Moment> {
    let number = |from, to| text.get(from..to)?.parse::<i16>().ok();
    let small = |from, to| number(from, to).and_then(|number| i8::try_from(number).ok());
    let (year, month, day) = (number(0, 4)?, small(5, 7)?, small(8, 10)?);
    let (hour, minute, second) = (small(11, 13)?, small(14, 16)?, small(17, 19)?);
    utc(DateTime::new(year, month, day, hour, minute, second, 0).ok()?)
}

/// As our log writes it.
pub(super) fn spell(moment: Moment) -> String {
    Timestamp::from_millisecond(moment).map_or_else(|_| "?".to_owned(), |time| format!("{time:.3}"))
}

fn utc(civil: DateTime) -> Option<Moment> {
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_moment_means_the_same() {
        let moment = 1_795_293_097_000;
        assert_eq!(spell(moment), "2026-11-21T20:31:37.000Z");
        assert_eq!(rfc3339("2026-11-21T20:31:37.000Z"), Some((moment, 0)));
        assert_eq!(rfc3339("2026-11-21T20:31:37+00:00"), Some((moment, 0)));
        assert_eq!(rfc3339("2026-11-21T18:01:37-02:30"), Some((moment, -9_000_000)));
        assert_eq!(local("21/Nov/2026:21:31:37 +0100"), Some((moment, 3_600_000)));
        assert_eq!(msec("1795293097.000"), Some(moment));
        assert_eq!(zoneless("2026/11/21 20:31:37"), Some(moment));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let far = "9223372036854775807.000";
        for text in ["", "-", "2026-11-21", far, "99/99/9999 99:99:99", "2026/13/41 25:61:61"] {
            assert_eq!((rfc3339(text), local(text), msec(text)), (None, None, None), "{text}");
            assert_eq!(zoneless(text), None, "{text}");
        }
    }
}
