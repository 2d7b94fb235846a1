//! How nginx writes times, sizes and rates.
//! Leaves to the rules: what is too long or too small.

use std::time::Duration;

/// `ngx_parse_time`: parts such as `1h 30m` without the space, a bare number being seconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let milliseconds = match &rest[..letters] {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "M" => 30 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        rest = rest[letters..].trim_start_matches(' ');
        total = total.checked_add(Duration::from_millis(number.checked_mul(milliseconds)?))?;
    }
    Some(total)
}

/// `ngx_parse_size`: bytes, or with k or m.
pub(super) fn size(text: &str) -> Option<u64> {
    let factor = match text.bytes().last()? {
        b'k' | b'K' => 1 << 10,
        b'm' | b'M' => 1 << 20,
        _ => 1,
    };
    let digits = if factor == 1 { text } else { &text[..text.len() - 1] };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// `100r/s` or `30r/m`, as requests in a second.
pub(super) fn rate(text: &str) -> Option<f64> {
    let (number, seconds) = match text.split_once("r/")? {
        (number, "s") => (number, 1.0),
        (number, "m") => (number, 60.0),
        _ => return None,
    };
    Some(f64::from(number.parse::<u32>().ok()?) / seconds)
}

/// For people: seconds where they are whole.
pub(super) fn show(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (0, milliseconds) if milliseconds > 0 => format!("{milliseconds}ms"),
        (_, milliseconds) if milliseconds > 0 => format!("{:.1}s", time.as_secs_f64()),
        (seconds, _) if seconds >= 7200 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (seconds, _) => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_rates_are_read_as_nginx_reads_them() {
        let seconds = |text| time(text).map(|time| time.as_secs());
        assert_eq!(
            [seconds("60"), seconds("1h30m"), seconds("2d")],
            [Some(60), Some(5400), Some(172_800)]
        );
        assert_eq!(time("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!([time("soon"), time(""), time("5x")], [None; 3]);
        assert_eq!(
            [size("4k"), size("1m"), size("512"), size("x")],
            [Some(4096), Some(1 << 20), Some(512), None]
        );
        assert_eq!([rate("10r/s"), rate("30r/m"), rate("10")], [Some(10.0), Some(0.5), None]);
    }

    #[test]
    fn a_time_is_shown_in_the_unit_that_people_think_in() {
        let shown = [500, 1500, 90_000, 86_400_000].map(|it| show(Duration::from_millis(it)));
        assert_eq!(shown, ["500ms", "1.5s", "90s", "24h"]);
    }
}
