//! How `holdline link` dials: each argument also a variable, and credentials apart from the rest,
//! because not every server gets them. Leaves to `cli/dialing.rs`: what it shares with others.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use holdline::{
    bridge::Allowed,
    config::parse_duration,
    dial::{Dial, Invalid, ServerUrl, Tls},
};

use crate::cli::dialing::{identified, read, trusting};

/// How to dial.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Dialling")]
pub(super) struct Dialing {
    /// A header field for the handshake, "Name: value"; repeatable. Seen by others in the list
    /// of processes: for secrets use --header-file
    #[arg(short = 'H', long = "header", value_name = "FIELD", env = "HOLDLINE_LINK_HEADER")]
    #[arg(hide_env_values = true, value_delimiter = '\n', allow_hyphen_values = true)]
    headers: Vec<String>,
    /// Header fields from a file, one per line; lines that begin with # are skipped
    #[arg(long, value_name = "FILE", env = "HOLDLINE_LINK_HEADER_FILE")]
    header_file: Option<PathBuf>,
    /// A token, sent as "Authorization: Bearer TOKEN". In the list of processes others can see
    /// it: use --token-file, or the variable
    #[arg(long, value_name = "TOKEN", env = "HOLDLINE_LINK_TOKEN", hide_env_values = true)]
    #[arg(conflicts_with = "token_file")]
    token: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE", env = "HOLDLINE_LINK_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// A subprotocol to offer; repeatable, the preferred one first
    #[arg(short = 's', long = "subprotocol", value_name = "NAME", value_delimiter = ' ')]
    #[arg(env = "HOLDLINE_LINK_SUBPROTOCOL")]
    subprotocols: Vec<String>,
    /// Trust the certificates in this PEM file beside the system's; repeatable
    #[arg(long, value_name = "FILE", env = "HOLDLINE_LINK_CA", value_delimiter = ' ')]
    ca: Vec<PathBuf>,
    /// Our certificate chain (PEM), for servers that ask for one
    #[arg(long, value_name = "FILE", env = "HOLDLINE_LINK_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of --cert (PEM)
    #[arg(long, value_name = "FILE", env = "HOLDLINE_LINK_KEY", requires = "cert")]
    key: Option<PathBuf>,
    /// Trust any certificate: only for a look at a server whose certificate is known to be bad
    #[arg(short = 'n', long, env = "HOLDLINE_LINK_NO_CHECK")]
    no_check: bool,
    /// The time for everything from the look-up of the host to the end of the handshake
    #[arg(long, value_name = "DURATION", env = "HOLDLINE_LINK_CONNECT_TIMEOUT")]
    #[arg(default_value = "10s", value_parser = parse_duration)]
    connect_timeout: Duration,
}

/// What of it was read from files.
pub(super) struct Dialler {
    fields: Vec<(String, String)>,
    subprotocols: Vec<String>,
    trusting: Tls,
    /// The same with our certificate.
    identified: Tls,
    timeout: Duration,
}

impl Dialing {
    /// Reads and checks it all.
    ///
    /// # Errors
    /// What is wrong, with the argument's name and without a secret.
    pub(super) fn dialler(self) -> Result<Dialler, String> {
        let mut fields = Vec::new();
        let file = self.header_file.as_deref().map(|file| text("--header-file", file));
        let file = file.transpose()?.unwrap_or_default();
        let lines = file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let lines = lines.map(|line| ("--header-file", line));
        for (flag, line) in self.headers.iter().map(|it| ("--header", it.as_str())).chain(lines) {
            let field = line.split_once(':').ok_or_else(|| {
                // Not the text: all of it may be a secret.
                format!("{flag}: a field has no colon: it must be \"Name: value\"")
            })?;
            fields.push((field.0.trim().to_owned(), field.1.trim().to_owned()));
        }
        let token = match (self.token, &self.token_file) {
            (None, Some(file)) => Some(text("--token-file", file)?),
            (token, _) => token,
        };
        if let Some(token) = token {
            let token = token.trim();
            if token.is_empty() || token.contains(char::is_whitespace) {
                return Err("--token, --token-file: a token is one word".to_owned());
            }
            if fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
                return Err("--token: there is a --header Authorization already".to_owned());
            }
            fields.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        let trusting = trusting(&self.ca, self.no_check)?;
        let (cert, key) = (self.cert.as_deref(), self.key.as_deref());
        let identified = identified(trusting.clone(), cert, key)?;
        if self.connect_timeout.is_zero() {
            return Err("--connect-timeout 0s: must be more than 0s".to_owned());
        }
        let (subprotocols, timeout) = (self.subprotocols, self.connect_timeout);
        Ok(Dialler { fields, subprotocols, trusting, identified, timeout })
    }
}

impl Dialler {
    /// The way to a server that is told who we are.
    pub(super) fn server(&self, url: ServerUrl) -> Result<Dial, String> {
        let mut dial = self.plain(url, &self.identified)?;
        for (name, value) in &self.fields {
            dial = dial.header(name, value).map_err(|why| named("--header", &why))?;
        }
        Ok(dial)
    }

    /// What requests may name within this URL, and whether these servers are told who we are.
    pub(super) fn allowed(&self, url: ServerUrl, credentials: bool) -> Result<Allowed, String> {
        let (tls, fields) = match credentials {
            true => (&self.identified, self.fields.clone()),
            false => (&self.trusting, Vec::new()),
        };
        let allowed = Allowed::within(self.plain(url, tls)?, fields);
        allowed.map_err(|why| named("--header", &why))
    }

    /// Without header fields.
    fn plain(&self, url: ServerUrl, tls: &Tls) -> Result<Dial, String> {
        let mut dial = Dial::new(url).timeout(self.timeout).tls(tls.clone());
        for name in &self.subprotocols {
            dial = dial.subprotocol(name).map_err(|why| named("--subprotocol", &why))?;
        }
        Ok(dial)
    }
}

fn named(flag: &str, why: &Invalid) -> String {
    format!("{flag}: {why}")
}

fn text(flag: &str, file: &Path) -> Result<String, String> {
    String::from_utf8(read(flag, file)?)
        .map_err(|_| format!("{flag} {}: must be UTF-8", file.display()))
}
