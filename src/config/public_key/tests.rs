//! What is a key that tokens may be checked with, and what a wrong one is told.
//! The keys were made by openssl, whose private halves nobody kept.

use super::{KeyKind, PublicKey};

const RSA_2048: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAru9RBJRijavR7j+jZYM0\n\
pDjburmvVjbOAtRV1SOA2C0CQ6jxgsspnngM1mU0r3irAo8QhkdIY/u24x26B7hN\n\
2qeobeUAWWmO0JZFVsuHr7A1x+MNHBrzmyZv7Qb+MfL+5J1O3Wzcd624kDoarU2X\n\
Zhm4QjWBj8iUE5E11GMCzKPsxStuxEHN4X8JtaQu0FWQRtEY9SzOo9MaCRDPPdfF\n\
tT4qMuxsxljLUT+f/CdBXHjX9+0H353yDIOxyMQgi+BVt8qykE6BAEfpGbAX6PQA\n\
Md9rTolb7OKxap/fCKgl4a5fiefrVPMo1xWwhPHsVrxhjPCfvA9JBmfc5EOtKkNa\n\
AwIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

const RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLYoXWoAOzmD/xOW+emgPXjMv8\n\
d8VqLEeHetv7GOhSUGvykl/4lIE7ONwMNZOP0dhGXO7mEYXQcekt8PkUs3wMNbK6\n\
kkA3THSvSTGvBIWo7PV1hcRzb8uF+xiwskhzCw2uhYdIlnTYyA3NFFrKQRXVVTXe\n\
MlslW9Np4vz1T+hyOQIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

const P256: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyxJ3p/8/5su3/CZcQp0T/aZ2m4ix\n\
kxiFmX6BrjtiOhZoRyLQYv2MDTwALiRhfq2J9U2VHEoBlzuzFJKtlWCK+A==\n\
-----END PUBLIC KEY-----\n\
";

const P384: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEzQ3SG8CbZHK8miiLAajX7HYP37SSbfc4\n\
p7DPmeIg/ehIOj59nPXHR0jJuFki6iMJFHZI+vtHt7VLZgR2N2DBxYEVTtKHlflL\n\
adnIWGfGDIR7XH+7OywBHwqJ+EVq1GQL\n\
-----END PUBLIC KEY-----\n\
";

const SECP256K1: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEPmLVwmBDr6e7QbD0V5M/BMPoB2d0uYKB\n\
R5vGN6oUGDTgSleVlg2ccNRj7/pn/0EQxuzRZ8avClt2J/SKswWH/A==\n\
-----END PUBLIC KEY-----\n\
";

const ED25519: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MCowBQYDK2VwAyEAmP3EgETDDKS0okpo2toWdsMT1qDaZb4zsOzt520o+Xc=\n\
-----END PUBLIC KEY-----\n\
";

fn refused(pem: &str) -> String {
    PublicKey::from_pem(pem).expect_err("it should be refused")
}

#[test]
fn a_key_is_known_for_what_it_is() {
    let rsa = PublicKey::from_pem(RSA_2048).expect("a good key");
    assert_eq!((rsa.kind(), rsa.bytes().len()), (KeyKind::Rsa, 270));
    let p256 = PublicKey::from_pem(P256).expect("a good key");
    assert_eq!((p256.kind(), p256.bytes().len()), (KeyKind::P256, 65));
    assert_eq!(p256.to_string(), P256);
    let windows = P256.replace('\n', "\r\n");
    assert_eq!(PublicKey::from_pem(&windows).expect("the same key").bytes(), p256.bytes());
}

#[test]
fn a_key_of_another_kind_is_told_what_it_is() {
    for (pem, words) in [
        (RSA_1024, "this one has 1024"),
        (P384, "P-384"),
        (SECP256K1, "secp256k1"),
        (ED25519, "Ed25519"),
        (&*RSA_2048.replace("PUBLIC", "RSA PRIVATE"), "a private key"),
        (&*P256.replace("PUBLIC", "PRIVATE"), "a private key"),
        (&*P256.replace("PUBLIC KEY", "CERTIFICATE"), "a certificate"),
        (&*P256.repeat(2), "something behind it"),
        ("secret", "-----BEGIN PUBLIC KEY-----"),
        ("", "-----BEGIN PUBLIC KEY-----"),
    ] {
        let rule = refused(pem);
        assert!(rule.contains(words) && rule.starts_with("must"), "{pem}: {rule}");
    }
}

/// No byte of a good key may be lost or changed without anybody noticing or, where a number is as
/// good as another, without the size still being judged.
#[test]
fn a_damaged_key_is_refused_and_never_a_panic() {
    for cut in 0..P256.len() - 2 {
        assert!(PublicKey::from_pem(&P256[..cut]).is_err(), "cut at {cut}");
    }
    let point = P256.find("Q").expect("some letter of the point");
    refused(&format!("{}R{}", &P256[..point], &P256[point + 1..]));
    use base64::{Engine, engine::general_purpose::STANDARD};
    for pem in [P256, RSA_2048] {
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(der).expect("it is base64");
        for index in 0..der.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut der = der.clone();
                der[index] ^= change;
                if let Ok((KeyKind::P256, point)) = super::key(&der) {
                    panic!("{point:?} is another point, after byte {index} was changed");
                }
            }
        }
        assert!(super::key(&[&*der, &[0]].concat()).is_err(), "with a byte more");
        for length in 0..der.len() {
            assert!(super::key(&der[..length]).is_err(), "cut to {length}");
        }
    }
}
