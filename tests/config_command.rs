//! `holdline config` as its caller sees it: what is printed where, and the exit code.
//! What makes a configuration wrong is proven beside the rules.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs `holdline config` in a folder whose `holdline.toml` has that text.
fn holdline_config(
    name: &str,
    file: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::write(folder.join("holdline.toml"), file).expect("a writable folder");
    Command::new(env!("CARGO_BIN_EXE_holdline"))
        .arg("config")
        .args(arguments)
        .current_dir(&folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the program")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn the_listing_tells_each_value_and_where_it_comes_from() {
    let file = "[drain]\nwindow = \"12s\"";
    let variable = ("HOLDLINE__LOG__FORMAT", "json");
    let output = holdline_config("listing", file, &[], &[variable]);
    assert!(output.status.success());
    let listing = text(&output.stdout);
    assert!(listing.starts_with("# Read: holdline.toml and the environment.\n"), "{listing}");
    for line in [
        "window = \"12s\"  # holdline.toml",
        "format = \"json\"  # HOLDLINE__LOG__FORMAT",
        "timeout = \"25s\"  # default",
        "# Unit: duration. Default: \"10s\".",
    ] {
        assert!(listing.lines().any(|it| it == line), "{line} is missing in\n{listing}");
    }
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_wrong_configuration_exits_64_and_prints_one_line_per_problem() {
    let file = "[heartbeat]\nping_interval = \"40s\"\npong = 1";
    for arguments in [&[][..], &["--check"]] {
        let output = holdline_config("wrong", file, arguments, &[]);
        assert_eq!(output.status.code(), Some(64));
        assert_eq!(text(&output.stdout), "");
        let lines: Vec<_> = text(&output.stderr).lines().collect();
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].starts_with("heartbeat.pong (from holdline.toml): "), "{lines:#?}");
        let value = "heartbeat.ping_interval = \"40s\" (from holdline.toml): must be at most half";
        assert!(lines[1].starts_with(value), "{lines:#?}");
    }
}

#[test]
fn a_check_prints_warnings_and_ok_and_nothing_else() {
    let output = holdline_config("check", "", &["--check"], &[]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "ok\n"));
    assert_eq!(text(&output.stderr), "");
    let variable = ("HOLDLINE__HEARTBEAT__PING_INTERVAL", "off");
    let output = holdline_config("check-warning", "", &["--check"], &[variable]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "ok\n"));
    let warning =
        "warning: heartbeat.ping_interval = \"off\" (from HOLDLINE__HEARTBEAT__PING_INTERVAL): ";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn a_named_file_is_read_instead_and_must_exist() {
    let output = holdline_config("named", "colour = 1", &["--config", "other.toml"], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).starts_with("other.toml: "), "{}", text(&output.stderr));
}
