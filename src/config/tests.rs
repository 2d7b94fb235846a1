//! Promises of loading: who wins, what is refused, and how that is said.
//! Single rules are proven beside `rules`, spellings beside `spelling`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{Config, Error, FILE_DEFAULT, KEYS, Key, Loaded, LogFormat, Problem, Source};

/// A file that is there for as long as this value.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdline-config-{}-{number}.toml", process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a writable temporary folder");
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Error> {
    let file = TemporaryFile::new(text);
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    Config::load_from(Some(&file.0), variables)
}

/// What is said about a configuration that is refused; the file is called FILE.
fn complaints(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let error = load(text, variables).expect_err("a configuration that must be refused");
    let folder = std::env::temp_dir();
    let prefix = folder.join(format!("holdline-config-{}-", process::id()));
    let prefix = prefix.display().to_string();
    let anonymous = |line: String| match (line.find(&prefix), line.find(".toml")) {
        (Some(start), Some(end)) => format!("{}FILE{}", &line[..start], &line[end + 5..]),
        _ => line,
    };
    error.problems().iter().map(|problem| anonymous(problem.to_string())).collect()
}

#[test]
fn a_name_with_control_characters_is_told_in_one_line_that_does_nothing_to_a_terminal() {
    let said = complaints("[log]\n\"for\\nmat\" = 1\n\"\\u001b[2J\" = 2\n[\"\"]\n", &[]);
    let beginnings =
        [r#""" (from FILE)"#, r#""log.\u{1b}[2J" (from FILE)"#, r#""log.for\nmat" (from FILE)"#];
    assert_eq!(said.len(), beginnings.len(), "{said:?}");
    for (line, beginning) in said.iter().zip(beginnings) {
        assert!(line.starts_with(beginning) && !line.contains(char::is_control), "{line:?}");
    }
    let said = complaints("", &[("HOLDLINE__LOG__\tA", "1")]);
    assert!(!said.concat().contains(char::is_control), "{said:?}");
}

#[test]
fn a_section_without_a_name_is_no_way_to_write_another() {
    for text in ["[\"\"]", "[\"\".log]\nformat = \"json\"", "\"\" = 1"] {
        let said = complaints(text, &[]);
        assert!(said.len() == 1 && said[0].contains("is not a key"), "{text}: {said:?}");
    }
}

#[test]
fn without_file_and_variables_everything_is_the_documented_default() {
    let loaded = load("", &[]).expect("the default");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, [""; 0]);
    assert!(KEYS.iter().all(|key| loaded.sources.of(key.name) == Source::Default));
}

#[test]
fn the_defaults_are_the_promised_ones() {
    let config = Config::default();
    let seconds = Duration::from_secs;
    assert_eq!(config.server.listen, SocketAddr::from(([127, 0, 0, 1], 9000)));
    assert_eq!(config.control.listen, SocketAddr::from(([127, 0, 0, 1], 9001)));
    assert_eq!(config.server.connections_max, 20_000);
    assert_eq!(config.gateway.read_timeout, seconds(60));
    assert_eq!(config.heartbeat.ping_interval, Some(seconds(20)));
    assert_eq!(config.heartbeat.pong_timeout, seconds(10));
    assert_eq!(config.limits.message_bytes_max, 65_536);
    assert_eq!(config.limits.outbox_bytes_max, 1_048_576);
    assert_eq!(config.limits.outbox_bytes_total, 268_435_456);
    assert_eq!(config.limits.mailbox_bytes_max, 16_777_216);
    let trusted: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(config.validate(), Ok(Vec::new()));
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file = "[server]\nlisten = \"127.0.0.1:7000\"\nworkers = 3\n[log]\nformat = \"json\"";
    let loaded = load(file, &[("HOLDLINE__SERVER__LISTEN", "[::1]:8000")]).expect("a good one");
    assert_eq!(loaded.config.server.listen, "[::1]:8000".parse().expect("an address"));
    assert_eq!(loaded.config.server.workers, 3);
    assert_eq!(loaded.config.log.format, LogFormat::Json);
    let variable = Source::Variable("HOLDLINE__SERVER__LISTEN".into());
    assert_eq!(loaded.sources.of("server.listen"), variable);
    assert!(matches!(loaded.sources.of("server.workers"), Source::File(_)));
    assert_eq!(loaded.sources.of("control.listen"), Source::Default);
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in KEYS {
        let default = key.value(&Config::default());
        // A variable holds the bare text: no quotes, a list separated by commas.
        let text = default.trim_matches(['[', ']', '"']).replace("\", \"", ",");
        let loaded = load("", &[(&key.variable(), &text)]).expect(key.name);
        assert_eq!(loaded.config, Config::default(), "{}", key.name);
        assert_eq!(loaded.sources.of(key.name), Source::Variable(key.variable()));
    }
}

