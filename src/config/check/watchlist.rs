//! `[watchlist]`: creators of the file and of the list beside it, each once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeValue;

use super::super::options::{Hours, TimeZoneName};
use super::super::problem::{Finding, Place, Source};
use super::super::raw::{self, Node, Section};
use super::super::read::Reader;
use super::super::redact::Blanks;
use super::super::suggest::{closest, did_you_mean, listed};
use super::super::{Creator, WebhookId};
use super::polling::{ordered, wait};
use crate::domain::Username;
use crate::domain::event::Labels;

/// Collects creators and where each was named first.
struct Watchlist {
    creators: Vec<Creator>,
    places: HashMap<Username, Place>,
}

/// Every creator; problems may point into the list, which is then one of `sources`.
pub(super) fn creators(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    webhooks: &[WebhookId],
    sources: &mut Vec<Source>,
) -> Vec<Creator> {
    let mut watchlist = Watchlist {
        creators: Vec::new(),
        places: HashMap::new(),
    };
    let found = reader.findings.len();
    if let Some(node) = section.find("creators") {
        let wanted = "a list: of usernames, or of tables with a `username`";
        for node in reader.list(&node, wanted).unwrap_or_default() {
            if let Some((creator, span)) = creator(reader, &node, webhooks) {
                watchlist.add(reader, creator, Place { file: 0, span });
            }
        }
    }
    let list = section.find("file").and_then(|node| reader.file(&node));
    if let Some((path, text)) = list {
        watchlist.read_list(reader, path, text, sources);
    }
    if watchlist.creators.is_empty() && reader.findings.len() == found {
        nobody(reader, section);
    }
    watchlist.creators
}

fn nobody(reader: &mut Reader<'_>, section: &Section<'_>) {
    let message = "the watchlist is empty";
    let finding = match section.find("creators").or_else(|| section.find("file")) {
        Some(node) => Finding::at(node.span, "watchlist", message),
        None => match &section.span {
            Some(span) => Finding::at(span.clone(), "watchlist", message),
            None => Finding::absent("watchlist", message),
        },
    };
    let help = "name at least one creator in `creators` of [watchlist], or in its `file`";
    reader.report(finding.help(help));
}

impl Watchlist {
    fn add(&mut self, reader: &mut Reader<'_>, creator: Creator, place: Place) {
        let Some(first) = self.places.get(&creator.username) else {
            reader.creators_at.push(place.clone());
            self.places.insert(creator.username.clone(), place);
            self.creators.push(creator);
            return;
        };
        let message = format!("{} is on the watchlist twice", creator.username);
        reader.report(
            Finding::at(0..0, "watchlist", message)
                .in_place(place)
                .label("again here")
                .also(first.clone(), "first here"),
        );
    }

    /// One username a line, `#` begins a comment.
    fn read_list(
        &mut self,
        reader: &mut Reader<'_>,
        path: PathBuf,
        text: String,
        sources: &mut Vec<Source>,
    ) {
        let file = sources.len();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let name = line
                .trim_start_matches('\u{feff}')
                .split('#')
                .next()
                .unwrap_or_default();
            // A URL may have a fragment, but its name comes before it.
            let name = name.trim();
            if !name.is_empty() {
                let start = at + line.find(name).unwrap_or_default();
                let place = Place {
                    file,
                    span: start..start + name.len(),
                };
                match name.parse() {
                    Ok(username) => self.add(reader, Creator::new(username), place),
                    Err(error) => {
                        let help = "one username a line; `#` begins a comment";
                        reader.report(
                            Finding::at(0..0, "watchlist.file", format!("not a username: {error}"))
                                .in_place(place)
                                .help(help),
                        );
                    }
                }
            }
            at += line.len();
        }
        let blanks = Blanks::of_list(&text);
        sources.push(Source { path, text, blanks });
    }
}

/// A creator of the main file, and where its name stands.
fn creator(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    webhooks: &[WebhookId],
) -> Option<(Creator, std::ops::Range<usize>)> {
    if node.value.is_str() {
        return Some((Creator::new(username(reader, node)?), node.span.clone()));
    }
    if !node.value.is_table() {
        reader.wrong_type(node, "a username: a string, or a table with a `username`");
        return None;
    }
    let section = reader.open(node, &raw::CREATOR, "a table");
    let name = section.find("username");
    if name.is_none() {
        reader.missing(
            &section,
            "username",
            "the creator's name, as in { username = \"khaby.lame\" }",
        );
    }
    let username = name.as_ref().and_then(|node| username(reader, node));
    let creator = details(reader, &section, webhooks);
    let username = username?;
    Some((
        Creator {
            username,
            ..creator?
        },
        name?.span,
    ))
}

