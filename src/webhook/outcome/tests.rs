use proptest::prelude::*;

use super::*;

/// 2026-02-27T18:36:42Z
const NOW: Timestamp = Timestamp::from_millis(1_772_217_402_000);

fn answered(status: u16) -> Outcome {
    Outcome::of(
        Reply::Answered(Answer {
            status,
            ..Answer::default()
        }),
        NOW,
    )
}

fn pause(status: u16, retry_after: &str) -> Verdict {
    let answer = Answer {
        status,
        retry_after: Some(retry_after.to_owned()),
        ..Answer::default()
    };
    Outcome::of(Reply::Answered(answer), NOW).verdict
}

fn redirected(location: &str) -> String {
    let answer = Answer {
        status: 302,
        location: Some(location.to_owned()),
        ..Answer::default()
    };
    Outcome::of(Reply::Answered(answer), NOW).detail
}

#[test]
fn every_status_has_the_verdict_of_the_table() {
    for status in 100..=599 {
        let outcome = answered(status);
        let expected = match status {
            200..=299 => Verdict::Delivered,
            400 | 405 | 413 | 415 | 422 => Verdict::RetryLimited,
            410 => Verdict::Gone,
            429 | 503 => Verdict::PauseLane(Duration::from_secs(60)),
            _ => Verdict::Retry,
        };
        assert_eq!(outcome.verdict, expected, "{status}");
        assert_eq!(outcome.status, Some(status));
    }
}

#[test]
fn every_status_has_its_class_and_only_a_2xx_has_none() {
    for status in 100..=599 {
        let outcome = answered(status);
        let expected = match status / 100 {
            1 => Some("reset"),
            2 => None,
            3 => Some("http_3xx"),
            4 => Some("http_4xx"),
            _ => Some("http_5xx"),
        };
        assert_eq!(outcome.error.map(ErrorClass::as_str), expected, "{status}");
        assert_eq!(outcome.detail.is_empty(), expected.is_none(), "{status}");
    }
}

#[test]
fn the_classes_are_the_documented_set() {
    let names: Vec<_> = ErrorClass::ALL.iter().map(|c| c.as_str()).collect();
    let documented = "dns connect tls timeout reset http_3xx http_4xx http_5xx body_too_large format blocked_address";
    assert_eq!(names.join(" "), documented);
}

#[test]
fn retry_after_is_read_as_seconds_or_as_a_date() {
    for status in [429, 503] {
        let pauses = [
            ("0", 0.0),
            ("1", 1.0),
            (" 120 ", 120.0),
            ("0.65", 0.65),
            ("Fri, 27 Feb 2026 18:37:12 GMT", 30.0),
            ("Friday, 27-Feb-26 18:37:12 GMT", 30.0),
            // In the past: at once, as far as the receiver is concerned.
            ("Fri, 27 Feb 2026 18:00:00 GMT", 0.0),
        ];
        for (text, seconds) in pauses {
            let expected = Verdict::PauseLane(Duration::from_secs_f64(seconds));
            assert_eq!(pause(status, text), expected, "{text}");
        }
    }
}

#[test]
fn a_retry_after_beyond_an_hour_counts_as_an_hour() {
    for text in [
        "3601",
        "99999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        assert_eq!(
            pause(429, text),
            Verdict::PauseLane(LONGEST_PAUSE),
            "{text}"
        );
    }
}

#[test]
fn an_unreadable_retry_after_counts_as_none() {
    for text in ["", "soon", "-5", "1e9", "inf", "NaN", "1.2.3", "."] {
        assert_eq!(
            pause(503, text),
            Verdict::PauseLane(DEFAULT_PAUSE),
            "{text}"
        );
    }
}

#[test]
fn retry_after_means_nothing_beside_other_statuses() {
    assert_eq!(pause(500, "120"), Verdict::Retry);
    assert_eq!(pause(200, "120"), Verdict::Delivered);
    assert_eq!(pause(301, "120"), Verdict::Retry);
}

#[test]
fn a_redirect_names_its_target_on_one_line_and_no_secret() {
    let shown = [
        ("https://example.com/hooks/", "https://example.com/hooks/"),
        ("/hooks/", "/hooks/"),
        ("//example.com/x", "//example.com/x"),
        (
            "https://u:p@example.com/a?key=secret#x",
            "https://example.com/a",
        ),
        (
            "https://chat.example/api/webhooks/1234/abcdefghijklmnopqrstuvwxyz",
            "https://chat.example/api/webhooks/1234/…",
        ),
        ("/a\n\u{1b}[31mforged", "/a\\u{a}\\u{1b}[31mforged"),
    ];
    for (location, expected) in shown {
        let expected = format!("answered 302 to {expected}, which is not followed");
        assert_eq!(redirected(location), expected);
    }
    assert!(redirected(&"/a".repeat(100_000)).chars().count() < 600);
    assert_eq!(answered(302).detail, "answered 302");
}

#[test]
fn a_breakage_is_tried_again_even_after_a_2xx_had_begun() {
    let broken = Breakage {
        class: ErrorClass::Timeout,
        detail: "the answer did not end".to_owned(),
        status: Some(200),
        body: b"par".to_vec(),
    };
    let outcome = Outcome::of(Reply::Broken(broken), NOW);
    assert_eq!(outcome.verdict, Verdict::Retry);
    assert_eq!(outcome.error, Some(ErrorClass::Timeout));
    assert_eq!(
        (outcome.status, outcome.answer.as_slice()),
        (Some(200), &b"par"[..])
    );
}

proptest! {
    #[test]
    fn no_header_of_a_stranger_panics_or_pauses_beyond_an_hour(text in ".{0,80}", location in ".{0,80}") {
        let Verdict::PauseLane(pause) = pause(429, &text) else {
            return Err(TestCaseError::fail("no pause"));
        };
        prop_assert!(pause <= LONGEST_PAUSE);
        prop_assert!(!redirected(&location).chars().any(char::is_control));
    }
}
