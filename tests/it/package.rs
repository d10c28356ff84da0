//! What is shipped beside the program names files, commands, keys and metrics that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tallylight::metrics::Metrics;

/// The metrics that are served, without their prefix; that they are the contract's is tested beside them.
fn served() -> BTreeSet<String> {
    let metrics = Metrics::default();
    metrics.webhook_joins("backend");
    let text = metrics.text();
    let types = text.lines();
    let types = types.filter_map(|line| line.strip_prefix("# TYPE tallylight_"));
    let names = types.filter_map(|rest| rest.split(' ').next());
    names.map(str::to_owned).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Whether the program has this command.
fn is_command(name: &str) -> bool {
    let program = env!("CARGO_BIN_EXE_tallylight");
    let ran = Command::new(program).args([name, "--help"]).output();
    ran.unwrap().status.success()
}

/// The instructions of the Dockerfile as keyword and rest, lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = text("Dockerfile").replace("\\\n", " ");
    let lines = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let split = lines.map(|line| line.split_once(' ').unwrap());
    split
        .map(|(keyword, rest)| (keyword.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn all(keyword: &str) -> Vec<String> {
    let found = instructions()
        .into_iter()
        .filter(|(name, _)| name == keyword);
    found.map(|(_, rest)| rest).collect()
}

/// The words of an instruction in exec form; a shell form would be no JSON.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|_| panic!("{json} is not in exec form"))
}

#[test]
fn the_image_starts_a_command_that_exists_as_a_numeric_user() {
    assert_eq!(all("FROM").len(), 2);
    assert!(all("FROM")[1].contains("distroless"));
    assert_eq!(all("USER"), ["65532:65532"]);
    let [entrypoint, command] = ["ENTRYPOINT", "CMD"].map(|keyword| words(&all(keyword)[0]));
    assert_eq!(entrypoint, ["/tallylight"]);
    assert_eq!(command.len(), 1);
    assert!(is_command(&command[0]), "{command:?}");
    assert!(!is_command("no-such-command"));
}

#[test]
fn the_health_check_of_the_image_exists() {
    let health = all("HEALTHCHECK").remove(0);
    let (_, command) = health.split_once("CMD ").unwrap();
    let command = words(command);
    assert_eq!(command[0], "/tallylight");
    assert!(is_command(&command[1]), "{command:?}");
}

#[test]
fn the_image_copies_what_exists_and_is_not_ignored() {
    let allowed: Vec<_> = text(".dockerignore").lines().map(str::to_owned).collect();
    assert!(allowed.contains(&"*".to_owned()));
    let mut copied = BTreeSet::new();
    for copy in all("COPY").iter().filter(|copy| !copy.starts_with("--")) {
        let words: Vec<_> = copy.split_whitespace().collect();
        let (_, sources) = words.split_last().unwrap();
        for source in sources {
            assert!(root().join(source).exists(), "{source}");
            assert!(
                allowed.contains(&format!("!{source}")),
                "{source} is ignored"
            );
            copied.insert((*source).to_owned());
        }
    }
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    for bench in manifest["bench"].as_array().unwrap() {
        let name = bench["name"].as_str().unwrap();
        let path = bench.get("path").and_then(toml::Value::as_str);
        let path = path.map_or_else(|| format!("benches/{name}.rs"), str::to_owned);
        let first = path.split('/').next().unwrap();
        assert!(
            copied.contains(first),
            "cargo wants {path}, which is not copied"
        );
    }
    let built = all("COPY")
        .iter()
        .any(|copy| copy.contains("/target/release/tallylight /tallylight"));
    assert!(built && manifest["package"]["name"].as_str() == Some("tallylight"));
    assert!(all("RUN")[0].contains("--bin tallylight"));
}

#[test]
fn the_debian_package_ships_what_exists() {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let mut shipped = 0;
    for asset in deb["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        shipped += 1;
        if !source.starts_with("target/") {
            let folder = Path::new(source).parent().unwrap();
            let there = if source.contains('*') {
                root().join(folder)
            } else {
                root().join(source)
            };
            assert!(there.exists(), "{source}");
        }
    }
    assert!(shipped > 10);
    let conffile = deb["conf-files"][0].as_str().unwrap();
    let is_shipped = |asset: &toml::Value| format!("/{}", asset[1].as_str().unwrap()) == conffile;
    assert!(deb["assets"].as_array().unwrap().iter().any(is_shipped));
    let units = deb["systemd-units"]["unit-scripts"].as_str().unwrap();
    assert!(root().join(units).join("tallylight.service").exists());
}

#[test]
fn the_unit_runs_commands_that_exist() {
    let unit = text("systemd/tallylight.service");
    let mut seen = 0;
    for line in unit.lines().filter(|line| line.starts_with("Exec")) {
        let Some((_, arguments)) = line.split_once("/usr/bin/tallylight ") else {
            continue;
        };
        assert!(is_command(arguments.split(' ').next().unwrap()), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 2, "the start and the check before a reload");
}

#[test]
fn the_credentials_that_the_configuration_names_are_loaded() {
    let unit = text("systemd/tallylight.service");
    let example = text("systemd/tallylight.service.d/credentials.conf.example");
    for (file, units) in [
        ("contrib/debian/config.toml", unit.clone()),
        (
            "systemd/tallylight.service.d/credentials.conf.example",
            unit.clone() + &example,
        ),
    ] {
        let text = text(file);
        let named = text.split("${CREDENTIALS_DIRECTORY}/").skip(1);
        let named: Vec<_> = named.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(named.len() >= 2, "{file}");
        for name in named {
            let line = format!("LoadCredential={name}:/etc/tallylight/credentials/{name}\n");
            assert!(units.contains(&line), "{file}: {name}");
        }
    }
}

/// Every metric that `text` names, without prefix and the suffixes of a histogram.
fn metrics(text: &str) -> BTreeSet<String> {
    let names = text.split("tallylight_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    names
        .map(|name| {
            name.strip_suffix("_bucket")
                .map(str::to_owned)
                .unwrap_or(name)
        })
        .collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_of_the_contract() {
    let served = served();
    assert_eq!(served.len(), 20, "{served:?}");
    for (file, least) in [
        ("contrib/prometheus/alerts.yml", 8),
        ("contrib/grafana/tallylight.json", served.len()),
    ] {
        let named = metrics(&text(file));
        assert!(named.len() >= least, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&served).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let dashboard: Value = serde_json::from_str(&text("contrib/grafana/tallylight.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(
        panels
            .iter()
            .all(|panel| panel["targets"][0]["expr"].is_string())
    );
    assert!(panels.len() > 10);
}

#[test]
fn the_commands_that_the_readme_shows_exist() {
    let readme = text("README.md");
    let mut seen = BTreeSet::new();
    let shells = ["`", "$ ", "$(", "sudo ", "credentials "];
    for (at, _) in readme.match_indices("tallylight ") {
        let word = readme[at + 11..]
            .split(|c: char| !c.is_ascii_lowercase())
            .next();
        let shown = shells.iter().any(|shell| readme[..at].ends_with(shell));
        seen.extend(
            word.filter(|word| shown && !word.is_empty())
                .map(str::to_owned),
        );
    }
    for always in ["check", "run", "probe", "ping", "secret"] {
        assert!(seen.contains(always), "{always} is not shown: {seen:?}");
    }
    let missing: Vec<_> = seen.iter().filter(|name| !is_command(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
