//! What the tests of several rooms share: a small configuration, taken from its text.

use std::path::Path;
use std::sync::Arc;

use super::{Config, Creator, Webhook, from_text};

const TEXT: &str = r#"
[konbini]
api_key = "knbn_test"
base_url = "http://127.0.0.1:9"

[polling]
interval = "300s"
live_interval = "200s"

[watchlist]
creators = ["creator0"]

[[webhook]]
id = "backend"
url = "http://127.0.0.1:9/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = ["stream.started", "stream.ended", "monitor.degraded", "monitor.recovered"]

[http]
listen = "off"
"#;

/// A watchlist of `creators` creators, polled every 300 s (200 s while live), and one webhook.
pub(crate) fn config(creators: usize) -> Config {
    let mut config = from_text(Path::new("config.toml"), TEXT.to_owned(), &|_| None)
        .unwrap()
        .config;
    let first = config.creators[0].clone();
    config.creators = (0..creators)
        .map(|number| Creator {
            username: format!("creator{number}").parse().unwrap(),
            ..first.clone()
        })
        .collect();
    config
}

/// A creator with the defaults of the configuration.
pub(crate) fn creator(number: usize) -> Creator {
    let mut creator = config(1).creators.remove(0);
    creator.username = format!("creator{number}").parse().unwrap();
    creator
}

/// A webhook with the defaults of the configuration, subscribed to streams and health.
pub(crate) fn webhook(id: &str, url: &str) -> Webhook {
    let webhook = config(1).webhooks.remove(0);
    let mut webhook = Arc::unwrap_or_clone(webhook);
    webhook.id = id.into();
    url.clone_into(&mut webhook.url);
    webhook
}

/// Every key that the file may hold, as `polling.interval`; tables themselves left out.
pub(crate) fn keys_of_the_file() -> Vec<String> {
    let tables = super::raw::TABLES;
    let is_table = |key: &str| tables.iter().any(|table| table.name == key);
    let keys = tables.iter().flat_map(|table| {
        let path = |key: &&str| match table.name {
            "" => (*key).to_owned(),
            name => format!("{name}.{key}"),
        };
        table.keys.iter().map(path)
    });
    keys.filter(|key| !is_table(key)).collect()
}
