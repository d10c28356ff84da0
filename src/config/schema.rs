//! The configuration's JSON Schema, for editors: `config.schema.json` is this, written down.
//!
//! What a key takes is said in `keys`; the tests hold that against the mirror (every key is there,
//! and no other) and against the checker (what one refuses the other refuses). A schema sees one
//! value at a time: lengths of durations, files, and what fits together are the checker's.

mod keys;
mod shape;

use serde_json::{Map, Value, json};

use self::keys::SHAPES;
use self::shape::{Default, Key, Kind, Pair, Shape};
use super::raw::{self, Table};
use crate::domain::EventType;

/// What a string with a variable in it looks like; it may become anything.
const VARIABLE: &str = r"\$\{";

/// The schema of the whole file, JSON Schema draft 7.
pub fn schema() -> Value {
    let mut schema = table(&raw::ROOT);
    let head = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "tallylight's configuration"),
    ];
    for (key, text) in head {
        schema[key] = text.into();
    }
    schema
}

/// The schema of one table.
fn table(known: &'static Table) -> Value {
    let Some(shape) = SHAPES.iter().find(|shape| shape.table.name == known.name) else {
        return json!({ "type": "object" });
    };
    let properties: Map<_, _> = shape
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": shape.about,
        "additionalProperties": false,
        "properties": properties,
    });
    if !shape.required.is_empty() {
        schema["required"] = shape.required.into();
    }
    pairs(shape, &mut schema);
    schema
}

/// A secret is given in one of two ways.
fn pairs(shape: &Shape, schema: &mut Value) {
    match shape.pair {
        None => {}
        Some(Pair::One(one, other)) => {
            schema["oneOf"] = json!([{ "required": [one] }, { "required": [other] }]);
        }
        Some(Pair::NotBoth(one, other)) => {
            schema["not"] = json!({ "required": [one, other] });
        }
    }
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    if !key.about.is_empty() {
        schema["description"] = key.about.into();
    }
    if let Some(default) = &key.default {
        schema["default"] = match default {
            Default::Text(text) => (*text).into(),
            Default::Whole(number) => (*number).into(),
            Default::Number(number) => (*number).into(),
            Default::Flag(flag) => (*flag).into(),
            Default::Texts(texts) => (*texts).into(),
        };
    }
    schema
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => list(&json!({ "type": "string" })),
        Kind::OneOrMore => json!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "minItems": 1, "items": { "type": "string" } },
        ] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
        Kind::Positive(most) => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": most }),
        Kind::Duration => matching(r"^\s*([0-9]+(ms|[smhd]))+\s*$"),
        Kind::DurationOrNone => matching(r"^\s*([0-9]+(ms|[smhd]))+\s*$|^none$"),
        Kind::Durations => list(&matching(r"^\s*([0-9]+(ms|[smhd]))+\s*$")),
        Kind::Rate => matching("^[0-9]+/[smh]$"),
        Kind::Choice(choices) => choice(choices),
        Kind::Events => {
            let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
            let mut events = list(&choice(&names));
            events["minItems"] = 1.into();
            events
        }
        Kind::Strings => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Kind::Table(known) => table(known),
        Kind::Tables(known) => list(&table(known)),
        Kind::TextsOrTables(known) => {
            list(&json!({ "anyOf": [{ "type": "string" }, table(known)] }))
        }
    }
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn matching(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("{pattern}|{VARIABLE}") })
}

fn choice(names: &[&str]) -> Value {
    json!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": VARIABLE }] })
}

#[cfg(test)]
mod tests;
