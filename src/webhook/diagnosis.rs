//! Why a signature is right or wrong: what `verify` tells a person who builds a receiver. Pure.
//!
//! Tries the mistakes that receivers make, one at a time, and names the first that explains
//! the signature. It says nothing that is not proved by a matching HMAC, but for the last
//! resort. Holds and returns no secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::Timestamp;
use crate::domain::signature::SigningKey;

/// How old or new a timestamp a receiver takes, by the specification, in seconds.
pub const TOLERANCE: u64 = 300;

/// What a receiver got.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
    /// The body as it is believed to have come.
    pub body: &'a [u8],
}

/// What the evidence shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Right, by the secret of this number, from 1.
    Genuine(usize),
    /// Right, but so many seconds away from now: receivers refuse it.
    Skewed(usize, u64),
    /// The timestamp is no number of seconds.
    Timestamp,
    /// The timestamp is in milliseconds.
    Milliseconds,
    /// No signature begins with `v1,`.
    NoVersion,
    /// It would be right with `v1,` before it.
    VersionLeftOff,
    /// The key was the secret's text, `whsec_` and all.
    PrefixLeftOn,
    /// The key was the secret's base64, not the bytes that it encodes.
    NotDecoded,
    /// Signed was the body with other white space or escapes: it was parsed and written again.
    Reserialised,
    /// Signed was the body without, or with, the newline at its end.
    Newline,
    /// Signed was the body alone.
    BodyAlone,
    /// Nothing explains it.
    Unexplained,
}

