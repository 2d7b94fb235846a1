//! The arguments that bound a bridge: times, counts and sizes.
//! Leaves to `holdline::bridge`: keeping to them.

use std::time::Duration;

use holdline::{
    bridge::Options,
    config::{parse_bytes, parse_duration},
    link::Patience,
};

/// Every limit.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// The time from a request to its reply; ?timeout= of a request overrides it
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_TIMEOUT")]
    #[arg(default_value = "10s", value_parser = time)]
    timeout: Duration,
    /// The most that ?timeout= may ask for
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_TIMEOUT_MAX")]
    #[arg(default_value = "60s", value_parser = time)]
    timeout_max: Duration,
    /// How often a server is pinged, or "off"; at most half of the shortest idle timeout on the
    /// way to it
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_PING_INTERVAL")]
    #[arg(default_value = "20s", value_parser = or_off)]
    ping_interval: Interval,
    /// How long a server may leave a ping unanswered
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_PONG_TIMEOUT")]
    #[arg(default_value = "10s", value_parser = time)]
    pong_timeout: Duration,
    /// The longest wait between two tries to connect
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_RETRY_MAX")]
    #[arg(default_value = "30s", value_parser = time)]
    retry_max: Duration,
    /// The most requests that wait to be sent, per link
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_QUEUE_MAX")]
    #[arg(default_value = "1024", value_parser = count)]
    queue_max: usize,
    /// The most bytes that wait to be sent, per link
    #[arg(long, value_name = "BYTES", env = "HOLDLINE_LINK_QUEUE_BYTES_MAX")]
    #[arg(default_value = "16MiB", value_parser = size)]
    queue_bytes_max: usize,
    /// The most requests that are sent and not answered, per link; 1 is strict question and
    /// answer
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_IN_FLIGHT_MAX")]
    #[arg(default_value = "64", value_parser = count)]
    in_flight_max: usize,
    /// The largest message, in either direction
    #[arg(long, value_name = "BYTES", env = "HOLDLINE_LINK_MESSAGE_BYTES_MAX")]
    #[arg(default_value = "16MiB", value_parser = size)]
    message_bytes_max: usize,
    /// The most messages on their way at once, over all links
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_REQUESTS_MAX")]
    #[arg(default_value = "1024", value_parser = count)]
    requests_max: usize,
    /// The most bytes of their bodies together; at least --message-bytes-max
    #[arg(long, value_name = "BYTES", env = "HOLDLINE_LINK_REQUESTS_BYTES_MAX")]
    #[arg(default_value = "64MiB", value_parser = size)]
    requests_bytes_max: usize,
    /// The most links
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_LINKS_MAX")]
    #[arg(default_value = "64", value_parser = count)]
    links_max: usize,
    /// The most messages that nobody asked for kept for GET /messages
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_MESSAGES_MAX")]
    #[arg(default_value = "1024", value_parser = count)]
    messages_max: usize,
    /// The most bytes of them
    #[arg(long, value_name = "BYTES", env = "HOLDLINE_LINK_MESSAGES_BYTES_MAX")]
    #[arg(default_value = "4MiB", value_parser = size)]
    messages_bytes_max: usize,
    /// The most readers of GET /messages at once
    #[arg(long, value_name = "N", env = "HOLDLINE_LINK_READERS_MAX")]
    #[arg(default_value = "64", value_parser = count)]
    readers_max: usize,
    /// How long a shutdown waits for requests that are being served
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_DRAIN_TIMEOUT")]
    #[arg(default_value = "10s", value_parser = parse_duration)]
    drain_timeout: Duration,
}

/// A type of its own: `Option` would mean to clap that the argument may be left out.
#[derive(Clone, Copy, Debug)]
struct Interval(Option<Duration>);

impl Limits {
    /// Into the options.
    ///
    /// # Errors
    /// Which two do not go together.
    pub(super) fn apply(self, options: &mut Options) -> Result<(), String> {
        if self.timeout > self.timeout_max {
            return Err(format!(
                "--timeout {:?}: must be at most --timeout-max, which is {:?}",
                self.timeout, self.timeout_max
            ));
        }
        if self.requests_bytes_max < self.message_bytes_max {
            return Err(format!(
                "--requests-bytes-max {}: must be at least --message-bytes-max, which is {}",
                self.requests_bytes_max, self.message_bytes_max
            ));
        }
        options.timeout = self.timeout;
        options.timeout_max = self.timeout_max;
        options.ping_interval = self.ping_interval.0;
        options.pong_timeout = self.pong_timeout;
        let first = Patience::default().backoff_first.min(self.retry_max);
        options.patience.backoff_first = first;
        options.patience.backoff_max = self.retry_max;
        options.queue_max = self.queue_max;
        options.queue_bytes_max = self.queue_bytes_max;
        options.in_flight_max = self.in_flight_max;
        options.message_bytes_max = self.message_bytes_max;
        options.requests_max = self.requests_max;
        options.requests_bytes_max = self.requests_bytes_max;
        options.links_max = self.links_max;
        options.messages_max = self.messages_max;
        options.messages_bytes_max = self.messages_bytes_max;
        options.readers_max = self.readers_max;
        options.drain_timeout = self.drain_timeout;
        Ok(())
    }
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|time| match time.is_zero() {
        true => Err("must be more than 0s".to_owned()),
        false => Ok(time),
    })
}

fn or_off(text: &str) -> Result<Interval, String> {
    if text == "off" {
        return Ok(Interval(None));
    }
    time(text).map(|time| Interval(Some(time))).map_err(|rule| format!("{rule}; or \"off\""))
}

fn count(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|count| digits && *count > 0);
    count.ok_or_else(|| "must be a whole number, digits only, at least 1".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    parse_bytes(text).and_then(|size| match size {
        0 => Err("must be at least 1".to_owned()),
        size => Ok(size),
    })
}
