//! Every key of the file: what it takes, its default, and a line about it.

mod people;

use self::people::{CREATOR, WATCHLIST, WEBHOOK};
use super::super::raw;
use super::shape::{Default as D, Key, Kind as K, Pair, Shape, key, shape};

pub(super) const SHAPES: [Shape; 12] = [
    shape(&raw::ROOT, "", ROOT).requires(&["konbini", "watchlist"]),
    shape(&raw::KONBINI, "The API.", KONBINI).pair(Pair::One("api_key", "api_key_file")),
    shape(
        &raw::BUDGET,
        "What may be spent; leave it out for no limit.",
        BUDGET,
    )
    .requires(&["credits_per_month"]),
    shape(&raw::POLLING, "How often creators are polled.", POLLING),
    shape(
        &raw::SWEEP,
        "An account of yours that follows the watchlist: thirty hints for one credit.",
        SWEEP,
    )
    .requires(&["account"]),
    shape(&raw::WATCHLIST, "Who is watched.", WATCHLIST),
    shape(&raw::CREATOR, "A creator with details.", CREATOR).requires(&["username"]),
    shape(&raw::WEBHOOK, "Who is told.", WEBHOOK)
        .requires(&["id", "url"])
        .pair(Pair::NotBoth("secret", "secret_file")),
    shape(
        &raw::STORAGE,
        "Where state and deliveries are kept; a change needs a restart.",
        STORAGE,
    ),
    shape(&raw::HTTP, "Status page, API, metrics and health.", HTTP)
        .pair(Pair::NotBoth("token", "token_file")),
    shape(
        &raw::HEARTBEAT,
        "A dead man's switch: silence means trouble.",
        HEARTBEAT,
    )
    .pair(Pair::One("url", "url_file")),
    shape(&raw::LOG, "What is logged, and how.", LOG),
];

const ROOT: &[Key] = &[
    key(
        "allow_shrink",
        K::Flag,
        "Lets a reload drop more than half of a watchlist of more than 20 creators.",
    )
    .or(D::Flag(false)),
    key("konbini", K::Table(&raw::KONBINI), "The API."),
    key(
        "budget",
        K::Table(&raw::BUDGET),
        "What may be spent; leave it out for no limit.",
    ),
    key(
        "polling",
        K::Table(&raw::POLLING),
        "How often creators are polled.",
    ),
    key(
        "sweep",
        K::Table(&raw::SWEEP),
        "An account of yours that follows the watchlist: thirty hints for one credit.",
    ),
    key("watchlist", K::Table(&raw::WATCHLIST), "Who is watched."),
    key("webhook", K::Tables(&raw::WEBHOOK), "Who is told."),
    key(
        "storage",
        K::Table(&raw::STORAGE),
        "Where state and deliveries are kept; a change needs a restart.",
    ),
    key(
        "http",
        K::Table(&raw::HTTP),
        "Status page, API, metrics and health.",
    ),
    key(
        "heartbeat",
        K::Table(&raw::HEARTBEAT),
        "A dead man's switch: silence means trouble.",
    ),
    key("log", K::Table(&raw::LOG), "What is logged, and how."),
];

const KONBINI: &[Key] = &[
    key(
        "api_key",
        K::Text,
        "The key, for example ${KONBINI_API_KEY}.",
    ),
    key("api_key_file", K::Text, "A file that holds the key."),
    key("base_url", K::Text, "Where the API is.").or(D::Text("https://api.konbiniapi.com")),
    key("timeout", K::Duration, "For one request, 100ms to 2m.").or(D::Text("15s")),
];

const BUDGET: &[Key] = &[
    key(
        "credits_per_month",
        K::Whole(1, 1_000_000_000_000),
        "Credits that may be spent in a billing month.",
    ),
    key(
        "renews_on",
        K::Whole(1, 31),
        "The day of the month on which credits renew, UTC.",
    )
    .or(D::Whole(1)),
    key(
        "end_weight",
        K::Number(0.0, 10.0),
        "What a minute of unseen end counts against a minute of unseen start.",
    )
    .or(D::Number(0.15)),
];

const POLLING: &[Key] = &[
    key(
        "schedule",
        K::Choice(&["learned", "fixed"]),
        "`learned` needs a budget and is the default with one; `fixed` polls every `interval`.",
    ),
    key("interval", K::Duration, "While offline, for `fixed`.").or(D::Text("5m")),
    key(
        "live_interval",
        K::Duration,
        "While live: for the end, and audience samples; `learned` waits no longer than this if it is set.",
    ),
    key(
        "min_interval",
        K::Duration,
        "`learned` never polls sooner again.",
    )
    .or(D::Text("1m")),
    key(
        "max_interval",
        K::Duration,
        "`learned` lets nobody wait longer; by default the budget decides.",
    ),
    key(
        "jitter",
        K::Number(0.0, 0.5),
        "The share by which a wait may differ.",
    )
    .or(D::Number(0.1)),
    key(
        "max_requests_per_second",
        K::Number(0.001, 1_000.0),
        "Over all creators.",
    )
    .or(D::Number(10.0)),
    key(
        "max_in_flight",
        K::Whole(1, 1_024),
        "Requests under way at once.",
    )
    .or(D::Whole(16)),
    key(
        "confirm_offline",
        K::Whole(1, 10),
        "Answers \"not live\" in a row before a stream has ended.",
    )
    .or(D::Whole(2)),
    key(
        "confirm_after",
        K::Duration,
        "The wait between them, 10ms to 1h.",
    )
    .or(D::Text("45s")),
    key(
        "resume_within",
        K::Duration,
        "A stream that begins this soon after the last is `resumed`; 0s to 1d.",
    )
    .or(D::Text("10m")),
];

const SWEEP: &[Key] = &[key("account", K::Text, "The account's username.")];

const STORAGE: &[Key] = &[
    key("url", K::Text, "sqlite:FILE, or postgres://...").or(D::Text("sqlite:tallylight.db")),
    key(
        "keep",
        K::Duration,
        "How long history and finished deliveries are kept, 1h to 3650d.",
    )
    .or(D::Text("90d")),
];

const HTTP: &[Key] = &[
    key(
        "listen",
        K::Text,
        "An address and a port, or \"off\"; a change needs a restart.",
    ),
    key(
        "hosts",
        K::Texts,
        "Host names that a proxy in front passes on.",
    ),
    key(
        "token",
        K::Text,
        "Needed for anything that changes something, and to listen beyond loopback.",
    ),
    key("token_file", K::Text, "A file that holds the token."),
];

const HEARTBEAT: &[Key] = &[
    key("url", K::Text, "Asked while every loop makes progress."),
    key("url_file", K::Text, "A file that holds the URL."),
    key("every", K::Duration, "How often, 1s to 1d.").or(D::Text("1m")),
];

const LOG: &[Key] = &[
    key(
        "format",
        K::Choice(&["text", "json"]),
        "For people or for machines.",
    )
    .or(D::Text("text")),
    key(
        "level",
        K::Choice(&["error", "warn", "info", "debug", "trace"]),
        "The least severity that is shown.",
    )
    .or(D::Text("info")),
];
