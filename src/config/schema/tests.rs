//! The schema against the mirror, the checker, the defaults and the committed file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use regex_automata::nfa::thompson::pikevm::PikeVM;

use super::super::raw::{TABLES, Table};
use super::super::{Loaded, Problems, Severity, from_text, load};
use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn env(name: &str) -> Option<String> {
    match name {
        "KONBINI_API_KEY" => Some("knbn_0123456789".to_owned()),
        "WEBHOOK_SECRET" => Some(SECRET.to_owned()),
        _ => None,
    }
}

fn load_text(text: &str) -> Result<Loaded, Problems> {
    from_text(Path::new("config.toml"), text.to_owned(), &env)
}

/// Whether `value` is what `schema` says; knows every keyword that [`schema`] writes, and no other.
fn accepts(schema: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().expect("a schema is an object");
    keywords.iter().all(|(keyword, wanted)| {
        let each = || wanted.as_array().expect("a list of schemas").iter();
        let number = value.as_f64();
        match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "properties" => true,
            "type" => type_of(value, wanted.as_str().unwrap()),
            "enum" => each().any(|one| one == value),
            "anyOf" => each().any(|one| accepts(one, value)),
            "oneOf" => each().filter(|one| accepts(one, value)).count() == 1,
            "not" => !accepts(wanted, value),
            "pattern" => value.as_str().is_none_or(|text| matches(wanted, text)),
            "minimum" => number.is_none_or(|n| n >= wanted.as_f64().unwrap()),
            "maximum" => number.is_none_or(|n| n <= wanted.as_f64().unwrap()),
            "exclusiveMinimum" => number.is_none_or(|n| n > wanted.as_f64().unwrap()),
            "minItems" => value
                .as_array()
                .is_none_or(|all| all.len() as u64 >= wanted.as_u64().unwrap()),
            "items" => value
                .as_array()
                .is_none_or(|all| all.iter().all(|one| accepts(wanted, one))),
            "required" => value
                .as_object()
                .is_none_or(|table| each().all(|key| table.contains_key(key.as_str().unwrap()))),
            "additionalProperties" => value.as_object().is_none_or(|table| {
                table
                    .iter()
                    .all(|(key, value)| match schema["properties"].get(key) {
                        Some(schema) => accepts(schema, value),
                        None => wanted.as_object().is_some() && accepts(wanted, value),
                    })
            }),
            keyword => panic!("the schema says {keyword}, which this does not know"),
        }
    })
}

fn type_of(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        name => panic!("no type {name}"),
    }
}

fn matches(pattern: &Value, text: &str) -> bool {
    let machine = PikeVM::new(pattern.as_str().unwrap()).unwrap();
    machine.is_match(&mut machine.create_cache(), text)
}

fn json(toml: &str) -> Value {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

fn refuses_file(text: &str) -> bool {
    !accepts(&schema(), &json(text))
}

/// The schema of one key.
fn of_key(known: &Table, key: &str) -> Value {
    let shape = SHAPES.iter().find(|shape| shape.table.name == known.name);
    let found = shape.unwrap().keys.iter().find(|k| k.name == key);
    property(found.unwrap_or_else(|| panic!("{key} of [{}] is not in the schema", known.name)))
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.schema.json");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == format!("{:#}\n", schema()),
        "write it anew: cargo run -- schema > config.schema.json"
    );
}

#[test]
fn every_key_of_the_mirror_is_in_the_schema_and_no_other() {
    assert_eq!(SHAPES.len(), TABLES.len());
    for known in TABLES {
        let shape = SHAPES.iter().find(|shape| shape.table.name == known.name);
        let shape = shape.unwrap_or_else(|| panic!("[{}] is not in the schema", known.name));
        let described: Vec<_> = shape.keys.iter().map(|key| key.name).collect();
        let unique: BTreeSet<_> = described.iter().copied().collect();
        assert_eq!(
            described.len(),
            unique.len(),
            "[{}] has a key twice",
            known.name
        );
        assert_eq!(
            unique,
            known.keys.iter().copied().collect(),
            "[{}]",
            known.name
        );
    }
}

#[test]
fn the_example_and_what_loads_are_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["config.example.toml", "contrib/debian/config.toml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(
            text.starts_with("#:schema "),
            "{file} does not name its schema"
        );
        assert!(!refuses_file(&text), "{file}");
    }
    load(&root.join("config.example.toml"), &env).unwrap();
}

/// A file that has nothing wrong with it but, perhaps, `key = value`.
fn with_value(known: &Table, key: &str, value: &str) -> String {
    let is = |table: &str, name: &str| known.name == table && key.starts_with(name);
    let base = |table: &str| {
        let lines: &[(&str, &str)] = match table {
            "konbini" => &[("api_key", "\"${KONBINI_API_KEY}\"")],
            "budget" => &[("credits_per_month", "1000")],
            "heartbeat" => &[("url", "\"https://hc.example/\"")],
            "webhook" => &[
                ("id", "\"b\""),
                ("url", "\"https://example.com/\""),
                ("secret", "\"${WEBHOOK_SECRET}\""),
            ],
            _ => &[],
        };
        let needed = lines.iter().filter(|(name, _)| !is(table, name));
        needed.fold(String::new(), |all, (name, value)| {
            all + name + " = " + value + "\n"
        })
    };
    let creators = match (known.name, key) {
        ("watchlist.creators", "username") => format!("[{{ username = {value} }}]"),
        ("watchlist.creators", _) => format!("[{{ username = \"khaby.lame\", {key} = {value} }}]"),
        _ => "[\"khaby.lame\"]".to_owned(),
    };
    let mut file = String::new();
    if known.name.is_empty() {
        file = format!("{key} = {value}\n");
    }
    for table in [
        "konbini",
        "budget",
        "polling",
        "sweep",
        "watchlist",
        "storage",
        "http",
        "heartbeat",
        "log",
        "webhook",
    ] {
        let here = table == known.name;
        let needed = ["konbini", "watchlist", "webhook"].contains(&table);
        if key == table || !(here || needed) {
            continue;
        }
        let header = if table == "webhook" {
            "[[webhook]]\n".to_owned()
        } else {
            format!("[{table}]\n")
        };
        file += &header;
        file += &base(table);
        if here {
            writeln!(file, "{key} = {value}").unwrap();
        }
        if table == "watchlist" && !(here && key == "creators") {
            writeln!(file, "creators = {creators}").unwrap();
        }
    }
    file
}

