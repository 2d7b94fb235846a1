//! The public key that tokens are checked with: read from PEM, of a kind and size that is safe.
//! Leaves to `auth.rs`: checking signatures with it.

use std::fmt;

use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
};
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, alg_id,
    pem::{self, SectionKind},
};

/// RSA keys outside of this are too weak (RFC 7518 section 3.3), or so long that checking one
/// signature would be work for a flood to ask for.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const PEM_RULE: &str = "must be the text from -----BEGIN PUBLIC KEY----- to -----END PUBLIC \
                        KEY-----, as `openssl pkey -in KEY -pubout` writes it";

/// A public key for RS256 or ES256.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    pem: String,
    kind: KeyKind,
    bytes: Vec<u8>,
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RS256.
    Rsa,
    /// ES256.
    P256,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in PEM (RFC 7468).
    ///
    /// # Errors
    /// The rule that the text breaks; nothing of the text itself, which may be a private key by
    /// mistake.
    ///
    /// ```
    /// use holdline::config::PublicKey;
    ///
    /// let key = "-----BEGIN PUBLIC KEY-----
    /// MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
    /// axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
    /// K84zV2sxXs7LtkBoN79R9Q==
    /// -----END PUBLIC KEY-----";
    /// assert!(PublicKey::from_pem(key).is_ok());
    /// assert!(PublicKey::from_pem("sesame").is_err());
    /// ```
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let (kind, bytes) = key(&only_section(pem)?)?;
        Ok(Self { pem: pem.to_owned(), kind, bytes })
    }

    /// What the key is good for.
    #[must_use]
    pub(crate) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key itself: an RSAPublicKey (RFC 8017, A.1.1), or an uncompressed point of P-256.
    #[must_use]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The PEM it was read from.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pem)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.kind)
    }
}

/// The DER of the one section.
fn only_section(pem: &str) -> Result<Vec<u8>, String> {
    let mut rest = pem.as_bytes();
    let mut next = || pem::from_buf(&mut rest).map_err(|_| format!("{PEM_RULE}; it is damaged"));
    let (kind, der) = next()?.ok_or(PEM_RULE)?;
    match kind {
        SectionKind::PublicKey => {}
        SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey => {
            return Err(format!(
                "{PEM_RULE}; this is a private key, which only the issuer may have"
            ));
        }
        SectionKind::Certificate => return Err(format!("{PEM_RULE}; this is a certificate")),
        _ => return Err(PEM_RULE.to_owned()),
    }
    match next()? {
        None => Ok(der),
        Some(_) => Err(format!("{PEM_RULE}; there is something behind it")),
    }
}

/// What a SubjectPublicKeyInfo is about.
fn key(der: &[u8]) -> Result<(KeyKind, Vec<u8>), String> {
    let damaged = || "must be a whole public key; what is between its two lines is damaged";
    let (algorithm, key) = key_info(der).ok_or_else(damaged)?;
    let is = |known: AlgorithmIdentifier| algorithm == known.as_ref();
    if is(alg_id::RSA_ENCRYPTION) {
        let bits = modulus_bits(key).ok_or_else(damaged)?;
        if !RSA_BITS.contains(&bits) {
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!(
                "must have {least} to {most} bits to be an RSA key that is safe (RFC 7518 section \
                 3.3), this one has {bits}"
            ));
        }
        return Ok((KeyKind::Rsa, key.to_vec()));
    }
    if is(alg_id::ECDSA_P256) {
        if !is_point(key) {
            return Err("must be a point of the curve P-256, uncompressed".to_owned());
        }
        return Ok((KeyKind::P256, key.to_vec()));
    }
    let what = match () {
        () if is(alg_id::ECDSA_P384) => "a P-384 key",
        () if is(alg_id::ECDSA_P521) => "a P-521 key",
        () if is(alg_id::ECDSA_P256K1) => "a secp256k1 key",
        () if is(alg_id::ED25519) => "an Ed25519 key",
        () => "neither",
    };
    Err(format!("must be an RSA key, for RS256, or a P-256 key, for ES256; this is {what}"))
}

/// The algorithm and the key: `SEQUENCE { SEQUENCE { algorithm }, BIT STRING { key } }`.
fn key_info(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (algorithm, rest) = element(SEQUENCE, only(SEQUENCE, der)?)?;
    // The first byte counts the bits at the end that do not belong to the key: none.
    let key = only(BIT_STRING, rest)?.strip_prefix(&[0])?;
    Some((algorithm, key))
}

/// The length of the modulus of `SEQUENCE { INTEGER modulus, INTEGER exponent }`, where the
/// exponent is one that signatures can be checked with.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let (modulus, rest) = element(INTEGER, only(SEQUENCE, key)?)?;
    let exponent = only(INTEGER, rest)?;
    let odd = matches!(exponent, [.., last] if last % 2 == 1 && exponent != [1]);
    let digits = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let bits = digits.len() * 8 - digits.first()?.leading_zeros() as usize;
    (odd && exponent.len() <= 4).then_some(bits)
}

/// Whether ring takes `key` for a point of P-256: nothing else of it can tell without a signature.
fn is_point(key: &[u8]) -> bool {
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    let theirs = UnparsedPublicKey::new(&ECDH_P256, key);
    ours.is_ok_and(|ours| agree_ephemeral(ours, &theirs, |_| ()).is_ok())
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// The content of the one element of DER (X.690) that `der` consists of.
fn only(tag: u8, der: &[u8]) -> Option<&[u8]> {
    element(tag, der).and_then(|(content, rest)| rest.is_empty().then_some(content))
}

/// The content of the element of DER that `der` begins with, and what comes after it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0x00..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests;
