//! The secrets that sign a webhook's deliveries: one, several, or a file of them.

use toml::de::DeValue;

use super::super::super::options::Format;
use super::super::super::raw::{Node, Section};
use super::super::super::read::{Given, Reader};
use crate::domain::signature::SigningKey;

/// The keys that sign, from `secret` or `secret_file`.
pub(super) fn secrets(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    format: Format,
) -> Vec<SigningKey> {
    const HELP: &str =
        "add `secret = \"${WEBHOOK_SECRET}\"` or `secret_file`; `tallylight secret` makes one";
    let given = section.find("secret").is_some() || section.find("secret_file").is_some();
    if !given && !format.is_chat() {
        reader.missing(section, "secret", HELP);
    }
    let texts = match reader.either(section, "secret", "secret_file") {
        Some(Given::Inline(node)) => inline_secrets(reader, &node),
        Some(Given::File(node)) => secrets_of_file(reader, &node),
        None => Vec::new(),
    };
    let mut keys = Vec::new();
    for (text, node) in texts {
        match text.trim().parse::<SigningKey>() {
            Ok(key) if keys.contains(&key) => {
                reader.refuse(&node, "holds a secret that is given twice", "each secret signs once");
            }
            Ok(key) => keys.push(key),
            Err(error) => reader.refuse(
                &node,
                format_args!("holds no usable secret: {error}"),
                "a secret is `whsec_` and the base64 of 24 to 64 random bytes; `tallylight secret` makes one",
            ),
        }
    }
    keys
}

/// One secret or a list of them.
fn inline_secrets<'t>(reader: &mut Reader<'_>, node: &Node<'t>) -> Vec<(String, Node<'t>)> {
    let nodes = match node.value {
        DeValue::Array(_) => node.elements().unwrap_or_default(),
        _ => vec![node.clone()],
    };
    if nodes.is_empty() {
        reader.refuse(node, "holds nothing", "at least one secret has to sign");
    }
    let mut texts = Vec::new();
    for node in nodes {
        reader.warn_if_literal(&node);
        if let Some(text) = reader.text(&node) {
            texts.push((text, node));
        }
    }
    texts
}

/// One secret a line.
fn secrets_of_file<'t>(reader: &mut Reader<'_>, node: &Node<'t>) -> Vec<(String, Node<'t>)> {
    let Some((_, text)) = reader.file(node) else {
        return Vec::new();
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let texts: Vec<_> = lines.map(|line| (line.to_owned(), node.clone())).collect();
    if texts.is_empty() {
        reader.refuse(
            node,
            "names a file that holds nothing",
            "at least one secret has to sign",
        );
    }
    texts
}
