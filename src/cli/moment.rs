//! What time it is, as the log writes it.
//! Leaves to the commands: what happened then.

/// Now, in UTC: RFC 3339 with milliseconds.
pub(super) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[cfg(test)]
#[test]
fn a_moment_has_milliseconds_and_its_zone() {
    let now = now();
    assert_eq!((now.len(), &now[19..20], &now[23..]), (24, ".", "Z"), "{now}");
}
