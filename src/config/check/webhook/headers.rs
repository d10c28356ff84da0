//! Headers that a webhook wants sent along; those that deliveries need themselves are refused.

use super::super::super::Secret;
use super::super::super::problem::Finding;
use super::super::super::raw::{Node, Section};
use super::super::super::read::Reader;
use super::super::super::redact::names_secret;

/// The headers sent along, by lower-case name.
pub(super) fn headers(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let Some(node) = section.find("headers") else {
        return headers;
    };
    let Some(entries) = node.entries() else {
        reader.wrong_type(&node, "a table: { name = \"value\" }");
        return headers;
    };
    for (name, span, node) in entries {
        let lower = name.to_ascii_lowercase();
        let problem = header_problem(&lower, &headers);
        if let Some((what, help)) = problem {
            let finding = Finding::at(
                span,
                section.path_of("headers"),
                format!("a header of `{}` {what}", section.path),
            );
            reader.report(finding.help(help));
        } else if let Some(value) = header_value(reader, &lower, &node) {
            headers.push((lower, value));
        }
    }
    headers
}

/// Why a header of this lower-case name cannot be sent along.
fn header_problem(name: &str, others: &[(String, Secret)]) -> Option<(&'static str, &'static str)> {
    const RESERVED: [&str; 3] = ["webhook-", "content-", "transfer-"];
    let reserved = RESERVED.iter().any(|prefix| name.starts_with(prefix));
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some((
            "is not a header's name",
            "allowed are letters, digits and `-`",
        ));
    }
    if reserved || matches!(name, "host" | "connection") {
        let help = "`webhook-*`, `content-*`, `transfer-*`, `host` and `connection` are set by the program";
        return Some(("is reserved", help));
    }
    let twice = others.iter().any(|(other, _)| other == name);
    twice.then_some((
        "is given twice",
        "upper and lower case are the same to HTTP",
    ))
}

fn header_value(reader: &mut Reader<'_>, name: &str, node: &Node<'_>) -> Option<Secret> {
    if names_secret(name) {
        reader.warn_if_literal(node);
    }
    let value = reader.text(node)?;
    if http::HeaderValue::from_str(&value).is_err() {
        reader.refuse(
            node,
            "is no header's value",
            "line breaks and control characters are not allowed",
        );
        return None;
    }
    Some(Secret::new(value))
}
