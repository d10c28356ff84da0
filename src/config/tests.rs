//! The mirror, the checker and the example held against each other.

use std::collections::HashMap;
use std::path::Path;

use super::raw::{TABLES, Table};
use super::redact::BLANK;
use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn example_env(name: &str) -> Option<String> {
    match name {
        "KONBINI_API_KEY" => Some("knbn_0123456789".to_owned()),
        "WEBHOOK_SECRET" => Some(SECRET.to_owned()),
        _ => None,
    }
}

fn load_text(text: &str) -> Result<Loaded, Problems> {
    from_text(Path::new("config.toml"), text.to_owned(), &example_env)
}

const MINIMAL: &str = r#"
[konbini]
api_key = "${KONBINI_API_KEY}"
[watchlist]
creators = ["khaby.lame"]
[[webhook]]
id = "backend"
url = "https://example.com/hook"
secret = "${WEBHOOK_SECRET}"
"#;

#[test]
fn the_example_loads_without_a_warning() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let loaded = load(&path, &example_env).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.files, [path]);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.creators.len(), 2);
    assert_eq!(loaded.config.webhooks.len(), 1);
    assert_eq!(loaded.config.polling.schedule, ScheduleKind::Learned);
}

#[test]
fn the_example_names_every_key_in_its_table() {
    let example = include_str!("../../config.example.toml");
    let mut parts: HashMap<&str, String> = HashMap::new();
    let mut table = "";
    for line in example.lines() {
        let bare = line.trim_start_matches(['#', ' ']);
        if let Some(name) = bare
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            table = TABLES
                .iter()
                .map(|t| t.name)
                .find(|known| *known == name.trim_start_matches('['))
                .unwrap_or(table);
        }
        let part = parts.entry(table).or_default();
        part.push('\n');
        part.push_str(bare);
    }
    for Table { name, keys } in TABLES {
        let part = match *name {
            "watchlist.creators" => &parts["watchlist"],
            name => &parts[name],
        };
        for key in *keys {
            let is_table = name.is_empty() && TABLES.iter().any(|table| table.name == *key);
            let named = part.contains(&format!("{key} = ")) || is_table && parts.contains_key(key);
            assert!(named, "`{key}` of [{name}] is not in config.example.toml");
        }
    }
}

#[test]
fn the_options_that_the_example_comments_out_are_right() {
    let example = include_str!("../../config.example.toml");
    let mut uncommented = String::new();
    for line in example.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_key = bare
            .split_once(" = ")
            .is_some_and(|(key, _)| raw::is_known_key(key));
        let refused = ["_file", "file", "template", "proxy", "account"]
            .iter()
            .any(|end| bare.split(" = ").next().unwrap_or_default().ends_with(end));
        let wanted =
            is_key && !refused && !bare.starts_with("headers") && !bare.starts_with("token");
        uncommented.push_str(
            if wanted && !bare.contains("hc.example") && !bare.starts_with("every") {
                bare
            } else {
                line
            },
        );
        uncommented.push('\n');
    }
    assert_ne!(uncommented, example);
    let loaded = load_text(&uncommented).unwrap_or_else(|problems| panic!("{problems}"));
    let defaults = Polling {
        schedule: ScheduleKind::Learned,
        max_interval: Some(Duration::from_hours(6)),
        longest_live_wait: Some(Duration::from_mins(5)),
        ..Polling::default()
    };
    assert_eq!(loaded.config.polling, defaults);
    let webhook = &loaded.config.webhooks[0];
    assert_eq!(webhook.retry, RetrySchedule::default());
    assert_eq!((webhook.timeout, webhook.max_age), (Webhook::TIMEOUT, None));
}

/// Writes `key = value` into the table it belongs to, instead of whatever is there.
fn with_value(table: &Table, key: &str, value: &str) -> String {
    let entry = format!("{key} = {value}\n");
    match table.name {
        "" => format!("{entry}{MINIMAL}").replace(
            "\n[konbini]",
            if key == "konbini" {
                "\n[polling]"
            } else {
                "\n[konbini]"
            },
        ),
        "watchlist.creators" => {
            format!("[konbini]\napi_key = \"k\"\n[watchlist]\ncreators = [{{ {key} = {value} }}]\n")
        }
        "webhook" => format!("[konbini]\napi_key = \"k\"\n[[webhook]]\n{entry}"),
        name => format!("[{name}]\n{entry}"),
    }
}

