//! The examples of RFC 7515, signed by somebody else and long expired: a good signature is told
//! that it has expired, a bad one that it does not fit.
//! Tokens of our own making are left to the file above.

use super::{Auth, refused};
use crate::config::{self, PublicKey};

/// The claims of all three examples: `{"iss":"joe","exp":1300819380,…}`.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Appendix A.2: header, signature, and the public key in PEM.
const RS256: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);

/// Appendix A.3.
const ES256: (&str, &str) = (
    "eyJhbGciOiJFUzI1NiJ9",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);

const RSA: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n\
NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n\
P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n\
9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n\
EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n\
FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n\
oQIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

const P256: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n\
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n\
-----END PUBLIC KEY-----\n\
";

#[test]
fn a_signature_that_somebody_else_made_is_checked_as_they_meant_it() {
    for ((header, signature), pem) in [(RS256, RSA), (ES256, P256)] {
        let key = PublicKey::from_pem(pem).expect("a good key");
        let settings = config::Auth { jwt_public_key: Some(key), ..config::Auth::default() };
        assert!(Auth::new(&settings).is_some());
        let token = format!("{header}.{CLAIMS}.{signature}");
        assert_eq!(refused(&settings, &token).0, "token_expired", "{header}");
        // A later exp.
        let claims = CLAIMS.replacen("MTkz", "MTk0", 1);
        let forged = format!("{header}.{claims}.{signature}");
        let (label, words) = refused(&settings, &forged);
        assert!(label == "token_invalid" && words.contains("does not fit"), "{label}: {words}");
        let others =
            format!("{header}.{CLAIMS}.{}", if header == RS256.0 { ES256.1 } else { RS256.1 });
        assert_eq!(refused(&settings, &others).0, "token_invalid", "{header}");
    }
}
