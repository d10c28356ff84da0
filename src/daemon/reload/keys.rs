//! Every key of the configuration, and whether a reload applies it.
//!
//! The structures are taken apart completely: a field that is added to one of them does not
//! compile until somebody says here what a reload makes of it.

use std::sync::Arc;

use crate::config::{
    Budget, Config, Creator, Heartbeat, Http, Konbini, Log, Polling, Storage, Sweep, Webhook,
};
use crate::domain::tracker::Rules;

/// What a reload makes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It holds from then on.
    Applied,
    /// It is told, and holds from the next start on.
    NeedsRestart,
}

/// One key, and whether two configurations differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    pub(super) changed: bool,
}

/// Every key, in the order of the documentation.
#[derive(Debug, Default)]
pub(super) struct Keys(pub(super) Vec<Key>);

impl Keys {
    /// The keys whose change has this effect.
    pub(super) fn changed(&self, effect: Effect) -> Vec<&'static str> {
        let changed = self.0.iter().filter(|k| k.changed && k.effect == effect);
        changed.map(|key| key.name).collect()
    }

    fn applied<T: PartialEq>(&mut self, name: &'static str, old: &T, new: &T) {
        self.add(name, Effect::Applied, old != new);
    }

    fn needs_restart<T: PartialEq>(&mut self, name: &'static str, old: &T, new: &T) {
        self.add(name, Effect::NeedsRestart, old != new);
    }

    fn add(&mut self, name: &'static str, effect: Effect, changed: bool) {
        self.0.push(Key {
            name,
            effect,
            changed,
        });
    }
}

/// Compares two configurations key by key.
pub(super) fn compare(old: &Config, new: &Config) -> Keys {
    let Config {
        konbini: old_konbini,
        budget: old_budget,
        polling: old_polling,
        creators: old_creators,
        webhooks: old_webhooks,
        storage: old_storage,
        http: old_http,
        log: old_log,
        sweep: old_sweep,
        heartbeat: old_heartbeat,
        allow_shrink,
    } = old;
    let mut keys = Keys::default();
    keys.applied("allow_shrink", allow_shrink, &new.allow_shrink);
    konbini(&mut keys, old_konbini, &new.konbini);
    budget(&mut keys, old_budget.as_ref(), new.budget.as_ref());
    polling(&mut keys, old_polling, &new.polling);
    sweep(&mut keys, old_sweep.as_ref(), new.sweep.as_ref());
    creators(&mut keys, old_creators, &new.creators);
    webhooks(&mut keys, old_webhooks, &new.webhooks);
    storage(&mut keys, old_storage, &new.storage);
    http(&mut keys, old_http, &new.http);
    heartbeat(&mut keys, old_heartbeat.as_ref(), new.heartbeat.as_ref());
    log(&mut keys, old_log, &new.log);
    keys
}

fn konbini(keys: &mut Keys, old: &Konbini, new: &Konbini) {
    let Konbini {
        api_key,
        base_url,
        timeout,
    } = old;
    keys.applied("konbini.api_key", api_key, &new.api_key);
    keys.applied("konbini.base_url", base_url, &new.base_url);
    keys.applied("konbini.timeout", timeout, &new.timeout);
}

fn budget(keys: &mut Keys, old: Option<&Budget>, new: Option<&Budget>) {
    let apart = |budget: &Budget| {
        let Budget {
            credits_per_month,
            renews_on,
            end_weight,
        } = *budget;
        (credits_per_month, renews_on, end_weight)
    };
    let (old, new) = (old.map(apart), new.map(apart));
    let (credits, day) = (old.map(|b| b.0), old.map(|b| b.1));
    keys.applied("budget.credits_per_month", &credits, &new.map(|b| b.0));
    keys.applied("budget.renews_on", &day, &new.map(|b| b.1));
    let weight = old.map(|b| b.2);
    keys.applied("budget.end_weight", &weight, &new.map(|b| b.2));
}

fn polling(keys: &mut Keys, old: &Polling, new: &Polling) {
    let Polling {
        schedule,
        interval,
        live_interval,
        longest_live_wait,
        min_interval,
        max_interval,
        jitter,
        max_requests_per_second,
        max_in_flight,
        confirm_after,
        rules,
    } = old;
    keys.applied("polling.schedule", schedule, &new.schedule);
    keys.applied("polling.interval", interval, &new.interval);
    let live = (live_interval, longest_live_wait);
    let new_live = (&new.live_interval, &new.longest_live_wait);
    keys.applied("polling.live_interval", &live, &new_live);
    keys.applied("polling.min_interval", min_interval, &new.min_interval);
    keys.applied("polling.max_interval", max_interval, &new.max_interval);
    keys.applied("polling.jitter", jitter, &new.jitter);
    let rate = &new.max_requests_per_second;
    keys.applied(
        "polling.max_requests_per_second",
        max_requests_per_second,
        rate,
    );
    keys.applied("polling.max_in_flight", max_in_flight, &new.max_in_flight);
    keys.applied("polling.confirm_after", confirm_after, &new.confirm_after);
    let Rules {
        confirm_offline,
        resume_within,
        when_already_live,
    } = rules;
    let new = &new.rules;
    keys.applied(
        "polling.confirm_offline",
        confirm_offline,
        &new.confirm_offline,
    );
    keys.applied("polling.resume_within", resume_within, &new.resume_within);
    keys.applied(
        "watchlist.when_already_live",
        when_already_live,
        &new.when_already_live,
    );
}