impl Finding {
    /// Whether a receiver should take it.
    pub fn is_genuine(self) -> bool {
        matches!(self, Self::Genuine(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Genuine(1) => "right",
            Self::Genuine(number) => {
                return write!(
                    f,
                    "right, by secret number {number}: an old or a second one"
                );
            }
            Self::Skewed(_, seconds) => {
                return write!(
                    f,
                    "right, but its timestamp is {seconds} s away from now, and receivers take {TOLERANCE}: \
                     a captured request is sent again, or a clock is wrong"
                );
            }
            Self::Timestamp => "wrong: the timestamp is no whole number of seconds",
            Self::Milliseconds => {
                "wrong: the timestamp is in milliseconds, signed are seconds as they stand in the header"
            }
            Self::NoVersion => "wrong: no signature in it begins with `v1,`",
            Self::VersionLeftOff => "wrong: `v1,` was left off; what follows it is right",
            Self::PrefixLeftOn => {
                "wrong: the key was the text of the secret, prefix and all; take `whsec_` off and decode the rest as base64"
            }
            Self::NotDecoded => {
                "wrong: the key was the base64 text; it has to be decoded to the bytes of the key"
            }
            Self::Reserialised => {
                "wrong: the body was parsed and written again; verify the bytes as they came, before any JSON library"
            }
            Self::Newline => "wrong: a newline at the end of the body was added or lost",
            Self::BodyAlone => {
                "wrong: signed was the body alone; signed is `{id}.{timestamp}.{body}`"
            }
            Self::Unexplained => {
                "wrong: another secret, or the id, the timestamp or the body is not what was sent"
            }
        };
        f.write_str(text)
    }
}

/// What `evidence` shows to somebody who knows `keys`, at `now`.
pub fn diagnose(evidence: &Evidence<'_>, keys: &[SigningKey], now: Timestamp) -> Finding {
    let Ok(timestamp) = evidence.timestamp.parse::<i64>() else {
        return Finding::Timestamp;
    };
    let given = digests(evidence.signature);
    if given.is_empty() {
        let bare = Evidence {
            signature: &format!("v1,{}", evidence.signature.trim()),
            ..*evidence
        };
        let completed = digests(bare.signature);
        return match signer(&bare, &completed, evidence.body, keys) {
            Some(_) => Finding::VersionLeftOff,
            None => Finding::NoVersion,
        };
    }
    let Some(number) = signer(evidence, &given, evidence.body, keys) else {
        return mistake(evidence, &given, keys);
    };
    let skew = now.as_seconds().abs_diff(timestamp);
    match skew {
        0..=TOLERANCE => Finding::Genuine(number),
        // Nobody else's clock is off by a thousand times its age.
        _ if now.as_seconds().abs_diff(timestamp / 1_000) <= 10 * 365 * 86_400 => {
            Finding::Milliseconds
        }
        _ => Finding::Skewed(number, skew),
    }
}

/// The digests of a header.
fn digests(header: &str) -> Vec<Vec<u8>> {
    let one = |text: &str| STANDARD.decode(text.strip_prefix("v1,")?).ok();
    header.split_whitespace().filter_map(one).collect()
}

/// The number of the key that signed `body`.
fn signer(
    evidence: &Evidence<'_>,
    given: &[Vec<u8>],
    body: &[u8],
    keys: &[SigningKey],
) -> Option<usize> {
    let signed = signed(evidence, body);
    let made = |key: &SigningKey| {
        let key = STANDARD.decode(bare(key)).unwrap_or_default();
        given.iter().any(|digest| matches(&key, &signed, digest))
    };
    keys.iter().position(made).map(|index| index + 1)
}

fn mistake(evidence: &Evidence<'_>, given: &[Vec<u8>], keys: &[SigningKey]) -> Finding {
    let body = evidence.body;
    let with_key = |text: fn(&SigningKey) -> String| {
        let signed = signed(evidence, body);
        let made = |key| {
            given
                .iter()
                .any(|d| matches(text(key).as_bytes(), &signed, d))
        };
        keys.iter().any(made)
    };
    let with_body = |body: &[u8]| signer(evidence, given, body, keys).is_some();
    let trimmed = body.trim_ascii_end();
    let newlines = [
        trimmed.to_vec(),
        [trimmed, b"\n"].concat(),
        [trimmed, b"\r\n"].concat(),
    ];
    if with_key(SigningKey::expose) {
        Finding::PrefixLeftOn
    } else if with_key(bare) {
        Finding::NotDecoded
    } else if newlines.iter().any(|body| with_body(body)) {
        Finding::Newline
    } else if with_body(&compact(body)) {
        Finding::Reserialised
    } else if alone(given, body, keys) {
        Finding::BodyAlone
    } else {
        Finding::Unexplained
    }
}

fn alone(given: &[Vec<u8>], body: &[u8], keys: &[SigningKey]) -> bool {
    let made = |key: &SigningKey| {
        let key = STANDARD.decode(bare(key)).unwrap_or_default();
        given.iter().any(|digest| matches(&key, body, digest))
    };
    keys.iter().any(made)
}

/// The secret without its prefix.
fn bare(key: &SigningKey) -> String {
    key.expose().trim_start_matches("whsec_").to_owned()
}

fn signed(evidence: &Evidence<'_>, body: &[u8]) -> Vec<u8> {
    let head = format!("{}.{}.", evidence.id, evidence.timestamp);
    [head.as_bytes(), body].concat()
}

fn matches(key: &[u8], message: &[u8], digest: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return false;
    };
    mac.update(message);
    mac.verify_slice(digest).is_ok()
}

/// JSON as this program writes it: no white space, and no escape that need not be one.
fn compact(body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.to_vec();
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        out.extend(rest[..start].chars().filter(|c| !c.is_ascii_whitespace()));
        let end = end_of_string(&rest[start..]);
        let literal = &rest[start..start + end];
        let unescaped = serde_json::from_str::<String>(literal).ok();
        let written = unescaped.and_then(|text| serde_json::to_string(&text).ok());
        out.push_str(written.as_deref().unwrap_or(literal));
        rest = &rest[start + end..];
    }
    out.extend(rest.chars().filter(|c| !c.is_ascii_whitespace()));
    out.into_bytes()
}

