//! A link as a library: sends a message a second, and tells each change of its state.
//! Leaves to `holdline link`: offering it to other programs.
//!
//! `cargo run --example link -- ws://localhost:8080/ws/echo`; without a server, one of its own.
//! Stop and start the server meanwhile: the link comes back by itself.

use std::{env, error::Error, time::Duration};

use holdline::link::{Link, State};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::args().nth(1).unwrap_or_else(|| include!("support/echo_server.rs"));
    let link = Link::to(&server)?;

    let mut watch = link.watch();
    tokio::spawn(async move {
        while let Some(status) = watch.changed().await {
            match (status.state, status.last_loss) {
                (State::Open, _) | (_, None) => println!("{}", status.state),
                (state, Some((loss, _when))) => println!("{state}: {loss}"),
            }
        }
    });

    for number in 1..=5 {
        match link.request(format!("number {number}")).await {
            Ok(reply) => println!("  {}", String::from_utf8_lossy(reply.as_bytes())),
            Err(failure) if failure.maybe_sent() => println!("  may have arrived: {failure}"),
            Err(failure) => println!("  safe to send again: {failure}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    link.shutdown().await;
    Ok(())
}