#[test]
fn a_list_may_come_from_a_variable_or_from_an_array() {
    let origins = ["https://a.example", "https://b.example"];
    let variable = ("HOLDLINE__SERVER__ALLOWED_ORIGINS", "https://a.example, https://b.example");
    let loaded = load("", &[variable]).expect("a good one");
    assert_eq!(loaded.config.server.allowed_origins, origins);
    let array = format!("[server]\nallowed_origins = {origins:?}");
    assert_eq!(load(&array, &[]).expect("a good one").config, loaded.config);
    let empty = load(&array, &[(variable.0, "")]).expect("a good one");
    assert_eq!(empty.config.server.allowed_origins, [""; 0]);
}

#[test]
fn the_ping_interval_follows_the_read_timeout_unless_it_is_set() {
    let read_timeout = ("HOLDLINE__GATEWAY__READ_TIMEOUT", "100s");
    let follows = load("", &[read_timeout]).expect("a good one").config.heartbeat.ping_interval;
    assert_eq!(follows, Some(Duration::from_millis(33_333)));
    let auto = "[heartbeat]\nping_interval = \"auto\"";
    let auto = load(auto, &[read_timeout]).expect("a good one").config.heartbeat.ping_interval;
    assert_eq!(auto, follows);
    let set = "[heartbeat]\nping_interval = \"7s\"";
    let set = load(set, &[read_timeout]).expect("a good one").config.heartbeat.ping_interval;
    assert_eq!(set, Some(Duration::from_secs(7)));
}

#[test]
fn pings_that_are_off_are_warned_about() {
    let loaded = load("[heartbeat]\nping_interval = \"off\"", &[]).expect("a good one");
    assert_eq!(loaded.config.heartbeat.ping_interval, None);
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].starts_with("heartbeat.ping_interval = \"off\" (from "));
}

#[test]
fn a_problem_names_key_value_source_and_rule() {
    let interval = ("HOLDLINE__HEARTBEAT__PING_INTERVAL", "40s");
    assert_eq!(
        complaints("", &[interval]),
        [
            "heartbeat.ping_interval = \"40s\" (from HOLDLINE__HEARTBEAT__PING_INTERVAL): must be at \
          most half of gateway.read_timeout = \"60s\" (default), that is 30s; a later ping may \
          miss the gateway's timer. Leave it out for a third"
        ]
    );
    let file = "[gateway]\nread_timeout = 60";
    assert_eq!(
        complaints(file, &[]),
        ["gateway.read_timeout = 60 (from FILE): must be a whole number with one unit of ms, s, \
          m, h, d, such as \"20s\"; a bare number means seconds to some tools and milliseconds to \
          others: write \"60s\" or \"60ms\""]
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let file = "[server]\nlisten = 9000\ncolour = 1\n[heartbeat]\nping_intervall = \"20s\"";
    let variables = [
        ("HOLDLINE__LIMITS__OUTBOX_BYTES_MAX", "1KiB"),
        ("HOLDLINE__DRAIN__WINDOWS", "1s"),
        ("HOLDLINE__LOG__FORMAT", "xml"),
    ];
    let complaints = complaints(file, &variables);
    let beginnings = [
        "heartbeat.ping_intervall (from FILE): is not a key of the configuration; did you mean \
         heartbeat.ping_interval?",
        "server.colour (from FILE): is not a key of the configuration; `holdline config`",
        "drain.windows (from HOLDLINE__DRAIN__WINDOWS): is not a key of the configuration; did \
         you mean HOLDLINE__DRAIN__WINDOW?",
        "server.listen = 9000 (from FILE): must be an IP address and a port",
        "log.format = \"xml\" (from HOLDLINE__LOG__FORMAT): must be \"text\" or \"json\"",
        "limits.outbox_bytes_max = \"1KiB\" (from HOLDLINE__LIMITS__OUTBOX_BYTES_MAX): must hold",
    ];
    assert_eq!(complaints.len(), beginnings.len(), "{complaints:#?}");
    for (complaint, beginning) in complaints.iter().zip(beginnings) {
        assert!(complaint.starts_with(beginning), "{complaint}\nshould begin with\n{beginning}");
    }
}

#[test]
fn a_misspelt_value_is_not_blamed_a_second_time_for_what_it_does_not_say() {
    let variables = [
        ("HOLDLINE__GATEWAY__READ_TIMEOUT", "2min"),
        ("HOLDLINE__HEARTBEAT__PING_INTERVAL", "40s"),
    ];
    let complaints = complaints("", &variables);
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].starts_with("gateway.read_timeout = \"2min\""));
}

#[test]
fn a_misspelt_section_is_refused_even_when_it_is_empty() {
    assert!(complaints("[heartbeet]", &[])[0].starts_with("heartbeet (from FILE): is not a key"));
    assert!(load("[heartbeat]", &[]).is_ok());
}

