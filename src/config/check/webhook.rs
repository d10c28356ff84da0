//! `[[webhook]]`: who is told what, where, and how it is signed.

mod headers;
mod signing;

use std::sync::Arc;
use std::time::Duration;

use self::headers::headers;
use self::signing::secrets;
use super::super::options::{ClientIdentity, Format, Rate, SignatureStyle, TextFile};
use super::super::problem::{Finding, Place};
use super::super::raw::{self, Node, Section};
use super::super::read::{Bounds, Limit, Reader};
use super::super::suggest::{closest, did_you_mean, listed};
use super::super::{Creator, Secret, Webhook, WebhookId};
use super::url::{Plain, request_url};
use super::watchlist::{labels, username};
use crate::domain::retry::RetrySchedule;
use crate::domain::{EventType, Username};

const TIMEOUT: Bounds = Bounds {
    least: Duration::from_secs(1),
    most: Duration::from_secs(30),
    why: ": a receiver that hangs holds one of the webhook's places",
};
const RETRY_WAIT: Bounds = Bounds {
    least: Duration::from_millis(1),
    most: Duration::from_hours(7 * 24),
    why: "",
};
const MAX_AGE: Bounds = Bounds {
    least: Duration::from_secs(1),
    most: Duration::from_hours(30 * 24),
    why: ", or \"none\"",
};
const MOST_RETRIES: usize = 50;

/// The webhooks, with what later checks need to point at them.
pub(super) struct Webhooks {
    pub(super) checked: Vec<Arc<Webhook>>,
    /// Every id that could be read, also of webhooks with other problems.
    pub(super) ids: Vec<WebhookId>,
    /// Creators that webhooks name: path and place of each.
    named: Vec<(Username, String, std::ops::Range<usize>)>,
}

/// Every `[[webhook]]`.
pub(super) fn webhooks(reader: &mut Reader<'_>, root: &Section<'_>) -> Webhooks {
    let mut webhooks = Webhooks {
        checked: Vec::new(),
        ids: Vec::new(),
        named: Vec::new(),
    };
    let is_empty = |node: &Node<'_>| node.elements().is_some_and(|all| all.is_empty());
    let Some(node) = root.find("webhook").filter(|node| !is_empty(node)) else {
        let message = "there is no webhook, so nobody is told";
        reader.report(
            Finding::absent("webhook", message)
                .warning()
                .help("add a [[webhook]]"),
        );
        return webhooks;
    };
    let wanted = "a list of tables: [[webhook]] with two brackets";
    let mut first_places: Vec<(WebhookId, Place)> = Vec::new();
    for node in reader.list(&node, wanted).unwrap_or_default() {
        let section = reader.open(&node, &raw::WEBHOOK, "a table: [[webhook]]");
        let id = id(reader, &section, &mut first_places);
        let webhook = webhook(reader, &section, id.clone(), &mut webhooks.named);
        webhooks.ids.extend(id);
        webhooks.checked.push(Arc::new(webhook));
    }
    webhooks
}

/// Warns of creators that webhooks name and that nobody watches.
pub(super) fn known_creators(reader: &mut Reader<'_>, webhooks: &Webhooks, creators: &[Creator]) {
    if webhooks.named.is_empty() {
        return;
    }
    let known: std::collections::HashSet<_> = creators.iter().map(|c| &c.username).collect();
    for (name, path, span) in &webhooks.named {
        if !known.contains(name) {
            let guess = closest(name.as_str(), creators.iter().map(|c| c.username.as_str()));
            let message = format!("`{path}` is not on the watchlist");
            let finding = Finding::at(span.clone(), path.as_str(), message).warning();
            reader.report(finding.maybe_help(guess.map(did_you_mean)));
        }
    }
}

