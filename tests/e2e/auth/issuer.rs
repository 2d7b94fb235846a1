//! Who issues the tokens that the promises present: keys, claims, signatures.
//! Which of them let somebody in is for the promises to say.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ring::{hmac, signature};
use serde_json::{Value, json};

/// The shared secret of the stages here.
pub const SECRET: &str = "a secret for nothing but the proof";

/// Seconds since 1970, this many from now.
pub fn seconds(from_now: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    now.as_secs() as i64 + from_now
}

/// Claims of anna's that are good for a minute, with these beside or instead.
pub fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": "anna", "exp": seconds(60)});
    let more = more.as_object().expect("claims are an object").clone();
    claims.as_object_mut().expect("claims are an object").extend(more);
    claims
}

/// A token signed with [`SECRET`].
pub fn token(more: Value) -> String {
    hs256(&json!({"alg": "HS256", "typ": "JWT"}), &claims(more), SECRET.as_bytes())
}

/// A token with this header, signed with this secret.
pub fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let text = unsigned(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

/// Header and claims.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Somebody with a private key.
pub enum Issuer {
    /// Who signs ES256.
    P256(EcdsaKeyPair),
    /// Who signs RS256: openssl's key, because ring makes none.
    Rsa(signature::RsaKeyPair, String),
}

impl Issuer {
    /// One with a key of P-256.
    pub fn p256() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random bytes");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        Self::P256(pair.expect("what was just made"))
    }

    /// One with an RSA key of 2048 bits, made in `folder`.
    ///
    /// # Panics
    /// Without openssl.
    pub fn rsa(folder: &Path) -> Self {
        let [private, document, public] = ["private.pem", "private.der", "public.pem"];
        let bits = "rsa_keygen_bits:2048";
        openssl(folder, &["genpkey", "-algorithm", "RSA", "-pkeyopt", bits, "-out", private]);
        openssl(folder, &["pkey", "-in", private, "-pubout", "-out", public]);
        let form = ["-topk8", "-nocrypt", "-outform", "DER"];
        openssl(folder, &[&["pkcs8", "-in", private, "-out", document], &form[..]].concat());
        let read = |name| std::fs::read(folder.join(name)).expect("openssl has written it");
        let pair = signature::RsaKeyPair::from_pkcs8(&read(document)).expect("an RSA key");
        Self::Rsa(pair, String::from_utf8(read(public)).expect("PEM is text"))
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        match self {
            Self::Rsa(_, pem) => pem.clone(),
            Self::P256(pair) => {
                // What RFC 5480 puts in front of a point of P-256.
                let mut der =
                    STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").expect("base64");
                der.extend_from_slice(pair.public_key().as_ref());
                let text = STANDARD.encode(der);
                format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
            }
        }
    }

    /// A token of this issuer's.
    pub fn token(&self, more: Value) -> String {
        let random = SystemRandom::new();
        let alg = match self {
            Self::P256(_) => "ES256",
            Self::Rsa(..) => "RS256",
        };
        let text = unsigned(&json!({"alg": alg, "typ": "JWT"}), &claims(more));
        let signature = match self {
            Self::P256(pair) => {
                pair.sign(&random, text.as_bytes()).expect("it signs").as_ref().to_vec()
            }
            Self::Rsa(pair, _) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding = &signature::RSA_PKCS1_SHA256;
                pair.sign(padding, &random, text.as_bytes(), &mut signature).expect("it signs");
                signature
            }
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("the proof needs openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