#[test]
fn a_section_given_as_a_value_is_told_its_keys() {
    let said = "drain (from FILE): is a section, not a key; its keys are drain.delay, \
                drain.window, drain.timeout";
    assert_eq!(complaints("drain = \"25s\"", &[]), [said]);
    let said = said.replace("FILE", "HOLDLINE__DRAIN");
    assert_eq!(complaints("", &[("HOLDLINE__DRAIN", "25s")]), [said]);
    let deeper = complaints("[drain.timeout]\nseconds = 25", &[]);
    assert!(deeper[0].starts_with("drain.timeout.seconds (from FILE): is not a key"));
}

#[test]
fn keys_of_the_file_have_no_capital_letters() {
    let said = "Server.Listen (from FILE): is not a key of the configuration; did you mean \
                server.listen?";
    assert_eq!(complaints("[Server]\nListen = \"127.0.0.1:1\"", &[]), [said]);
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let complaints = complaints("[server]\nlisten = 127.0.0.1:9000", &[]);
    assert!(complaints[0].starts_with("FILE: TOML parse error at line 2"), "{complaints:#?}");
}

#[test]
fn with_a_file_that_cannot_be_read_nobody_is_blamed_for_what_it_may_have_set() {
    let interval = ("HOLDLINE__HEARTBEAT__PING_INTERVAL", "40s");
    let unreadable = complaints("[gateway", &[interval]);
    assert!(unreadable.len() == 1 && unreadable[0].starts_with("FILE: "), "{unreadable:#?}");
    let misspelt = complaints("[gateway", &[interval, ("HOLDLINE__LOG__FORMAT", "xml")]);
    assert!(misspelt[1].starts_with("log.format"), "{misspelt:#?}");
}

#[test]
fn what_a_variable_says_is_taken_literally() {
    let complaints = complaints("", &[("HOLDLINE__LOG__FORMAT", "007")]);
    assert!(complaints[0].starts_with("log.format = \"007\" "), "{complaints:#?}");
}

#[test]
fn a_named_file_must_exist_while_the_default_one_need_not() {
    let missing = Path::new("/nonexistent/holdline.toml");
    let error = Config::load_from(Some(missing), []).expect_err("no such file");
    assert!(matches!(&error.problems()[0], Problem::File { path, .. } if path == missing));
    assert!(error.to_string().starts_with("/nonexistent/holdline.toml: No such file"));
    // Cargo runs tests in the package's root, where the manual lies.
    let loaded = Config::load_from(None, []).expect("a good one");
    assert_eq!(loaded.file.is_some(), Path::new(FILE_DEFAULT).exists());
}

#[test]
fn two_variables_for_one_key_are_refused() {
    let variables = [("HOLDLINE__LOG__FORMAT", "text"), ("holdline__log__format", "json")];
    let said = "HOLDLINE__LOG__FORMAT and holdline__log__format set the same key: keep one of them";
    assert_eq!(complaints("", &variables), [said]);
    let strangers = [("http_proxy", "a"), ("HTTP_PROXY", "b")];
    assert!(load("", &strangers).is_ok());
}

#[test]
fn a_variable_with_too_few_underscores_is_warned_about_and_strangers_are_not() {
    let variables = [
        ("HOLDLINE_SERVER_LISTEN", "0.0.0.0:1"),
        ("HOLDLINE_READ_TIMEOUT", "60s"),
        ("HOLDLINE_PORT", "tcp://10.0.0.1:9000"),
    ];
    let loaded = load("", &variables).expect("a good one");
    let said = "HOLDLINE_SERVER_LISTEN is not read; the variable of server.listen is \
                HOLDLINE__SERVER__LISTEN";
    assert_eq!(loaded.warnings, [said]);
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn an_embedder_is_told_which_of_its_values_are_wrong() {
    let mut config = Config::default();
    config.gateway.read_timeout = Duration::from_secs(30);
    let error = config.validate().expect_err("pings every 20 s are too rare").to_string();
    assert!(error.starts_with("heartbeat.ping_interval = \"20s\" (default): must be"), "{error}");
    assert!(
        error.contains("half of gateway.read_timeout = \"30s\" (code), that is 15s"),
        "{error}"
    );
}

#[test]
fn every_key_has_a_name_a_unit_and_a_meaning_of_one_sentence() {
    for key in KEYS {
        assert!(key.name.split('.').count() == 2, "{}", key.name);
        assert!(!key.unit.is_empty() && key.meaning.ends_with('.'), "{}", key.name);
        assert_eq!(Key::find(key.name).map(|it| it.name), Some(key.name));
        assert_eq!(KEYS.iter().filter(|it| it.name == key.name).count(), 1, "{}", key.name);
    }
}