/// How many bytes the string literal at the beginning of `text` has.
fn end_of_string(text: &str) -> usize {
    let mut escaped = true;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EventType;
    use crate::webhook::formats::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_772_217_402_000);
    const STAMP: &str = "1772217400";
    const SECRETS: [&str; 2] = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==",
    ];

    fn keys() -> Vec<SigningKey> {
        SECRETS
            .iter()
            .map(|secret| secret.parse().unwrap())
            .collect()
    }

    fn body() -> String {
        sample::body(EventType::StreamStarted).replace("Late night", "Späte /\u{1f389}")
    }

    fn hmac(key: &[u8], message: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// What is found of `signature` where `body` is believed to have come.
    fn found(signature: &str, body: &str) -> Finding {
        let evidence = Evidence {
            id: "evt_1",
            timestamp: STAMP,
            signature,
            body: body.as_bytes(),
        };
        diagnose(&evidence, &keys(), NOW)
    }

    fn right(number: usize) -> String {
        keys()[number - 1].sign("evt_1", 1_772_217_400, body().as_bytes())
    }

    #[test]
    fn a_right_signature_is_right_by_whichever_secret() {
        assert_eq!(found(&right(1), &body()), Finding::Genuine(1));
        let rotated = format!("v1,bm9uZQ== {}", right(2));
        assert_eq!(found(&rotated, &body()), Finding::Genuine(2));
        let old = found(&right(2), &body());
        assert!(old.to_string().contains("secret number 2"), "{old}");
    }

    #[test]
    fn a_right_signature_of_another_time_is_told_by_how_much() {
        let at = |timestamp: &str| {
            let signature = keys()[0].sign("evt_1", timestamp.parse().unwrap(), b"{}");
            let evidence = Evidence {
                id: "evt_1",
                timestamp,
                signature: &signature,
                body: b"{}",
            };
            diagnose(&evidence, &keys(), NOW)
        };
        assert_eq!(at("1772217102"), Finding::Genuine(1));
        assert_eq!(at("1772217101"), Finding::Skewed(1, 301));
        assert_eq!(at("1772217703"), Finding::Skewed(1, 301));
        assert_eq!(at("1772217402000"), Finding::Milliseconds);
        let evidence = Evidence {
            id: "evt_1",
            timestamp: "2026-02-27T18:36:42Z",
            signature: "",
            body: b"{}",
        };
        assert_eq!(diagnose(&evidence, &keys(), NOW), Finding::Timestamp);
    }

    #[test]
    fn each_mistake_is_named() {
        let body = body();
        let signed = format!("evt_1.{STAMP}.{body}");
        let bytes = STANDARD.decode(&SECRETS[0][6..]).unwrap();
        let cases = [
            (hmac(SECRETS[0].as_bytes(), &signed), Finding::PrefixLeftOn),
            (
                hmac(&SECRETS[0].as_bytes()[6..], &signed),
                Finding::NotDecoded,
            ),
            (hmac(&bytes, &body), Finding::BodyAlone),
            (hmac(b"another secret", &signed), Finding::Unexplained),
            (
                hmac(&bytes, &signed.replace("evt_1", "evt_2")),
                Finding::Unexplained,
            ),
            (right(1)[3..].to_owned(), Finding::VersionLeftOff),
            ("v2,abc".to_owned(), Finding::NoVersion),
            (String::new(), Finding::NoVersion),
        ];
        for (signature, expected) in cases {
            assert_eq!(found(&signature, &body), expected, "{signature}");
        }
    }

    #[test]
    fn a_body_that_was_written_again_is_told_from_a_changed_one() {
        let value: serde_json::Value = serde_json::from_str(&body()).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(found(&right(1), &pretty), Finding::Reserialised);
        let python = body().replace("\":", "\": ").replace(",\"", ", \"");
        let python = python
            .replace('ä', "\\u00e4")
            .replace("\u{1f389}", "\\ud83c\\udf89");
        assert_eq!(found(&right(1), &python), Finding::Reserialised);
        let php = body().replace('/', "\\/");
        assert_eq!(found(&right(1), &php), Finding::Reserialised);
        assert_eq!(found(&right(1), &format!("{}\n", body())), Finding::Newline);
        let changed = body().replace("khaby", "kathy");
        assert_eq!(found(&right(1), &changed), Finding::Unexplained);
    }

    #[test]
    fn a_string_without_an_end_is_no_trouble() {
        for body in ["\"", "{\"a\": \"b\\", "\u{1f389}\"", "\\\"\\"] {
            assert_eq!(found(&right(1), body), Finding::Unexplained);
        }
    }
}
