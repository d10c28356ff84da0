//! The keys about people: who is watched, and who is told.

use super::super::super::raw;
use super::super::shape::{Default as D, Key, Kind as K, key};

pub(super) const WATCHLIST: &[Key] = &[
    key(
        "file",
        K::Text,
        "A file with one username a line; # begins a comment.",
    ),
    key(
        "creators",
        K::TextsOrTables(&raw::CREATOR),
        "Usernames, or tables with a `username`.",
    ),
    key(
        "when_already_live",
        K::Choice(&["notify", "silent"]),
        "What becomes of a stream that the first poll finds running.",
    )
    .or(D::Text("notify")),
];

pub(super) const CREATOR: &[Key] = &[
    key(
        "username",
        K::Text,
        "The name, @name or the URL of the profile.",
    ),
    key(
        "priority",
        K::Positive(1_000.0),
        "Weight in the learned schedule.",
    )
    .or(D::Number(1.0)),
    key(
        "interval",
        K::Duration,
        "Always this, instead of what the schedule chooses.",
    ),
    key(
        "min_interval",
        K::Duration,
        "The learned schedule never polls sooner again.",
    ),
    key(
        "max_interval",
        K::Duration,
        "The learned schedule waits no longer.",
    ),
    key(
        "hours",
        K::Text,
        "When streams are expected: 18:00-02:00 Europe/Berlin.",
    ),
    key(
        "strict_hours",
        K::Flag,
        "Whether to poll within `hours` only.",
    )
    .or(D::Flag(false)),
    key(
        "time_zone",
        K::Text,
        "Where the creator lives, a name of the IANA database.",
    ),
    key(
        "webhooks",
        K::Texts,
        "Ids of the webhooks that hear of this creator; default: all.",
    ),
    key("labels", K::Strings, "Sent along with each event."),
    key("note", K::Text, "For whoever reads the configuration."),
];

pub(super) const WEBHOOK: &[Key] = &[
    key(
        "id",
        K::Text,
        "1 to 64 letters, digits, `_`, `-` and `.`: its name in logs and metrics.",
    ),
    key("url", K::Text, "Where events are sent."),
    key(
        "secret",
        K::OneOrMore,
        "From `tallylight secret`; a list signs with each (rotation).",
    ),
    key("secret_file", K::Text, "A file with one secret a line."),
    key("events", K::Events, "Event types that are sent.")
        .or(D::Texts(&["stream.started", "stream.ended"])),
    key(
        "format",
        K::Choice(&["standard", "discord", "slack", "ntfy", "template"]),
        "How a body is written.",
    )
    .or(D::Text("standard")),
    key(
        "template",
        K::Text,
        "The Jinja file of format = \"template\".",
    ),
    key("timeout", K::Duration, "For one attempt, 1s to 30s.").or(D::Text("15s")),
    key("retry", K::Durations, "Waits between attempts.").or(D::Texts(&[
        "5s", "15s", "45s", "2m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "24h", "24h",
    ])),
    key(
        "max_age",
        K::DurationOrNone,
        "Older events are not sent; default: none, for chat formats 1h.",
    ),
    key(
        "announce_resumed",
        K::Flag,
        "Whether a resumed stream is told; default: true, for chat formats false.",
    ),
    key(
        "allow_http",
        K::Flag,
        "Whether http:// may leave this machine.",
    )
    .or(D::Flag(false)),
    key("headers", K::Strings, "Headers sent along."),
    key("concurrency", K::Whole(1, 32), "Attempts at once.").or(D::Whole(4)),
    key(
        "rate",
        K::Rate,
        "Most requests in a second, minute or hour: 5/s, 30/m, 100/h.",
    ),
    key(
        "signature_style",
        K::Choice(&["standard", "github"]),
        "`github` adds x-hub-signature-256.",
    )
    .or(D::Text("standard")),
    key("creators", K::Texts, "Only these creators; default: all."),
    key("labels", K::Strings, "Only creators with these labels."),
    key(
        "proxy",
        K::Text,
        "The proxy to send through; the environment's is never used.",
    ),
    key(
        "ca_file",
        K::Text,
        "Authorities to trust besides the system's, PEM.",
    ),
    key(
        "client_cert_file",
        K::Text,
        "A certificate for receivers that ask who is calling, PEM.",
    ),
    key("client_key_file", K::Text, "Its key, PEM."),
    key("enabled", K::Flag, "Whether it takes part.").or(D::Flag(true)),
];
