//! How many connections the descriptor limit of this process allows.
//! The limit of connections itself is a key like any other; the server enforces it.

use std::io;

use super::Config;

/// Descriptors kept for what is not a connection: listeners, standard streams, the log, plain HTTP
/// such as probes, scrapes and handshakes that are being refused.
pub const DESCRIPTORS_RESERVED: u64 = 128;

/// Each worker's own: its poller and the two ends that wake it.
pub const DESCRIPTORS_PER_WORKER: u64 = 4;

/// Each request to the application that may be under way: its own, and one that is kept for the next.
const DESCRIPTORS_PER_REQUEST: u64 = 2;

/// Raises this process's soft descriptor limit to its hard limit and returns what holds now.
///
/// # Errors
/// When the system refuses to tell or to change the limit.
///
/// ```
/// let limit = holdline::config::raise_descriptor_limit()?;
/// assert!(limit > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn raise_descriptor_limit() -> io::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
}

/// Cuts `server.connections_max` to what `limit` descriptors allow, and says so if it had to.
///
/// Beyond the limit the listener could not even refuse with 503: the peer would hang unanswered.
/// Under a very small limit the reserve takes half of it.
///
/// ```
/// use holdline::config::{Config, fit_descriptors};
///
/// let mut config = Config::default();
/// config.server.workers = 2;
/// let warning = fit_descriptors(&mut config, 1024).expect("a thousand are few");
/// assert!(warning.starts_with("server.connections_max = 20000 is cut to 888"), "{warning}");
/// ```
pub fn fit_descriptors(config: &mut Config, limit: u64) -> Option<String> {
    let kept = kept(config);
    let reserved = kept.min(limit / 2);
    let wanted = config.server.connections_max;
    let allowed = usize::try_from(limit - reserved).unwrap_or(usize::MAX);
    if wanted <= allowed {
        return None;
    }
    config.server.connections_max = allowed.max(1);
    let needed = wanted as u64 + kept;
    Some(format!(
        "server.connections_max = {wanted} is cut to {}: the descriptor limit is {limit}, of which \
         {reserved} are kept for listeners, files, plain HTTP and the application; raise it to {needed} (ulimit -n, \
         LimitNOFILE=, the container's nofile)",
        config.server.connections_max,
    ))
}

/// What is needed beside one descriptor for each connection.
fn kept(config: &Config) -> u64 {
    let Config { callback, rest, server, .. } = config;
    let asked = callback.url.as_ref().map_or(0, |_| callback.in_flight_max)
        + rest.base_url.as_ref().map_or(0, |_| rest.in_flight_total);
    DESCRIPTORS_RESERVED
        + DESCRIPTORS_PER_WORKER * server.workers as u64
        + DESCRIPTORS_PER_REQUEST * asked as u64
}

#[cfg(test)]
mod tests {
    use super::{Config, fit_descriptors, raise_descriptor_limit};

    fn config(connections_max: usize, workers: usize) -> Config {
        let mut config = Config::default();
        config.server.connections_max = connections_max;
        config.server.workers = workers;
        config
    }

    #[test]
    fn a_limit_that_is_large_enough_changes_nothing() {
        let mut fits = config(20_000, 2);
        assert_eq!(fit_descriptors(&mut fits, 20_136), None);
        assert_eq!(fits, config(20_000, 2));
        assert_eq!(fit_descriptors(&mut fits, u64::MAX), None);
    }

    #[test]
    fn one_descriptor_too_few_costs_one_connection_and_is_said() {
        let mut cut = config(20_000, 2);
        let warning = fit_descriptors(&mut cut, 20_135).expect("a warning");
        assert_eq!(cut.server.connections_max, 19_999);
        for part in ["20000", "19999", "20135", "136 are kept", "raise it to 20136"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }

    #[test]
    fn an_application_that_is_asked_is_given_its_share() {
        let mut asking = config(20_000, 2);
        asking.rest.base_url = Some("http://127.0.0.1:3000".parse().expect("an address"));
        asking.rest.in_flight_total = 100;
        assert_eq!(fit_descriptors(&mut asking, 20_336), None);
        asking.callback.url = asking.rest.base_url.clone();
        asking.callback.in_flight_max = 10;
        assert!(fit_descriptors(&mut asking, 20_336).is_some_and(|text| text.contains("20356")));
        assert_eq!(asking.server.connections_max, 19_980);
    }

    #[test]
    fn a_tiny_limit_still_leaves_half_of_it_and_never_nothing() {
        let mut cut = config(20_000, 255);
        assert!(fit_descriptors(&mut cut, 256).is_some());
        assert_eq!(cut.server.connections_max, 128);
        let mut cut = config(20_000, 1);
        assert!(fit_descriptors(&mut cut, 0).is_some());
        assert_eq!(cut.server.connections_max, 1);
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let descriptors = rlimit::Resource::NOFILE;
        let hard = descriptors.get_hard().expect("a limit");
        descriptors.set(hard.min(512), hard).expect("a soft limit below the hard one");
        let limit = raise_descriptor_limit().expect("a limit");
        assert_eq!((limit, descriptors.get_soft().expect("a limit")), (hard, hard));
    }
}
