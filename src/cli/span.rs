//! How a length of time is written for a command: as in the configuration (`20s`, `500ms`), or as
//! seconds where the tools that people know take those. Leaves to the commands: which make sense.

use std::time::Duration;

use holdline::config::parse_duration;

/// The longest that the configuration takes, too; it keeps `Instant + Duration` from overflowing.
const SECONDS_MAX: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// A whole number with its unit; more than nothing, because a timer of nothing spins.
///
/// # Errors
/// The rule that `text` breaks.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("must be more than 0s".to_owned()),
        length => Ok(length),
    }
}

/// The same, or a bare number of seconds, which may have a fraction.
///
/// # Errors
/// The rule that `text` breaks.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    // Digits with at most one point; what else floats can be written as is nobody's wish here.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse::<f64>() {
        Ok(seconds) if plain && seconds < 0.001 => Err("must be at least 1ms".to_owned()),
        Ok(seconds) if plain && seconds <= SECONDS_MAX => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) if plain => Err("must be at most a year".to_owned()),
        _ => duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        for (text, milliseconds) in
            [("20s", 20_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_length_without_a_unit_is_refused_with_both_spellings_that_may_be_meant() {
        assert!(duration("20").is_err_and(|rule| rule.contains("20s") && rule.contains("20ms")));
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in ["", ".", "s", "-1s", "1e3", "1 s", "inf", "nan", "1.2.3", "0s", "9999999h"] {
            assert!(duration(text).is_err(), "{text}");
            assert!(seconds(text).is_err(), "{text}");
        }
        assert!(seconds("0.0001").is_err() && seconds("99999999999").is_err());
    }

    #[test]
    fn seconds_may_go_without_their_unit_where_people_are_used_to_it() {
        assert_eq!(seconds("0.2"), Ok(Duration::from_millis(200)));
        assert_eq!(seconds("3"), Ok(Duration::from_secs(3)));
    }
}