fn id(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    first_places: &mut Vec<(WebhookId, Place)>,
) -> Option<WebhookId> {
    let Some(node) = section.find("id") else {
        reader.missing(
            section,
            "id",
            "a name for this webhook in logs, metrics and other keys",
        );
        return None;
    };
    let id = reader.text(&node)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !(1..=64).contains(&id.len()) || !id.chars().all(allowed) {
        reader.refuse(
            &node,
            "is not an id",
            "allowed are 1 to 64 letters, digits, `_`, `-` and `.`",
        );
        return None;
    }
    let id: WebhookId = id.into();
    let place = Place {
        file: 0,
        span: node.span.clone(),
    };
    if let Some((_, first)) = first_places.iter().find(|(known, _)| *known == id) {
        let message = format!("two webhooks have the id `{id}`");
        reader.report(
            Finding::at(node.span, node.path, message)
                .label("again here")
                .also(first.clone(), "first here"),
        );
    } else {
        first_places.push((Arc::clone(&id), place));
    }
    Some(id)
}

fn webhook(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    id: Option<WebhookId>,
    named: &mut Vec<(Username, String, std::ops::Range<usize>)>,
) -> Webhook {
    let allow_http = reader.boolean(section, "allow_http").unwrap_or(false);
    let format = format(reader, section);
    let max_age = reader.duration_or_none(section, "max_age", MAX_AGE);
    let concurrency = reader.integer(section, "concurrency", 1..=32, "");
    Webhook {
        id: id.unwrap_or_else(|| "".into()),
        url: url(reader, section, allow_http).unwrap_or_default(),
        secrets: secrets(reader, section, format),
        events: events(reader, section),
        timeout: reader
            .duration(section, "timeout", TIMEOUT)
            .unwrap_or(Webhook::TIMEOUT),
        retry: retry(reader, section).unwrap_or_default(),
        max_age: match max_age {
            Some(Limit::At(age)) => Some(age),
            Some(Limit::None) => None,
            None => format.is_chat().then_some(Webhook::CHAT_MAX_AGE),
        },
        announce_resumed: reader
            .boolean(section, "announce_resumed")
            .unwrap_or(!format.is_chat()),
        headers: headers(reader, section),
        concurrency: concurrency
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(Webhook::CONCURRENCY),
        creators: creators(reader, section, named),
        labels: labels(reader, section),
        enabled: reader.boolean(section, "enabled").unwrap_or(true),
        ..transport(reader, section, allow_http, format)
    }
}

/// The keys about how a request travels; the rest is left at its default.
fn transport(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    allow_http: bool,
    format: Format,
) -> Webhook {
    let styles = [
        ("standard", SignatureStyle::Standard),
        ("github", SignatureStyle::Github),
    ];
    let style = reader.choice(section, "signature_style", &styles);
    Webhook {
        format,
        allow_http,
        signature_style: style.unwrap_or_default(),
        rate: rate(reader, section),
        proxy: proxy(reader, section),
        ca_file: text_file(reader, section, "ca_file"),
        client_identity: client_identity(reader, section),
        template: template(reader, section, format),
        ..Webhook::default()
    }
}

fn format(reader: &mut Reader<'_>, section: &Section<'_>) -> Format {
    let formats = [
        ("standard", Format::Standard),
        ("discord", Format::Discord),
        ("slack", Format::Slack),
        ("ntfy", Format::Ntfy),
        ("template", Format::Template),
    ];
    let format = reader
        .choice(section, "format", &formats)
        .unwrap_or_default();
    if format == Format::Template && section.find("template").is_none() {
        reader.missing(
            section,
            "template",
            "format = \"template\" needs the name of a file",
        );
    }
    format
}

/// The template's text; whether it is any good is the sending room's to say.
fn template(reader: &mut Reader<'_>, section: &Section<'_>, format: Format) -> Option<TextFile> {
    let node = section.find("template")?;
    if format != Format::Template {
        let message = format!(
            "`{}` has no effect without format = \"template\"",
            node.path
        );
        reader.report(Finding::at(node.span.clone(), node.path.as_str(), message).warning());
    }
    text_file(reader, section, "template")
}

