//! The commands from outside: `probe`, `demo` and what all have in common. `check` is tested
//! beside the configuration, `ping` beside the deliveries.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use tallylight::clock::Clock;
use tallylight::domain::Username;
use tallylight::simulator::world::TITLES;
use tallylight::simulator::{Account, Fault, Handle, Simulator, Stream, World, wire};
use tempfile::TempDir;

use crate::program::{Ran, SECRET, ran, tallylight};

const KEY: &str = "knbn_hunter2";
const COMMANDS: [&str; 17] = [
    "run",
    "check",
    "probe",
    "ping",
    "deliveries",
    "export",
    "backup",
    "demo",
    "status",
    "healthcheck",
    "import",
    "plan",
    "secret",
    "verify",
    "completions",
    "man",
    "schema",
];

/// A character of the output that could move a terminal's cursor, its colours or the direction of its text.
fn raw(ran: &Ran) -> Option<char> {
    let mut all = ran.stdout.chars().chain(ran.stderr.chars());
    all.find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c))
}

/// A simulated API and a configuration that asks it.
struct Place {
    api: Simulator,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let account = Account {
            key: KEY.to_owned(),
            credits: 100,
            ..Account::default()
        };
        let listener = wire::loopback().await.unwrap();
        let api = Simulator::start(listener, World::new(), account, Clock::system()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
[konbini]
api_key = "${{KEY}}"
base_url = "{}"
timeout = "300ms"

[watchlist]
creators = ["ann"]

[[webhook]]
id = "backend"
url = "http://127.0.0.1:9/hook"
secret = "{SECRET}"
"#,
            api.url()
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { api, folder }
    }

    fn handle(&self) -> Handle {
        self.api.handle()
    }

    async fn probe(&self, arguments: &[&str]) -> Ran {
        let mut command = tallylight();
        command
            .env("KEY", KEY)
            .env("TALLYLIGHT_CONFIG", self.folder.path().join("config.toml"))
            .arg("probe")
            .args(arguments);
        ran(command).await
    }
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// The one object on each line.
fn objects(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn probe_tells_people_who_is_live_and_what_it_cost() {
    let place = Place::new().await;
    place.handle().set_live(&name("ann"), Some("7"));
    let ran = place
        .probe(&["@Ann", "https://www.tiktok.com/@bob/live"])
        .await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("@ann is live: {}", TITLES[0]));
    assert!(lines[1].starts_with("  since ") && lines[1].ends_with(" ago"));
    assert_eq!(lines[3], "  room 7");
    let rest = [
        "@bob is not live, or there is no such user",
        "credits used: 2, remaining: 98",
    ];
    assert_eq!(lines[4..], rest);
    assert_eq!(place.handle().credits_used(), 2);
}

#[tokio::test]
async fn probe_tells_machines_the_same_one_object_a_line() {
    let place = Place::new().await;
    place.handle().set_live(&name("ann"), Some("7"));
    let ran = place.probe(&["--json", "ann", "bob"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let [ann, bob] = objects(&ran).try_into().unwrap();
    assert_eq!(
        (&ann["username"], &ann["outcome"]),
        (&"ann".into(), &"live".into())
    );
    assert_eq!(ann["stream"]["id"], "7");
    assert_eq!(ann["stream"]["url"], "https://www.tiktok.com/@ann/live");
    assert_eq!(
        (&bob["outcome"], &bob["stream"]),
        (&"offline".into(), &Value::Null)
    );
    assert_eq!(
        (&bob["credits_used"], &bob["credits_remaining"]),
        (&1.into(), &98.into())
    );
}

#[tokio::test]
async fn no_title_reaches_the_terminal_raw_and_every_one_reaches_a_machine_whole() {
    let place = Place::new().await;
    let now = Clock::system().now();
    let names: Vec<String> = (0..TITLES.len()).map(|n| format!("ann{n}")).collect();
    for (who, title) in names.iter().zip(TITLES) {
        let who = name(who);
        let stream = Stream::new(&who, now).titled(title);
        place.handle().begin(&who, stream);
    }
    let arguments: Vec<&str> = names.iter().map(String::as_str).collect();
    let ran = place.probe(&arguments).await;
    assert_eq!((ran.code, raw(&ran)), (Some(0), None), "{:?}", ran.stdout);
    // Four lines each: a title with line breaks in it has not made more.
    assert_eq!(ran.stdout.lines().count(), 4 * TITLES.len() + 1);
    let arguments = [&["--json"], arguments.as_slice()].concat();
    let ran = place.probe(&arguments).await;
    let titles: Vec<Value> = objects(&ran)
        .into_iter()
        .map(|line| line["stream"]["title"].clone())
        .collect();
    assert_eq!(titles, TITLES);
}

#[tokio::test]
async fn an_unclear_answer_exits_1_and_says_why_and_what_to_do() {
    let place = Place::new().await;
    let handle = place.handle();
    handle.fault_of(&name("ann"), Some(Fault::HtmlPage));
    let ran = place.probe(&["ann", "bob"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout
            .starts_with("@ann is unclear after 1 try\n  not_the_api: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("check konbini.base_url") && ran.stdout.contains("@bob is not live")
    );
    let ran = place.probe(&["--json", "ann"]).await;
    assert_eq!(
        (ran.code, &objects(&ran)[0]["cause"]),
        (Some(1), &"not_the_api".into())
    );
}

#[tokio::test]
async fn a_refused_key_exits_1_and_nobody_else_is_asked_for() {
    let place = Place::new().await;
    place.handle().set_key("knbn_another");
    let ran = place.probe(&["ann", "bob", "cid"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("@cid was not asked for: key_refused\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(place.handle().traffic().requests(), 1);
}

#[tokio::test]
async fn probe_needs_a_name_that_can_be_one_and_a_configuration_that_can_be_used() {
    let place = Place::new().await;
    for arguments in [&[][..], &["a b"], &["--json"], &["ann", "--oops"]] {
        let ran = place.probe(arguments).await;
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
    }
    fs::write(place.folder.path().join("config.toml"), "[konbini").unwrap();
    let ran = place.probe(&["ann"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(78), ""));
    assert_eq!(place.handle().traffic().connections(), 0);
}

#[test]
fn the_demo_shows_starts_keeps_its_promises_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = tallylight();
    command
        .current_dir(temporary.path())
        .env("TMPDIR", temporary.path())
        // A person's terminal would allow colours; a pipe does not.
        .env("TERM", "xterm-256color")
        .args(["demo", "--for", "6s"]);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let starts = ran.stdout.lines().filter(|line| line.contains(" LIVE "));
    assert!(starts.count() >= 1, "{}", ran.stdout);
    assert_eq!(raw(&ran), None, "{:?}", ran.stdout);
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_demo_too_short_or_too_long_to_watch_is_wrong_usage() {
    for span in ["1s", "2h", "six"] {
        let ran = Ran::of(tallylight().args(["demo", "--for", span]).output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains("from 5s to 1h"), "{}", ran.stderr);
    }
}

#[test]
fn help_lists_every_command_and_each_explains_itself() {
    let help = Ran::of(tallylight().arg("--help").output().unwrap());
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = help
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    let mut expected = COMMANDS.to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for command in COMMANDS {
        let ran = Ran::of(tallylight().args([command, "--help"]).output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(ran.stdout.contains("--config"), "{command}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for arguments in [&["completions", "bash"][..], &["man"], &["secret"]] {
        let mut child = tallylight()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
    }
}
