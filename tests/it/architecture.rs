//! Imports run down the table of ARCHITECTURE.md and never up, and pure rooms stay pure.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("abort", &[]),
    ("domain", &[]),
    ("clock", &["domain"]),
    ("schedule", &["domain"]),
    ("config", &["domain"]),
    ("store", &["abort", "config", "domain"]),
    ("webhook", &["clock", "config", "domain"]),
    ("konbini", &["config", "domain"]),
    ("simulator", &["clock", "domain"]),
    ("metrics", &[]),
    ("web", &["clock", "config", "domain", "metrics", "store"]),
    (
        "daemon",
        &[
            "abort", "clock", "config", "domain", "konbini", "metrics", "schedule", "store", "web",
            "webhook",
        ],
    ),
    (
        "cli",
        &[
            "clock",
            "config",
            "daemon",
            "domain",
            "konbini",
            "schedule",
            "simulator",
            "store",
            "web",
            "webhook",
        ],
    ),
];

/// Rooms that decide and do not act, and what acting would need.
const PURE: &[&str] = &["domain", "schedule"];
const ACTS: &[&str] = &[
    "tokio",
    "reqwest",
    "rusqlite",
    "axum",
    "hyper",
    "tracing",
    "rand::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant",
    "println!",
];

#[test]
fn imports_run_down_and_never_up() {
    let mut seen = BTreeSet::new();
    for (room, path, code) in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            assert!(
                matches!(room.as_str(), "lib" | "main"),
                "{room} is in no table"
            );
            continue;
        };
        for used in rooms_used(&code) {
            let fine = used == room || allowed.contains(&used.as_str());
            assert!(fine, "{}: {room} may not use {used}", path.display());
        }
        seen.insert(room);
    }
    assert_eq!(
        seen.len(),
        MAY_USE.len(),
        "a room of the table is gone: {seen:?}"
    );
}

#[test]
fn pure_rooms_touch_nothing() {
    let mut files = 0;
    for (room, path, code) in sources()
        .into_iter()
        .filter(|s| PURE.contains(&s.0.as_str()))
    {
        files += 1;
        for word in ACTS {
            let found = code
                .lines()
                .find(|line| !is_comment(line) && line.contains(word));
            assert!(
                found.is_none(),
                "{}: {room} is pure, but: {found:?}",
                path.display()
            );
        }
    }
    assert!(files > 10, "only {files} files of pure rooms found");
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Room, path and code without tests of every source file.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .filter(|path| !is_test_file(path))
        .map(|path| {
            let code = fs::read_to_string(&path).unwrap();
            let code = code
                .split("\n#[cfg(test)]\nmod ")
                .next()
                .unwrap_or_default()
                .to_owned();
            let inside = path.strip_prefix(&root).unwrap();
            let first = Path::new(inside.iter().next().unwrap());
            let name = first.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, path, code)
        })
        .collect()
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    matches!(name, "tests" | "fixtures" | "contract" | "fake")
        || path.iter().any(|part| part == "tests")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// The names after `crate::` outside of comments, braces included.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let code: String = code.lines().filter(|line| !is_comment(line)).collect();
    code.split("crate::")
        .skip(1)
        .flat_map(|after| match after.strip_prefix('{') {
            Some(group) => group
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .collect(),
            None => vec![after],
        })
        .map(|name| {
            name.trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}
