//! Holdline as it is measured: heartbeat, guard, outbox, limits and metrics on, one worker unless a cell says otherwise.
//! Leaves to `process`: starting and ending it; to `cell`: scraping its metrics.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    process::{Process, Start, accepts, free_port},
    server::{PATIENCE, Running, SERVER_CPU, Tools},
    work::Work,
};

/// As `scripts/up` and the container set it.
const VARIABLES: &[(&str, &str)] = &[("MALLOC_TRIM_THRESHOLD_", "131072"), ("RUST_LOG", "info")];

/// The configuration of a cell. Limits are on and above the load: what is measured is that they are
/// looked at. The outbox and the guard cannot be switched off.
pub(crate) fn configuration(
    listen: &str,
    control: &str,
    workers: u32,
    ping_seconds: f64,
) -> String {
    // Everybody comes from one address, and nobody is to wait for a goodbye.
    let heartbeat = if ping_seconds > 0.0 {
        format!("ping_interval = \"{}ms\"\n", (ping_seconds * 1000.0).round())
    } else {
        "ping_interval = \"20s\"\n".to_owned()
    };
    format!(
        "\
[server]
listen = \"{listen}\"
workers = {workers}
connections_max = 20000

[control]
listen = \"{control}\"

[heartbeat]
{heartbeat}pong_timeout = \"10s\"

[limits]
messages_per_second = 10000000
connections_per_ip_max = 20000

[drain]
delay = \"0s\"
window = \"0s\"
timeout = \"3s\"
"
    )
}

/// Starts it, behind the words `before`, and waits until it accepts.
pub(crate) fn start(
    workers: u32,
    tools: &Tools,
    folder: &Path,
    work: &Work,
    before: &[String],
) -> Result<Running> {
    let (port, control) = (free_port()?, free_port()?);
    let file = folder.join("holdline.toml");
    let text = configuration(
        &format!("127.0.0.1:{port}"),
        &format!("127.0.0.1:{control}"),
        workers,
        work.ping_seconds(),
    );
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    let mut words = before.to_vec();
    words.push(tools.holdline.to_string_lossy().into_owned());
    words.extend(["serve".to_owned(), "--config".to_owned()]);
    words.push(file.to_string_lossy().into_owned());
    let cpus = cpus(workers);
    let start = Start { words, variables: VARIABLES, cpus: &cpus };
    let mut process = Process::start(&start, &folder.join("holdline.log"), None)?;
    process.wait_until(PATIENCE, || accepts(port)).context("holdline")?;
    Ok(Running {
        port,
        authority: None,
        accounts: vec![("server", process.family())],
        control: Some(control),
        trace: None,
        processes: vec![process],
    })
}

/// One core for one worker. A second worker has the next core, or shares the load generator's where
/// there are two: CPU time per unit is still its own.
fn cpus(workers: u32) -> String {
    if workers == 1 {
        return SERVER_CPU.to_owned();
    }
    if Path::new("/sys/devices/system/cpu/cpu2").exists() { "1-2" } else { "0-1" }.to_owned()
}

/// `GET PATH` of a server on loopback: its status and all it answers. `None` when there is no answer.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_on_whether_a_cell_asks_for_pings_or_not() {
        let told = |ping| configuration("127.0.0.1:1", "127.0.0.1:2", 1, ping);
        assert!(told(0.0).contains("ping_interval = \"20s\""));
        assert!(told(0.5).contains("ping_interval = \"500ms\""));
    }
}
