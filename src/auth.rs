//! Who may connect: checks the JSON Web Token (RFC 7519) of a handshake, and tells whose it is.
//! Leaves to `config`: which keys are safe; to `server.rs`: when to ask, and the answer.

mod claims;
mod credentials;
mod denied;
mod identity;
mod signature;

use actix_web::http::header::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use self::claims::Claims;
pub use self::{denied::Denied, identity::Identity};
use crate::config::{self, KeyKind};

/// The longest token that is looked at, in bytes; the gateway's buffer for one header is as long.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Checks tokens. One per node.
#[derive(Debug)]
pub struct Auth {
    checks: Vec<Check>,
    /// `auth.query_token`
    query_token: bool,
    /// Whether there is an `auth.audience`.
    has_audience: bool,
}

/// One key, the one algorithm it is used for, and what a token signed with it must hold. A key is
/// never tried with an algorithm that a token asks for: that is how a public key, which everybody
/// knows, becomes a secret that anybody can sign with (RFC 8725 section 2.1).
#[derive(Debug)]
struct Check {
    /// As a token's header writes it.
    name: &'static str,
    /// Where the key comes from.
    source: &'static str,
    key: DecodingKey,
    validation: Validation,
}

impl Auth {
    /// What `config` asks for; `None` if that is nothing.
    ///
    /// The first of a process sets how the library `jsonwebtoken` checks signatures in it: with
    /// ring, and only as is needed here. A program that uses that library for something else
    /// installs a provider of its own before.
    #[must_use]
    pub fn new(config: &config::Auth) -> Option<Self> {
        let mut checks = Vec::new();
        if let Some(secret) = &config.jwt_secret {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            let (source, validation) = ("auth.jwt_secret", validation(config, Algorithm::HS256));
            checks.push(Check { name: "HS256", source, key, validation });
        }
        if let Some(public) = &config.jwt_public_key {
            let (name, algorithm, key) = match public.kind() {
                KeyKind::Rsa => {
                    ("RS256", Algorithm::RS256, DecodingKey::from_rsa_der(public.bytes()))
                }
                KeyKind::P256 => {
                    ("ES256", Algorithm::ES256, DecodingKey::from_ec_der(public.bytes()))
                }
            };
            let (source, validation) = ("auth.jwt_public_key", validation(config, algorithm));
            checks.push(Check { name, source, key, validation });
        }
        let (query_token, has_audience) = (config.query_token, config.audience.is_some());
        if checks.is_empty() {
            return None;
        }
        signature::install();
        Some(Self { checks, query_token, has_audience })
    }

    /// Whose handshake this is. `offered` are the tokens among the offered subprotocols, without
    /// the `bearer.` in front of them.
    ///
    /// # Errors
    /// No token, several that differ, or one that is not good, and why.
    pub fn authenticate(
        &self,
        headers: &HeaderMap,
        query: &str,
        offered: &[String],
    ) -> Result<Identity, Denied> {
        let token = credentials::find(headers, query, offered, self.query_token)?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Denied::invalid(format!("a token has at most {TOKEN_BYTES_MAX} bytes")));
        }
        let check = self.check_for(&token)?;
        let claims = decode::<Claims>(&*token, &check.key, &check.validation)
            .map_err(|error| Denied::by_library(error.kind(), check.source))?
            .claims;
        claims.identity(self.has_audience)
    }

    /// What is left of a query when the token that [`authenticate`](Self::authenticate) read there
    /// is taken out.
    #[must_use]
    pub fn without_token(&self, query: &str) -> String {
        match self.query_token {
            true => credentials::without_token(query),
            false => query.to_owned(),
        }
    }

    /// The check for the algorithm that `token` says it is signed with.
    fn check_for(&self, token: &str) -> Result<&Check, Denied> {
        let header = header(token).ok_or_else(Denied::malformed)?;
        if header.critical {
            let words = "the token's header has a crit, and none is understood here";
            return Err(Denied::invalid(words));
        }
        let check = self.checks.iter().find(|check| check.name == header.alg);
        check.ok_or_else(|| {
            let known =
                self.checks.iter().map(|check| format!("{} ({})", check.name, check.source));
            let known = known.collect::<Vec<_>>().join(" or ");
            Denied::invalid(format!("the token must be signed with {known}"))
        })
    }
}

/// What a token must hold, whatever it is signed with.
fn validation(config: &config::Auth, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp"];
    validation.leeway = config.leeway.as_secs();
    validation.validate_nbf = true;
    // Without an audience of ours `Claims` refuses any, with words of its own.
    validation.validate_aud = config.audience.is_some();
    if let Some(audience) = &config.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    if let Some(issuer) = &config.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// What must be known of a token's header before anything else is done with it.
#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Whether there is a `crit` (RFC 7515 section 4.1.11), of whatever form.
    #[serde(default, rename = "crit", deserialize_with = "is_there")]
    critical: bool,
}

fn header(token: &str) -> Option<Header> {
    let (header, _) = token.split_once('.')?;
    let json = URL_SAFE_NO_PAD.decode(header).ok()?;
    serde_json::from_slice(&json).ok()
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests;
