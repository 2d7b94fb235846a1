//! The options of every command that dials, in the spellings of wscat and curl.
//! Leaves to `dial.rs`: what they mean on the wire.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use holdline::dial::{Dial, ServerUrl, Tls};

use super::span;

/// How to open a WebSocket.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Dialling")]
pub(super) struct Dialing {
    /// A header field for the handshake; repeatable
    #[arg(short = 'H', long, value_name = "NAME:VALUE")]
    header: Vec<String>,
    /// A subprotocol to offer, the most wanted one first; repeatable
    #[arg(short, long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// The Origin field, as a page of that origin would send it
    #[arg(short, long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// The Host field, where it is not what the URL says
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Basic authentication. Who can list this machine's processes can read it
    #[arg(long, value_name = "USER:PASSWORD")]
    auth: Option<String>,
    /// Do not check the server's certificate
    #[arg(short, long)]
    no_check: bool,
    /// Trust the certificates in this PEM file beside the system's; repeatable
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Our certificate with its chain, PEM, for a server that asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of our certificate, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// How long everything from looking up the host to the server's 101 may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = span::duration)]
    connect_timeout: Duration,
}

impl Dialing {
    /// The dial to `url` that these options describe.
    ///
    /// # Errors
    /// What is wrong, naming the option.
    pub(super) fn dial(&self, url: &str) -> Result<Dial, String> {
        let url: ServerUrl = url.parse().map_err(|wrong| format!("URL: {wrong}"))?;
        let mut dial = Dial::new(url).timeout(self.connect_timeout).tls(self.tls()?);
        for field in &self.header {
            let Some((name, value)) = field.split_once(':') else {
                return Err("--header: must be NAME:VALUE".to_owned());
            };
            dial = dial.header(name, value).map_err(|wrong| format!("--header: {wrong}"))?;
        }
        for (option, name, value) in [
            ("--auth", "Authorization", self.authorization()?),
            ("--origin", "Origin", self.origin.clone()),
            ("--host", "Host", self.host.clone()),
        ] {
            if let Some(value) = value {
                dial = dial.header(name, &value).map_err(|wrong| format!("{option}: {wrong}"))?;
            }
        }
        for name in &self.subprotocol {
            dial = dial.subprotocol(name).map_err(|wrong| format!("--subprotocol: {wrong}"))?;
        }
        Ok(dial)
    }

    /// RFC 7617.
    fn authorization(&self) -> Result<Option<String>, String> {
        match &self.auth {
            None => Ok(None),
            Some(pair) if pair.contains(':') => {
                Ok(Some(format!("Basic {}", STANDARD.encode(pair))))
            }
            Some(_) => Err("--auth: must be USER:PASSWORD".to_owned()),
        }
    }

    fn tls(&self) -> Result<Tls, String> {
        identified(trusting(&self.ca, self.no_check)?, self.cert.as_deref(), self.key.as_deref())
    }
}

/// Whom `--ca` and `--no-check` trust.
pub(super) fn trusting(ca: &[PathBuf], anybody: bool) -> Result<Tls, String> {
    let mut tls = Tls::default();
    for file in ca {
        let pem = read("--ca", file)?;
        tls = tls.trust(&pem).map_err(|wrong| format!("--ca {}: {wrong}", file.display()))?;
    }
    Ok(if anybody { tls.trust_anybody() } else { tls })
}

/// Who we are by `--cert` and `--key`, which come together.
pub(super) fn identified(tls: Tls, cert: Option<&Path>, key: Option<&Path>) -> Result<Tls, String> {
    let (Some(cert), Some(key)) = (cert, key) else { return Ok(tls) };
    let identified = tls.identity(&read("--cert", cert)?, &read("--key", key)?);
    identified.map_err(|wrong| format!("--cert, --key: {wrong}"))
}

/// The bytes of a file that an option names.
pub(super) fn read(option: &str, file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{option} {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        dialing: Dialing,
    }

    fn dial(options: &[&str]) -> Result<Dial, String> {
        let line = Line::try_parse_from(["x"].iter().chain(options));
        line.map_err(|wrong| wrong.to_string())?.dialing.dial("ws://127.0.0.1:9/")
    }

    #[test]
    fn wscat_s_options_are_taken() {
        let options =
            ["-H", "x-a:1", "-H", "x-b: 2", "-s", "chat", "-o", "https://a.example", "-n"];
        let dial = dial(&options).unwrap();
        let shown = format!("{dial:?}");
        assert!(shown.contains("x-a") && shown.contains("Origin") && shown.contains("chat"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_option_s_name() {
        for (options, name) in [
            (&["-H", "no colon"][..], "--header"),
            (&["-H", "a b:c"], "--header"),
            (&["-H", "Upgrade: h2c"], "--header"),
            (&["-s", "a,b"], "--subprotocol"),
            (&["-o", "a\nb"], "--origin"),
            (&["--auth", "nobody"], "--auth"),
            (&["--ca", "/nonexistent"], "--ca /nonexistent"),
            (&["--cert", "/nonexistent", "--key", "/nonexistent"], "--cert /nonexistent"),
            (&["--cert", "/nonexistent"], "--key"),
            (&["--connect-timeout", "5"], "--connect-timeout"),
        ] {
            let wrong = dial(options).expect_err("a fault");
            assert!(wrong.contains(name), "{options:?}: {wrong}");
        }
    }

    #[test]
    fn secrets_are_not_repeated_in_complaints() {
        let wrong = dial(&["-H", "x-key: secret\u{7}"]).expect_err("a fault");
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