fn sweep(keys: &mut Keys, old: Option<&Sweep>, new: Option<&Sweep>) {
    let account = |sweep: &Sweep| {
        let Sweep { account } = sweep;
        account.clone()
    };
    keys.applied("sweep.account", &old.map(account), &new.map(account));
}

/// The fields of a creator: compared whole, and planned anew if anything of it differs.
fn creators(keys: &mut Keys, old: &[Creator], new: &[Creator]) {
    let same = |old: &Creator, new: &Creator| {
        let Creator {
            username: _,
            priority: _,
            interval: _,
            min_interval: _,
            max_interval: _,
            hours: _,
            strict_hours: _,
            time_zone: _,
            webhooks: _,
            labels: _,
            note: _,
            named_at: _,
        } = old;
        old == new
    };
    let alike = old.len() == new.len() && old.iter().zip(new).all(|(o, n)| same(o, n));
    keys.add("watchlist.creators", Effect::Applied, !alike);
}

/// The fields of a webhook: its lane takes over all of it.
fn webhooks(keys: &mut Keys, old: &[Arc<Webhook>], new: &[Arc<Webhook>]) {
    let same = |old: &Webhook, new: &Webhook| {
        let Webhook {
            id: _,
            url: _,
            secrets: _,
            events: _,
            timeout: _,
            retry: _,
            max_age: _,
            announce_resumed: _,
            headers: _,
            concurrency: _,
            creators: _,
            labels: _,
            enabled: _,
            format: _,
            template: _,
            allow_http: _,
            rate: _,
            signature_style: _,
            proxy: _,
            ca_file: _,
            client_identity: _,
        } = old;
        old == new
    };
    let alike = old.len() == new.len() && old.iter().zip(new).all(|(o, n)| same(o, n));
    keys.add("webhook", Effect::Applied, !alike);
}

fn storage(keys: &mut Keys, old: &Storage, new: &Storage) {
    let Storage { location, keep } = old;
    keys.needs_restart("storage.url", location, &new.location);
    keys.applied("storage.keep", keep, &new.keep);
}

fn http(keys: &mut Keys, old: &Http, new: &Http) {
    let Http {
        listen,
        token,
        hosts,
    } = old;
    keys.needs_restart("http.listen", listen, &new.listen);
    keys.applied("http.token", token, &new.token);
    keys.applied("http.hosts", hosts, &new.hosts);
}

fn heartbeat(keys: &mut Keys, old: Option<&Heartbeat>, new: Option<&Heartbeat>) {
    let apart = |heartbeat: &Heartbeat| {
        let Heartbeat { url, every } = heartbeat;
        (url.clone(), *every)
    };
    let (old, new) = (old.map(apart), new.map(apart));
    let url = |h: &Option<(crate::config::Secret, std::time::Duration)>| {
        h.as_ref().map(|(url, _)| url.clone())
    };
    keys.applied("heartbeat.url", &url(&old), &url(&new));
    keys.applied("heartbeat.every", &old.map(|h| h.1), &new.map(|h| h.1));
}

fn log(keys: &mut Keys, old: &Log, new: &Log) {
    let Log { format, level } = old;
    keys.applied("log.format", format, &new.format);
    keys.applied("log.level", level, &new.level);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::fixtures::{config, keys_of_the_file};

    /// Keys that are a part of another one here.
    const PARTS: &[(&str, &str)] = &[
        ("watchlist.file", "watchlist.creators"),
        ("heartbeat.url_file", "heartbeat.url"),
    ];

    #[test]
    fn every_key_of_the_file_is_applied_or_needs_a_restart() {
        let keys = compare(&config(1), &config(1));
        let named: BTreeSet<&str> = keys.0.iter().map(|key| key.name).collect();
        assert_eq!(named.len(), keys.0.len(), "a key is there twice");
        let mut seen = BTreeSet::new();
        for key in keys_of_the_file() {
            let part = PARTS.iter().find(|(part, _)| *part == key);
            let key = part.map_or(key.as_str(), |(_, whole)| whole);
            let whole = ["webhook", "watchlist.creators"].into_iter().find(|w| {
                key.strip_prefix(w)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            let key = whole.unwrap_or(key.strip_suffix("_file").unwrap_or(key));
            let name = named.get(key);
            seen.insert(*name.unwrap_or_else(|| panic!("nobody says what becomes of {key}")));
        }
        assert_eq!(seen, named, "keys that the file does not have");
    }

    #[test]
    fn only_the_store_and_the_listener_need_a_restart() {
        let keys = compare(&config(1), &config(1));
        let restart = keys.0.iter().filter(|k| k.effect == Effect::NeedsRestart);
        let restart: Vec<_> = restart.map(|key| key.name).collect();
        assert_eq!(restart, ["storage.url", "http.listen"]);
        assert!(keys.0.iter().all(|key| !key.changed));
    }

    #[test]
    fn what_differs_is_named() {
        let old = config(3);
        let mut new = config(3);
        new.polling.rules.confirm_offline += 1;
        new.creators[1].note = Some("ask Kim".to_owned());
        new.http.listen = Some(([127, 0, 0, 1], 1).into());
        Arc::make_mut(&mut new.webhooks[0]).url.push('x');
        let keys = compare(&old, &new);
        let applied = ["polling.confirm_offline", "watchlist.creators", "webhook"];
        assert_eq!(keys.changed(Effect::Applied), applied);
        assert_eq!(keys.changed(Effect::NeedsRestart), ["http.listen"]);
    }
}
