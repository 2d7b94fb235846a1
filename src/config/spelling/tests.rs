//! Promises of the spellings: what is read, what is refused, and that what is shown is read back.
//! Keys and sources have no part here.

use std::time::Duration;

use ::config::{Value, ValueKind};

use super::{
    address, bytes, count, duration, list, log_format, networks, or_auto, or_off, show_bytes,
    show_duration, show_written,
};

fn text(text: &str) -> Value {
    Value::new(None, text)
}

fn number(number: i64) -> Value {
    Value::new(None, number)
}

#[test]
fn a_duration_is_a_whole_number_with_one_unit() {
    for (written, milliseconds) in [
        ("250ms", 250),
        ("20s", 20_000),
        ("060s", 60_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
        ("0s", 0),
        ("365d", 31_536_000_000),
    ] {
        assert_eq!(duration(&text(written)), Ok(Duration::from_millis(milliseconds)), "{written}");
    }
}

#[test]
fn a_duration_others_read_differently_is_refused() {
    for written in [
        "", "s", "20 s", " 20s", "20S", "1.5s", "1m30s", "1h 30m", "-5s", "+5s", "20sec", "1M",
        "1w", "1y", "٣s", "off", "20µs",
    ] {
        let rule = duration(&text(written)).expect_err(written);
        assert!(rule.starts_with("must be a whole number with one unit"), "{written}: {rule}");
    }
    for value in [text("60"), number(60)] {
        let rule = duration(&value).expect_err("no unit");
        assert!(rule.contains("write \"60s\" or \"60ms\""), "{rule}");
    }
    for written in ["366d", "18446744073709551615d", "99999999999999999999s"] {
        assert_eq!(duration(&text(written)), Err("must be at most \"365d\"".into()), "{written}");
    }
    assert!(duration(&Value::new(None, 1.5)).is_err());
}

#[test]
fn a_shown_duration_is_read_back() {
    for milliseconds in [0, 1, 250, 1000, 33_333, 60_000, 86_400_000] {
        let duration_in = Duration::from_millis(milliseconds);
        let shown = show_duration(duration_in);
        assert_eq!(duration(&text(shown.trim_matches('"'))), Ok(duration_in), "{shown}");
    }
    assert_eq!(show_duration(Duration::from_secs(60)), "\"60s\"");
}

#[test]
fn a_size_is_bytes_or_has_a_binary_unit() {
    assert_eq!(bytes(&number(65_536)), Ok(65_536));
    for (written, size) in
        [("65536", 65_536), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("0", 0)]
    {
        assert_eq!(bytes(&text(written)), Ok(size), "{written}");
    }
    for written in ["", "KiB", "64k", "64K", "64KB", "64 KiB", "64kib", "1.5MiB", "-1", "+1"] {
        let rule = bytes(&text(written)).expect_err(written);
        assert!(rule.starts_with("must be a whole number of bytes"), "{written}: {rule}");
    }
    assert!(bytes(&number(-1)).is_err());
    assert_eq!(bytes(&text("17179869184GiB")), Err("is too large for this machine".into()));
}

#[test]
fn a_shown_size_is_read_back() {
    for size in [0, 1, 1000, 1024, 65_536, 65_546, 1 << 20, 3 << 30] {
        let shown = show_bytes(size);
        assert_eq!(bytes(&text(shown.trim_matches('"'))), Ok(size), "{shown}");
    }
    assert_eq!(show_bytes(65_536), "\"64KiB\"");
}

#[test]
fn a_count_has_digits_only_and_fits() {
    assert_eq!(count::<usize>(&number(7)), Ok(7));
    assert_eq!(count::<usize>(&text("007")), Ok(7));
    for value in [text("1e5"), text("+1"), text("-1"), text(""), number(-1), Value::new(None, 1.0)]
    {
        assert!(count::<usize>(&value).is_err(), "{value:?}");
    }
    let rule = count::<u32>(&number(1 << 32)).expect_err("too large");
    assert_eq!(rule, "is too large: 4294967296 does not fit");
}

#[test]
fn an_address_has_a_port_and_no_name() {
    for written in ["127.0.0.1:9000", "[::]:0", "0.0.0.0:65535"] {
        assert_eq!(address(&text(written)).map(|it| it.to_string()), Ok(written.into()));
    }
    for written in ["localhost:9000", ":9000", "9000", "127.0.0.1", "::1:9000", "1.2.3.4:70000"] {
        assert!(address(&text(written)).is_err(), "{written}");
    }
    assert!(address(&number(9000)).is_err());
}

#[test]
fn a_list_is_an_array_or_separated_by_commas() {
    let array = Value::new(None, vec!["a", "b"]);
    for value in [text("a,b"), text(" a , b "), array] {
        assert_eq!(list(&value), Ok(vec!["a".to_owned(), "b".to_owned()]), "{value:?}");
    }
    assert_eq!(list(&text("")), Ok(Vec::new()));
    assert_eq!(list(&Value::new(None, Vec::<String>::new())), Ok(Vec::new()));
    for value in [text("a,,b"), text("a,"), Value::new(None, vec![""])] {
        assert!(list(&value).is_err_and(|rule| rule.contains("empty item")), "{value:?}");
    }
    for value in [number(1), Value::new(None, vec![1, 2]), Value::new(None, ValueKind::Nil)] {
        assert!(list(&value).is_err_and(|rule| rule.starts_with("must be a list")), "{value:?}");
    }
}

#[test]
fn a_network_is_an_address_or_begins_at_its_first_address() {
    let read = networks(&text("10.0.0.0/8,192.0.2.7,2001:db8::/32,::1")).expect("networks");
    let read: Vec<_> = read.iter().map(ToString::to_string).collect();
    assert_eq!(read, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"]);
    for written in ["10.0.0.300", "10.0.0.0/33", "private", "10.0.0"] {
        let rule = networks(&text(written)).expect_err(written);
        assert!(rule.contains(&format!("{written:?} is neither")), "{rule}");
    }
    let rule = networks(&text("10.0.0.1/8")).expect_err("not the first address");
    assert!(rule.contains("write \"10.0.0.0/8\""), "{rule}");
}

#[test]
fn words_are_exact() {
    assert!(log_format(&text("json")).is_ok() && log_format(&text("JSON")).is_err());
    assert_eq!(or_off(&text("off"), duration), Ok(None));
    assert_eq!(or_off(&text("1s"), duration), Ok(Some(Duration::from_secs(1))));
    assert!(or_off(&text("Off"), duration).is_err_and(|rule| rule.ends_with("or \"off\"")));
    assert_eq!(or_auto(&text("auto"), 5, count::<usize>), Ok(5));
    assert_eq!(or_auto(&number(6), 5, count::<usize>), Ok(6));
    assert!(or_auto(&text("all"), 5, count::<usize>).is_err());
}

#[test]
fn a_value_is_quoted_as_its_author_wrote_it() {
    assert_eq!(show_written(&text("a \"b\"")), r#""a \"b\"""#);
    assert_eq!(show_written(&number(-3)), "-3");
    assert_eq!(show_written(&Value::new(None, true)), "true");
    assert_eq!(show_written(&Value::new(None, vec!["a", "b"])), r#"["a", "b"]"#);
}