#[test]
fn every_key_of_the_mirror_is_read_and_checked() {
    let mut seen = 0;
    for table in TABLES {
        for key in table.keys {
            // No key takes a date, so whoever reads it has to complain of it.
            let text = with_value(table, key, "1979-05-27");
            let Err(problems) = load_text(&text) else {
                panic!("{key} of [{}] is not checked", table.name)
            };
            let syntax = problems
                .problems
                .iter()
                .any(|p| p.message.contains("not valid TOML"));
            let told = problems
                .problems
                .iter()
                .any(|p| p.key.ends_with(key) && p.message.contains("is a date"));
            // Tables of the minimal file appear twice then, which is a problem too.
            assert!(
                told || table.name.is_empty() && syntax,
                "{key} of [{}]: {problems}",
                table.name
            );
            seen += 1;
        }
    }
    assert!(seen > 60);
}

#[test]
fn the_documented_defaults_hold() {
    let config = load_text(MINIMAL).unwrap().config;
    assert_eq!(config.konbini.base_url, "https://api.konbiniapi.com");
    assert_eq!(config.konbini.timeout, Duration::from_secs(15));
    assert_eq!(config.polling, Polling::default());
    assert_eq!(config.polling.schedule, ScheduleKind::Fixed);
    assert_eq!(config.polling.rules.confirm_offline, 2);
    assert_eq!(
        config.storage.location,
        StorageLocation::Sqlite("tallylight.db".into())
    );
    assert_eq!(config.storage.keep, Duration::from_hours(90 * 24));
    assert_eq!(config.http.listen, "127.0.0.1:9464".parse().ok());
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Text,
            level: tracing::Level::INFO
        }
    );
    let webhook = &config.webhooks[0];
    assert_eq!(
        webhook.events,
        [EventType::StreamStarted, EventType::StreamEnded]
    );
    assert_eq!(
        (
            webhook.concurrency,
            webhook.max_age,
            webhook.announce_resumed,
            webhook.enabled
        ),
        (4, None, true, true)
    );
    assert!(!config.allow_shrink && config.sweep.is_none() && config.heartbeat.is_none());
}

#[test]
fn chats_hear_no_old_news_and_need_no_secret() {
    for format in ["discord", "slack", "ntfy"] {
        let text = MINIMAL.replace(
            "secret = \"${WEBHOOK_SECRET}\"",
            &format!("format = {format:?}"),
        );
        let webhook = load_text(&text).unwrap().config.webhooks.remove(0);
        assert_eq!(webhook.max_age, Some(Duration::from_hours(1)), "{format}");
        assert!(!webhook.announce_resumed && webhook.secrets.is_empty());
        let text = text.replace(
            "format =",
            "max_age = \"none\"\nannounce_resumed = true\nformat =",
        );
        let webhook = load_text(&text).unwrap().config.webhooks.remove(0);
        assert_eq!((webhook.max_age, webhook.announce_resumed), (None, true));
    }
}

const EVERYTHING: &str = r#"
allow_shrink = true
[konbini]
api_key = "${KONBINI_API_KEY}"
base_url = "http://127.0.0.1:8080/"
[budget]
credits_per_month = 25_000
renews_on = 31
end_weight = 0
[watchlist]
when_already_live = "silent"
creators = [
  { username = "@Khaby.Lame", priority = 2, min_interval = "2m", max_interval = "1h", hours = "18:00-02:00", strict_hours = true, time_zone = "Europe/Berlin", webhooks = ["b.1"], labels = { team = "${TEAM}" }, note = "a note" },
  { username = "bellapoarch", interval = "10ms" },
]
[[webhook]]
id = "b.1"
url = "http://hooks.internal/x"
allow_http = true
secret = ["${WEBHOOK_SECRET}", "whsec_bmV3ZXIgc2VjcmV0IG9mIDI0IGJ5dGVzIQ=="]
events = ["webhook.failing"]
retry = []
max_age = "2h"
headers = { X-Env = "prod" }
rate = "30/m"
signature_style = "github"
creators = ["khaby.lame"]
labels = { team = "emea" }
enabled = false
[storage]
url = "sqlite:///var/lib/tallylight/t.db"
[sweep]
account = "watcher"
[heartbeat]
url = "https://hc.example/ping"
"#;

