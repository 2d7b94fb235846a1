//! Promise 8: the numbers that ship agree with each other. They are read from the shipped files
//! themselves: the backend's own defaults, nginx.conf with its includes, the compose file.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::stage::BINARY;
use crate::harness::tool::repository;

#[test]
fn the_backend_believes_the_gateway_s_read_timeout_and_pings_twice_within_it() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    let read_timeout = gateway.duration("http", "proxy_read_timeout");
    assert_eq!(backend.duration("gateway.read_timeout"), read_timeout);
    let interval = backend.duration("heartbeat.ping_interval");
    assert!(interval * 2 <= read_timeout, "{interval:?} twice in {read_timeout:?}");
    // Also the wait for a hung backend, of which another is asked while there is time left.
    assert!(gateway.duration("http", "proxy_next_upstream_timeout") > read_timeout);
    let text = shipped("docker-compose.yml");
    let defaults: Vec<_> = text.split("${HOLDLINE_READ_TIMEOUT:-").skip(1).collect();
    assert_eq!(defaults.len(), 2, "one variable, for gateway and backend");
    for default in defaults {
        let default = default.split('}').next().expect("a closing brace");
        assert_eq!(duration(default), read_timeout);
    }
}

#[test]
fn a_container_is_given_longer_to_stop_than_the_drain_takes() {
    let backend = Backend::shipped();
    let drain = backend.duration("drain.timeout");
    let compose = shipped("docker-compose.yml");
    let graces = compose.lines().filter_map(|line| line.trim().strip_prefix("stop_grace_period:"));
    let graces: Vec<_> = graces.map(|grace| duration(grace.trim())).collect();
    assert!(!graces.is_empty(), "the engine's default is 10 s");
    for grace in graces {
        assert!(grace > drain + Duration::from_secs(2), "{grace:?} for a drain of {drain:?}");
    }
    // The gateway's connections may live for hours; a reload must not cut them sooner.
    let gateway = Gateway::shipped();
    assert!(gateway.duration("", "worker_shutdown_timeout") >= Duration::from_secs(3600));
}

#[test]
fn a_drain_sends_nobody_away_faster_than_the_gateway_lets_them_in_again() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    let connections = backend.number("server.connections_max");
    let rate = connections as f64 / backend.duration("drain.window").as_secs_f64();
    let zone = gateway.only("http", "limit_req_zone", "zone=handshakes:");
    let admitted: f64 = argument(&zone, "rate=").trim_end_matches("r/s").parse().expect("a rate");
    assert!(rate <= admitted, "{rate} leave per second, {admitted} are let in");
    // And when all come back at once, the queue is long enough for everyone.
    let limit = gateway.only("location ^~ /ws/", "limit_req", "zone=handshakes");
    let burst: u64 = argument(&limit, "burst=").parse().expect("a number");
    assert!(burst >= connections, "{burst} may wait, {connections} come");
    // Nobody's client gives up on a handshake before its turn has come.
    assert!(burst as f64 / admitted <= 15.0, "the last one waits {} s", burst as f64 / admitted);
}

#[test]
fn a_gateway_worker_has_room_for_every_connection_of_a_backend() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    // Each has two sides, and nothing makes the workers share evenly.
    let both_sides = 2 * backend.number("server.connections_max");
    let connections = gateway.number("events", "worker_connections");
    let files = gateway.number("", "worker_rlimit_nofile");
    assert!(connections >= both_sides, "{connections} for {both_sides}");
    assert!(files > connections, "{files} descriptors for {connections} connections");
    let office: u64 = gateway.number("http", "limit_conn address_connections");
    assert!((100..backend.number("server.connections_max")).contains(&office), "{office}");
}

#[test]
fn both_sides_give_up_on_slow_peers_and_handshakes_at_the_same_time() {
    let (backend, gateway) = (Backend::shipped(), Gateway::shipped());
    assert_eq!(gateway.duration("http", "send_timeout"), backend.duration("limits.write_timeout"));
    let handshake = backend.duration("server.handshake_timeout");
    assert_eq!(gateway.duration("http", "client_header_timeout"), handshake);
}

#[test]
fn the_manual_shows_the_defaults_that_are_in_force() {
    let backend = Backend::shipped();
    let manual = Settings::read(&shipped("holdline.toml").replace("\n#", "\n"));
    let auto = ["server.workers", "heartbeat.ping_interval"];
    for (key, value) in &backend.0.0 {
        let shown = manual.0.get(key).unwrap_or_else(|| panic!("the manual does not know {key}"));
        assert!(shown == value || auto.contains(&key.as_str()), "{key}: {shown} is not {value}");
    }
}

