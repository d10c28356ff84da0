//! The verification samples of the README do what they say, in each language.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tallylight::clock::Clock;
use tallylight::domain::signature::SigningKey;

use crate::program::SECRET;

const README: &str = include_str!("../../README.md");
const BODY: &str = r#"{"type":"webhook.test","data":{"title":"Späte"}}"#;

/// What each sample is asked: secret, id, timestamp, signature and body, and what it should say.
fn cases() -> Vec<([String; 5], bool)> {
    let key: SigningKey = SECRET.parse().unwrap();
    let other = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==";
    let now = Clock::system().now().as_seconds();
    let right = key.sign("evt_1", now, BODY.as_bytes());
    let stale = key.sign("evt_1", now - 400, BODY.as_bytes());
    let both = format!("v1,bm9uZQ== {right}");
    let case = |secret: &str, at: i64, signature: &str, body: &str, genuine| {
        let texts = [secret, "evt_1", &at.to_string(), signature, body];
        (texts.map(str::to_owned), genuine)
    };
    vec![
        case(SECRET, now, &right, BODY, true),
        case(SECRET, now, &both, BODY, true),
        case(other, now, &right, BODY, false),
        case(SECRET, now, &right, "{}", false),
        case(SECRET, now - 400, &stale, BODY, false),
        case(SECRET, now, "v1,", BODY, false),
    ]
}

fn sample(language: &str) -> &str {
    let begin = format!("```{language}\n");
    let found = README
        .split(&begin)
        .skip(1)
        .find(|block| block.contains("verify("));
    found.unwrap().split("```").next().unwrap()
}

/// What `interpreter` prints for `program` and one case; `None` where it is not installed.
fn run(interpreter: &str, program: &str, case: &[String; 5]) -> Option<String> {
    let child = Command::new(interpreter)
        .arg("-")
        .args(case)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        child => child.unwrap(),
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(program.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .to_lowercase()
        .into()
}

fn holds(interpreter: &str, program: &str) {
    for (case, genuine) in cases() {
        let Some(said) = run(interpreter, program, &case) else {
            eprintln!("{interpreter} is not installed: its sample was not run");
            return;
        };
        assert_eq!(said, genuine.to_string(), "{interpreter}: {case:?}");
    }
}

#[test]
fn the_python_sample_tells_right_from_wrong() {
    let call = "import sys\ns, i, t, g, b = sys.argv[1:]\nheaders = {'webhook-id': i, 'webhook-timestamp': t, 'webhook-signature': g}\nprint(verify(s, headers, b.encode()))\n";
    holds("python3", &format!("{}\n{call}", sample("python")));
}

#[test]
fn the_node_sample_tells_right_from_wrong() {
    let call = "const [s, i, t, g, b] = process.argv.slice(2);\nconsole.log(verify(s, {'webhook-id': i, 'webhook-timestamp': t, 'webhook-signature': g}, Buffer.from(b)));\n";
    holds("node", &format!("{}\n{call}", sample("js")));
}

/// The Rust sample, word for word.
fn verify(secret: &str, headers: &http::HeaderMap, body: &[u8]) -> bool {
    standardwebhooks::Webhook::new(secret).is_ok_and(|key| key.verify(body, headers).is_ok())
}

#[test]
fn the_rust_sample_tells_right_from_wrong() {
    let this = include_str!("readme.rs");
    assert!(this.contains(sample("rust").trim()));
    for ([secret, id, timestamp, signature, body], genuine) in cases() {
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        assert_eq!(verify(&secret, &headers, body.as_bytes()), genuine);
    }
}