#[test]
fn every_key_of_a_creator_and_of_a_webhook_arrives() {
    let env = |name: &str| {
        (name == "TEAM")
            .then(|| "emea".to_owned())
            .or_else(|| example_env(name))
    };
    let loaded = from_text(Path::new("/etc/t/config.toml"), EVERYTHING.to_owned(), &env)
        .unwrap_or_else(|p| panic!("{p}"));
    let config = &loaded.config;
    assert_eq!(
        config.budget,
        Some(Budget {
            credits_per_month: 25_000,
            renews_on: 31,
            end_weight: 0.0
        })
    );
    let khaby = &config.creators[0];
    let hours = khaby
        .hours
        .clone()
        .map(|h| (h.start, h.end, h.zone.to_string()));
    assert_eq!(hours, Some((1_080, 120, "Europe/Berlin".to_owned())));
    assert_eq!(khaby.labels["team"], "emea");
    assert_eq!(
        (khaby.min_interval, khaby.max_interval),
        (Some(Duration::from_mins(2)), Some(Duration::from_hours(1)))
    );
    assert_eq!(
        (khaby.strict_hours, khaby.note.as_deref()),
        (true, Some("a note"))
    );
    assert_eq!(config.creators[1].interval, Some(Duration::from_millis(10)));
    let webhook = &config.webhooks[0];
    assert_eq!(
        khaby.webhooks.as_deref(),
        Some(&[Arc::clone(&webhook.id)][..])
    );
    assert_eq!(webhook.secrets.len(), 2);
    assert_eq!(webhook.retry, RetrySchedule::new(Vec::new()));
    assert_eq!(webhook.max_age, Some(Duration::from_hours(2)));
    assert_eq!(webhook.rate.map(Rate::per_second), Some(0.5));
    assert_eq!(webhook.signature_style, SignatureStyle::Github);
    assert_eq!(webhook.headers[0].0, "x-env");
    assert_eq!(
        config.storage.location,
        StorageLocation::Sqlite("/var/lib/tallylight/t.db".into())
    );
    assert!(config.allow_shrink && config.sweep.is_some() && config.heartbeat.is_some());
    let warned: Vec<_> = loaded.warnings.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(warned, ["webhook[0].secret[1]"]);
}

#[test]
fn names_and_addresses_are_reduced_to_one_spelling() {
    let text = MINIMAL.replace("khaby.lame", " @Khaby.Lame").replace(
        "[watchlist]",
        "base_url = \"http://127.0.0.1:8080/\"\n[watchlist]",
    );
    let config = load_text(&text).unwrap().config;
    assert_eq!(config.creators[0].username.as_str(), "khaby.lame");
    assert_eq!(config.konbini.base_url, "http://127.0.0.1:8080");
}

#[test]
fn debug_of_a_configuration_shows_no_secret() {
    let text = MINIMAL.replace("[[webhook]]", "[http]\ntoken = \"tok-tok-tok\"\n[heartbeat]\nurl = \"https://hc.example/beat-beat\"\n[[webhook]]\nheaders = { Authorization = \"basic-basic\" }");
    let shown = format!("{:?}", load_text(&text).unwrap().config);
    for secret in [
        "knbn_0123",
        "MfKQ9r8G",
        "tok-tok",
        "beat-beat",
        "basic-basic",
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn a_url_is_blanked_behind_its_host() {
    let text = MINIMAL.replace(
        "https://example.com/hook",
        "http://user:hunter2@chat.example/api/T0KEN?x=S3CRET",
    );
    let problems = load_text(&text).unwrap_err().to_string();
    assert!(
        problems.contains(&format!("http://{BLANK}@chat.example/{BLANK}")),
        "{problems}"
    );
}

#[test]
fn sweeps_have_no_effect_under_the_fixed_schedule_and_that_is_said() {
    let fixed = EVERYTHING.replace("[budget]", "[polling]\nschedule = \"fixed\"\n[budget]");
    assert_ne!(fixed, EVERYTHING);
    let env = |name: &str| {
        (name == "TEAM")
            .then(|| "emea".to_owned())
            .or_else(|| example_env(name))
    };
    let loaded =
        from_text(Path::new("/etc/t/config.toml"), fixed, &env).unwrap_or_else(|p| panic!("{p}"));
    let warned = |key: &str| loaded.warnings.iter().any(|warning| warning.key == key);
    assert!(warned("sweep"));
    assert!(loaded.config.sweep.is_some());
}
