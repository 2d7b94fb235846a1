//! Numbers of several rounds as one, and as people read them.
//! Leaves to `results`: where they come from.

/// The same figure of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The one in the middle; of an even number the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Spread {
    /// `None` where there is nothing, or something that is no number.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Self { median, min: values[0], max: values[values.len() - 1] })
    }

    /// `7.1 (6.9–7.4)`; the median alone where all rounds read the same.
    pub(crate) fn text(&self) -> String {
        let (median, min, max) = (digits(self.median), digits(self.min), digits(self.max));
        if min == max { median } else { format!("{median} ({min}–{max})") }
    }
}

/// Three digits that say something, and no more: the rounds differ in the second.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let step = 10_f64.powf(size.log10().floor() - 2.0);
        let rounded = (size / step).round() * step;
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", super::work::thousands(rounded.round() as u64))
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.0995 {
        format!("{value:.2}")
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.3}")
    }
}

/// How many times as much: `1.3×`, `0.08×`, `12×`.
pub(crate) fn times(ratio: f64) -> String {
    let places = if ratio >= 9.95 {
        0
    } else if ratio >= 0.995 || ratio >= 0.0995 {
        2
    } else {
        3
    };
    format!("{ratio:.places$}×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_of_three_rounds_is_the_one_in_the_middle() {
        let spread = Spread::of(vec![7.0, 90.0, 6.0]).expect("three numbers");
        assert_eq!(spread, Spread { median: 7.0, min: 6.0, max: 90.0 });
        assert_eq!(spread.text(), "7.00 (6.00–90.0)");
        assert_eq!(Spread::of(vec![2.0, 4.0]).expect("two numbers").median, 3.0);
    }

    #[test]
    fn no_rounds_have_no_figure() {
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(Spread::of(vec![1.0, f64::NAN]), None);
    }

    #[test]
    fn numbers_have_three_digits_that_say_something() {
        let said: Vec<_> =
            [0.0, 0.0123, 0.456, 7.891, 45.67, 456.7, 4567.0, 123_456.0].map(digits).into();
        assert_eq!(said, ["0", "0.012", "0.46", "7.89", "45.7", "457", "4,570", "123,000"]);
        assert_eq!([0.081, 0.25, 1.304, 12.34].map(times), ["0.081×", "0.25×", "1.30×", "12×"]);
    }
}