/// Values of every type, and on both sides of every bound.
const PROBES: [&str; 40] = [
    "\"text\"",
    "\"\"",
    "\"none\"",
    "\"5m\"",
    "\" 1h30m \"",
    "\"5\"",
    "\"1.5h\"",
    "\"0s\"",
    "\"5/s\"",
    "\"5/d\"",
    "\"${WEBHOOK_SECRET}\"",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "10",
    "11",
    "16",
    "31",
    "32",
    "33",
    "1000",
    "1001",
    "1024",
    "1025",
    "0.0",
    "0.001",
    "0.0005",
    "0.5",
    "0.51",
    "10.5",
    "1e12",
    "[]",
    "[\"text\"]",
    "[\"stream.started\"]",
    "[\"5m\", \"1h\"]",
    "{}",
    "{ a = \"b\" }",
];

/// What the checker says of a value that is of the wrong kind, which a schema can tell as well.
const TELLABLE: [&str; 5] = [
    "it has to be a",
    "allowed is 0",
    "allowed is 1 ",
    "allowed is more",
    "a duration is whole numbers",
];

#[test]
fn what_the_schema_refuses_the_checker_refuses_and_the_other_way_round() {
    let mut refused = 0;
    for known in TABLES.into_iter().filter(|known| !known.name.is_empty()) {
        for key in known.keys {
            let schema = of_key(known, key);
            let choices = schema["anyOf"][0]["enum"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let choices = choices.iter().map(ToString::to_string);
            for probe in PROBES.into_iter().map(str::to_owned).chain(choices) {
                let value = json(&format!("x = {probe}"))["x"].clone();
                let told = match load_text(&with_value(known, key, &probe)) {
                    Ok(_) => Vec::new(),
                    Err(problems) => problems.problems,
                };
                let about = |problem: &&super::super::Problem| {
                    problem.severity == Severity::Error && problem.key.contains(key)
                };
                let told: Vec<_> = told.iter().filter(about).collect();
                let place = format!("{key} = {probe} of [{}]", known.name);
                if probe.contains("${") {
                    assert!(accepts(&schema, &value) || !told.is_empty(), "{place}");
                } else if accepts(&schema, &value) {
                    let tellable = |p: &&super::super::Problem| {
                        let said = p.to_string();
                        said.contains("unknown value") || TELLABLE.iter().any(|t| said.contains(t))
                    };
                    let missed: Vec<_> = told
                        .into_iter()
                        .filter(tellable)
                        .map(ToString::to_string)
                        .collect();
                    assert!(missed.is_empty(), "the schema takes {place}: {missed:?}");
                } else {
                    assert!(
                        !told.is_empty(),
                        "the schema refuses {place}, which the checker takes"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn the_defaults_are_those_of_the_checker() {
    let mut seen = 0;
    for shape in SHAPES.iter().filter(|shape| !shape.table.name.is_empty()) {
        for key in shape.keys {
            let schema = property(key);
            let Some(default) = schema.get("default") else {
                continue;
            };
            assert!(accepts(&schema, default), "{}", key.name);
            let shown = |text: &str| {
                let loaded =
                    load_text(text).unwrap_or_else(|problems| panic!("{text}: {problems}"));
                let mut config = loaded.config;
                for creator in &mut config.creators {
                    // A line more or less above it is no other value.
                    creator.named_at = crate::config::NamedAt::default();
                }
                format!("{config:?}")
            };
            let given = with_value(shape.table, key.name, &default.to_string());
            let line = format!("{} = {default}", key.name);
            let left_out = given
                .replace(&format!(", {line}"), "")
                .replace(&format!("{line}\n"), "");
            assert_ne!(given, left_out, "{line}");
            assert_eq!(
                shown(&given),
                shown(&left_out),
                "{line} of [{}]",
                shape.table.name
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn what_is_missing_or_given_twice_is_seen() {
    let whole = with_value(&raw::KONBINI, "timeout", "\"15s\"");
    assert!(!refuses_file(&whole), "{whole}");
    for (found, replaced) in [
        ("[konbini]", "[other]"),
        ("api_key =", "api_kee ="),
        ("timeout = \"15s\"", "api_key_file = \"k\""),
        ("id = \"b\"", ""),
        ("url = ", "uri = "),
        ("secret =", "secret_file = \"s\"\nsecret ="),
        (
            "creators = [\"khaby.lame\"]",
            "creators = [{ priority = 1 }]",
        ),
    ] {
        let broken = whole.replacen(found, replaced, 1);
        assert_ne!(broken, whole);
        assert!(refuses_file(&broken), "{broken}");
        assert!(load_text(&broken).is_err(), "{broken}");
    }
}
