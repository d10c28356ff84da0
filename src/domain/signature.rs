//! Standard Webhooks 1.0.0 signatures: `v1,` + base64 HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//!
//! The rule is the specification's at <https://www.standardwebhooks.com>, sections "Webhook
//! metadata" and "Signature scheme". The bytes that are sent are the bytes that are signed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::text::hex;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// What every symmetric signature begins with.
const VERSION: &str = "v1,";

/// A webhook's secret: 24 to 64 bytes, written `whsec_` + base64. Cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// Why a text is no webhook secret. Never holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The prefix is missing.
    #[error("a webhook secret begins with `whsec_`")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("what follows `whsec_` is not base64")]
    Base64,
    /// Too short to be safe, or too long to be one.
    #[error("a webhook secret has 24 to 64 bytes, this has {0}")]
    Length(usize),
}

impl SigningKey {
    /// A key of the given random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// The key in the form that configurations hold. This prints the secret: for `tallylight secret` alone.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// One signature, `v1,<base64>`, of a message sent at `timestamp` (seconds since the epoch).
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let digest = self.mac(id, timestamp, body).finalize().into_bytes();
        format!("{VERSION}{}", STANDARD.encode(digest))
    }

    /// Whether one of the space-separated signatures in `header` is ours; takes the same time for any wrong one.
    pub fn verifies(&self, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
        header
            .split(' ')
            .filter_map(|one| STANDARD.decode(one.strip_prefix(VERSION)?).ok())
            .any(|digest| self.mac(id, timestamp, body).verify_slice(&digest).is_ok())
    }

    /// GitHub's `x-hub-signature-256`: `sha256=<hex>` over the body alone.
    ///
    /// The key is the secret's text, `whsec_` and all: a receiver that knows only GitHub's
    /// scheme takes whatever text it is given as the key.
    pub fn sign_as_github(&self, body: &[u8]) -> String {
        github(self.expose().as_bytes(), body)
    }

    fn mac(&self, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = keyed(&self.0);
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        mac
    }
}

/// HMAC-SHA256 keyed as RFC 2104 defines it for any length of key.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // A key is zero-padded to a block of SHA-256, 64 bytes; a longer one is hashed first.
    let hashed = Sha256::digest(key);
    let key = if key.len() > 64 { &hashed[..] } else { key };
    let mut block = [0_u8; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::<Sha256>::new(&block.into())
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
fn github(key: &[u8], body: &[u8]) -> String {
    let mut mac = keyed(key);
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// The `webhook-signature` header for several keys: their signatures in order, separated by spaces.
pub fn sign_with_each(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = keys.iter().map(|k| k.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, SigningKeyError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SigningKeyError::Prefix)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| SigningKeyError::Base64)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(SigningKeyError::Length(bytes.len()))
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors: secret, id, timestamp, body, signature.
    const VECTORS: [(&str, &str, i64, &str, &str); 2] = [
        (
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            1_731_705_121,
            r#"{"event_type":"ping","data":{"success":true}}"#,
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];

    /// The vectors' secrets have 18 and 24 bytes; the first is shorter than the specification asks of new ones.
    fn key(secret: &str) -> SigningKey {
        SigningKey(
            STANDARD
                .decode(secret.strip_prefix(PREFIX).unwrap())
                .unwrap(),
        )
    }

    #[test]
    fn the_published_vectors_are_reproduced() {
        for (secret, id, timestamp, body, signature) in VECTORS {
            let key = key(secret);
            assert_eq!(key.sign(id, timestamp, body.as_bytes()), signature);
            assert!(key.verifies(id, timestamp, body.as_bytes(), signature));
        }
    }

    #[test]
    fn any_change_of_id_time_body_or_key_is_noticed() {
        let (secret, id, timestamp, body, signature) = VECTORS[1];
        let key = key(secret);
        let body = body.as_bytes();
        assert!(!key.verifies("msg_other", timestamp, body, signature));
        assert!(!key.verifies(id, timestamp + 1, body, signature));
        assert!(!key.verifies(id, timestamp, b"{}", signature));
        assert!(!key.verifies(id, timestamp, body, signature.trim_start_matches("v1,")));
        assert!(!key.verifies(id, timestamp, body, ""));
        assert!(!SigningKey::from_bytes([7; 32]).verifies(id, timestamp, body, signature));
    }

    #[test]
    fn several_keys_sign_in_order_and_each_verifies() {
        let keys = [
            SigningKey::from_bytes([1; 32]),
            SigningKey::from_bytes([2; 32]),
        ];
        let header = sign_with_each(&keys, "evt", 5, b"x");
        let both: Vec<_> = header.split(' ').collect();
        assert_eq!(
            both,
            [keys[0].sign("evt", 5, b"x"), keys[1].sign("evt", 5, b"x")]
        );
        assert!(keys.iter().all(|k| k.verifies("evt", 5, b"x", &header)));
    }

    #[test]
    fn the_oracle_accepts_our_signature() {
        let key = SigningKey::from_bytes([9; 32]);
        let oracle = standardwebhooks::Webhook::new(&key.expose()).unwrap();
        let theirs = oracle.sign("evt_1", 1_700_000_000, b"{}").unwrap();
        assert_eq!(key.sign("evt_1", 1_700_000_000, b"{}"), theirs);
    }

    #[test]
    fn the_github_vector_is_reproduced_and_a_long_key_is_hashed_first() {
        let signed = github(b"It's a Secret to Everybody", b"Hello, World!");
        let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signed, published);
        // RFC 4231, test case 6: a key of 131 bytes.
        let signed = github(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
        );
        let published = "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(signed, published);
        let key = SigningKey::from_bytes([1; 32]);
        let text = key.expose();
        assert_eq!(key.sign_as_github(b"{}"), github(text.as_bytes(), b"{}"));
    }

    #[test]
    fn a_bad_secret_is_refused_without_showing_it() {
        let refused = |text: &str| text.parse::<SigningKey>().unwrap_err();
        assert_eq!(refused("hunter2"), SigningKeyError::Prefix);
        assert_eq!(refused("whsec_***"), SigningKeyError::Base64);
        assert_eq!(refused("whsec_c2hvcnQ="), SigningKeyError::Length(5));
        assert_eq!(
            format!("{:?}", SigningKey::from_bytes([1; 32])),
            "SigningKey(..)"
        );
        let key = SigningKey::from_bytes([3; 32]);
        assert_eq!(key.expose().parse::<SigningKey>().unwrap(), key);
    }
}