/// Everything but the name.
fn details(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    webhooks: &[WebhookId],
) -> Option<Creator> {
    let placeholder: Username = "nobody".parse().ok()?;
    let default = Creator::new(placeholder);
    let weight = |weight: f64| weight > 0.0 && weight <= 1_000.0;
    let priority = reader.number(section, "priority", weight, "more than 0, at most 1000");
    pinned(reader, section);
    ordered(reader, section);
    let time_zone = time_zone(reader, section);
    let hours = section
        .find("hours")
        .and_then(|node| hours(reader, &node, time_zone.as_ref()));
    for key in ["hours", "strict_hours", "time_zone"] {
        if let Some(node) = section.find(key) {
            reader.learned_only(&node);
        }
    }
    Some(Creator {
        priority: priority.unwrap_or(default.priority),
        interval: wait(reader, section, "interval"),
        min_interval: wait(reader, section, "min_interval"),
        max_interval: wait(reader, section, "max_interval"),
        hours,
        strict_hours: strict_hours(reader, section),
        time_zone,
        webhooks: chosen_webhooks(reader, section, webhooks),
        labels: Arc::new(labels(reader, section)),
        note: section
            .find("note")
            .and_then(|node| reader.line(&node, 500)),
        ..default
    })
}

/// An interval of its own leaves nothing to bound.
fn pinned(reader: &mut Reader<'_>, section: &Section<'_>) {
    let Some(interval) = section.find("interval") else {
        return;
    };
    for key in ["min_interval", "max_interval"] {
        if let Some(node) = section.find(key) {
            let message = format!("`{}` cannot stand beside `interval`", node.path);
            let first = Place {
                file: 0,
                span: interval.span.clone(),
            };
            reader.report(
                Finding::at(node.span, node.path, message)
                    .also(first, "this is the interval, always")
                    .help("leave out one of them"),
            );
        }
    }
}

fn strict_hours(reader: &mut Reader<'_>, section: &Section<'_>) -> bool {
    let strict = reader.boolean(section, "strict_hours").unwrap_or(false);
    if let (true, None, Some(node)) = (strict, section.find("hours"), section.find("strict_hours"))
    {
        reader.refuse(
            &node,
            "needs `hours`",
            "add `hours = \"18:00-02:00 Europe/Berlin\"`",
        );
    }
    strict
}

fn chosen_webhooks(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    webhooks: &[WebhookId],
) -> Option<Vec<WebhookId>> {
    let node = section.find("webhooks")?;
    let mut chosen = Vec::new();
    for node in reader.list(&node, "a list: of webhooks' ids")? {
        let Some(id) = reader.text(&node) else {
            continue;
        };
        if let Some(known) = webhooks.iter().find(|known| ***known == *id) {
            chosen.push(Arc::clone(known));
            continue;
        }
        let known: Vec<&str> = webhooks.iter().map(|id| &**id).collect();
        let guess = closest(&id, known.iter().copied());
        let message = format!("`{}` names a webhook that does not exist", node.path);
        let help = guess.map_or_else(|| format!("the ids are: {}", listed(&known)), did_you_mean);
        reader.report(Finding::at(node.span, node.path, message).help(help));
    }
    Some(chosen)
}

/// `labels`, of a creator or of a webhook.
pub(super) fn labels(reader: &mut Reader<'_>, section: &Section<'_>) -> Labels {
    const MOST: usize = 32;
    let mut labels = Labels::new();
    let Some(node) = section.find("labels") else {
        return labels;
    };
    let Some(entries) = node.entries() else {
        reader.wrong_type(&node, "a table: { name = \"value\" }");
        return labels;
    };
    if entries.len() > MOST {
        reader.refuse(
            &node,
            format_args!("has {} entries", entries.len()),
            format!("allowed are {MOST}"),
        );
    }
    for (key, span, node) in entries {
        if key.is_empty() || key.chars().count() > 50 || key.chars().any(char::is_control) {
            let message = format!(
                "a name in `{}.labels` is empty, too long or not plain text",
                section.path
            );
            let finding = Finding::at(span, section.path_of("labels"), message);
            reader.report(finding.help("allowed are 1 to 50 characters"));
        } else if let Some(value) = label_value(reader, &node) {
            labels.insert(key.to_owned(), value);
        }
    }
    labels
}

fn label_value(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    let value = reader.text(node)?;
    if value.chars().count() > 200 {
        reader.refuse(node, "is too long", "allowed are 200 characters");
        return None;
    }
    Some(value)
}

/// A username in any spelling that people paste.
pub(super) fn username(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Username> {
    if !matches!(node.value, DeValue::String(_)) {
        reader.wrong_type(node, "a username: a string");
        return None;
    }
    match reader.text(node)?.parse() {
        Ok(username) => Some(username),
        Err(error) => {
            reader.refuse(node, "is not a username", error.to_string());
            None
        }
    }
}

fn time_zone(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<TimeZoneName> {
    let node = section.find("time_zone")?;
    let text = reader.text(&node)?;
    let zone = TimeZoneName::new(&text);
    if zone.is_none() {
        reader.refuse(&node, "is not a known time zone", TimeZoneName::FORM);
    }
    zone
}

fn hours(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    default: Option<&TimeZoneName>,
) -> Option<Hours> {
    let text = reader.text(node)?;
    match Hours::parse(&text, default) {
        Ok(hours) => Some(hours),
        Err(error) => {
            reader.refuse(node, error, Hours::FORM);
            None
        }
    }
}