#[test]
fn the_committed_includes_are_the_rendering_with_all_defaults() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rendered = folder.path().join("holdline.d");
    let script = repository().join("deploy/nginx/render");
    let status = Command::new(script).arg(&rendered).env_clear().status();
    assert!(status.expect("the shipped script runs").success());
    assert_eq!(files(&rendered), files(&repository().join("deploy/nginx/holdline.d")));
}

/// `section.key` → value as written, without quotes.
struct Settings(HashMap<String, String>);

impl Settings {
    fn read(toml: &str) -> Self {
        let (mut section, mut settings) = (String::new(), HashMap::new());
        for line in toml.lines().map(|line| line.split("  #").next().unwrap_or_default().trim()) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = line.split_once(" = ")
                && key.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_')
            {
                settings.insert(format!("{section}.{key}"), value.trim_matches('"').to_owned());
            }
        }
        Self(settings)
    }
}

/// What the backend does when nothing is configured.
struct Backend(Settings);

impl Backend {
    fn shipped() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output =
            Command::new(BINARY).arg("config").current_dir(folder.path()).env_clear().output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{output:?}");
        let settings = Settings::read(&String::from_utf8_lossy(&output.stdout));
        assert!(settings.0.len() > 25, "only {} keys", settings.0.len());
        Self(settings)
    }

    fn value(&self, key: &str) -> &str {
        self.0.0.get(key).unwrap_or_else(|| panic!("no {key}"))
    }

    fn duration(&self, key: &str) -> Duration {
        duration(self.value(key))
    }

    fn number(&self, key: &str) -> u64 {
        self.value(key).parse().unwrap_or_else(|_| panic!("{key} is no number"))
    }
}

/// The directives of nginx.conf with its includes: block path and words of each.
struct Gateway(Vec<(String, Vec<String>)>);

impl Gateway {
    fn shipped() -> Self {
        let folder = repository().join("deploy/nginx");
        let mut directives = Vec::new();
        read_nginx(&folder, "nginx.conf", &mut Vec::new(), &mut directives);
        Self(directives)
    }

    /// The one directive that begins with `name` directly in `block` and has `part` in it.
    fn only(&self, block: &str, name: &str, part: &str) -> Vec<String> {
        let mut found = self.0.iter().filter(|(path, words)| {
            path == block
                && words.join(" ").starts_with(&format!("{name} "))
                && words.iter().any(|word| word.contains(part))
        });
        let first = found.next().unwrap_or_else(|| panic!("no {name} {part} in {block:?}"));
        assert!(found.next().is_none(), "two of {name} {part} in {block:?}");
        first.1.clone()
    }

    fn last(&self, block: &str, name: &str) -> String {
        self.only(block, name, "").pop().expect("a directive has a value")
    }

    fn duration(&self, block: &str, name: &str) -> Duration {
        duration(&self.last(block, name))
    }

    fn number(&self, block: &str, name: &str) -> u64 {
        self.last(block, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
    }
}

fn read_nginx(
    folder: &Path,
    file: &str,
    blocks: &mut Vec<String>,
    directives: &mut Vec<(String, Vec<String>)>,
) {
    let text = std::fs::read_to_string(folder.join(file)).expect("a shipped file is text");
    let mut words = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        // No quoted braces or semicolons matter to the numbers: a value with one is read as more
        // than one directive, and nobody asks for it.
        for word in
            line.replace('{', " { ").replace('}', " } ").replace(';', " ; ").split_whitespace()
        {
            match word {
                "{" => blocks.push(std::mem::take(&mut words).join(" ")),
                "}" => drop(blocks.pop()),
                ";" => {
                    let directive = std::mem::take(&mut words);
                    match &directive[..] {
                        [include, file] if include == "include" => {
                            read_nginx(folder, file, blocks, directives);
                        }
                        _ => {
                            directives
                                .push((blocks.last().cloned().unwrap_or_default(), directive));
                        }
                    }
                }
                word => words.push(word.to_owned()),
            }
        }
    }
}

fn argument(words: &[String], name: &str) -> String {
    let found = words.iter().find_map(|word| word.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {words:?}")).to_owned()
}

fn duration(text: &str) -> Duration {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().unwrap_or_else(|_| panic!("no duration: {text:?}"));
    match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3600),
        "d" => Duration::from_secs(number * 86_400),
        unit => panic!("no unit {unit:?} in {text:?}"),
    }
}

fn shipped(file: &str) -> String {
    let path = repository().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> HashMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").filter_map(Result::ok);
    let read = |path| std::fs::read_to_string(path).expect("a configuration file is text");
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(entry.path())))
        .collect()
}
