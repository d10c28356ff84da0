//! `check` from outside: what broken configurations are told, that no secret is ever shown,
//! exit codes, and which stream says what.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broken;
mod command;
mod secrets;

use std::path::Path;

use tallylight::config::{Loaded, Problems, load};
use tempfile::TempDir;

use crate::program::SECRET;

/// A directory with a configuration and the files it names.
struct Place {
    dir: TempDir,
}

impl Place {
    /// Writes `text` as `config.toml`.
    fn with_config(text: impl AsRef<[u8]>) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        place.write("config.toml", text);
        place
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.dir.path().join(name), content).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("config.toml")
    }

    fn load(&self) -> Result<Loaded, Problems> {
        load(&self.path(), &env)
    }

    /// What was told, with the directory's name made constant.
    fn told(&self) -> String {
        let told = match self.load() {
            Err(problems) => problems.to_string(),
            Ok(loaded) => {
                let warnings = loaded.warnings.iter().map(|w| format!("{w}\n\n"));
                warnings.chain(["loaded".to_owned()]).collect()
            }
        };
        told.replace(&shown(self.dir.path()), "/etc/tallylight")
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("knbn_from_the_environment".to_owned()),
        "SECRET" => Some(SECRET.to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// A configuration without a fault, in parts that tests replace.
const GOOD: &str = r#"[konbini]
api_key = "${KEY}"

[watchlist]
creators = ["khaby.lame", "bellapoarch"]

[[webhook]]
id = "backend"
url = "https://example.com/hooks/live"
secret = "${SECRET}"
"#;