/// The text of the file that `key` names.
fn text_file(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &'static str,
) -> Option<TextFile> {
    const MOST: usize = 1024 * 1024;
    let node = section.find(key)?;
    let (path, text) = reader.file(&node)?;
    if text.len() > MOST {
        reader.refuse(&node, "names a file that is too large", "allowed is 1 MiB");
        return None;
    }
    Some(TextFile {
        path,
        text: text.into(),
    })
}

fn url(reader: &mut Reader<'_>, section: &Section<'_>, allow_http: bool) -> Option<String> {
    let Some(node) = section.find("url") else {
        reader.missing(section, "url", "where the events are sent");
        return None;
    };
    let plain = if allow_http {
        Plain::Allowed
    } else {
        Plain::LoopbackUnlessAllowed
    };
    request_url(reader, &node, plain)
}

fn events(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<EventType> {
    let Some(node) = section.find("events") else {
        return Webhook::default().events;
    };
    let mut events = Vec::new();
    let elements = reader
        .list(&node, "a list: of event types")
        .unwrap_or_default();
    if elements.is_empty() && node.value.is_array() {
        let help = "leave it out for the default, or switch the webhook off with `enabled = false`";
        reader.refuse(&node, "is empty", help);
    }
    for node in elements {
        let Some(name) = reader.text(&node) else {
            continue;
        };
        match name.parse::<EventType>() {
            Ok(kind) if events.contains(&kind) => {
                reader.refuse(&node, format_args!("is `{kind}` again"), "each type once");
            }
            Ok(kind) => events.push(kind),
            Err(_) => unknown_event(reader, &node, &name),
        }
    }
    events
}

fn unknown_event(reader: &mut Reader<'_>, node: &Node<'_>, name: &str) {
    let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    let guess = closest(name, names.iter().copied());
    let message = format!("`{}` is no event type", node.path);
    reader.report(
        Finding::at(node.span.clone(), node.path.as_str(), message)
            .help(format!("allowed are {}", listed(&names)))
            .maybe_help(guess.map(did_you_mean)),
    );
}

fn retry(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<RetrySchedule> {
    let node = section.find("retry")?;
    let elements = reader.list(&node, "a list: of durations")?;
    if elements.len() > MOST_RETRIES {
        let help = format!("allowed are {MOST_RETRIES}");
        reader.refuse(&node, format_args!("has {} waits", elements.len()), help);
    }
    let waits = elements
        .iter()
        .filter_map(|node| reader.duration_of(node, RETRY_WAIT));
    Some(RetrySchedule::new(waits.collect()))
}

fn creators(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    named: &mut Vec<(Username, String, std::ops::Range<usize>)>,
) -> Option<Vec<Username>> {
    let node = section.find("creators")?;
    let mut usernames = Vec::new();
    for node in reader.list(&node, "a list: of usernames")? {
        if let Some(name) = username(reader, &node) {
            named.push((name.clone(), node.path, node.span));
            usernames.push(name);
        }
    }
    Some(usernames)
}

fn rate(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Rate> {
    let node = section.find("rate")?;
    let rate = Rate::parse(&reader.text(&node)?);
    if rate.is_none() {
        reader.refuse(&node, "is not a rate", Rate::FORM);
    }
    rate
}

fn proxy(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Secret> {
    let node = section.find("proxy")?;
    request_url(reader, &node, Plain::Allowed).map(Secret::new)
}

fn client_identity(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ClientIdentity> {
    let cert = section.find("client_cert_file");
    let key = section.find("client_key_file");
    for (one, other, name) in [
        (&cert, &key, "client_key_file"),
        (&key, &cert, "client_cert_file"),
    ] {
        if let (Some(one), None) = (one, other) {
            reader.refuse(
                one,
                format_args!("needs `{name}`"),
                "a certificate and its key belong together",
            );
        }
    }
    let cert = text_file(reader, section, "client_cert_file");
    let key = text_file(reader, section, "client_key_file");
    Some(ClientIdentity {
        cert: cert?,
        key: Secret::new(&*key?.text),
    })
}
