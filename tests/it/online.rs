//! `check --online` from outside: the real program against the simulated API.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tallylight::clock::Clock;
use tallylight::domain::Username;
use tallylight::simulator::api::Call;
use tallylight::simulator::{Account, Fault, Handle, Simulator, World, wire};
use tempfile::TempDir;

use crate::program::{Ran, SECRET, ran, signal, tallylight};

const KEY: &str = "knbn_hunter2";

/// A configuration that names the first creator itself and the others in a list.
struct Place {
    api: Simulator,
    folder: TempDir,
}

fn name(number: usize) -> Username {
    format!("creator{number}").parse().unwrap()
}

impl Place {
    /// All `creators` exist, and there are plenty of credits.
    async fn of(creators: usize) -> Self {
        let mut world = World::new();
        (0..creators).for_each(|number| world.add(&name(number)));
        let account = Account {
            key: KEY.to_owned(),
            ..Account::default()
        };
        let listener = wire::loopback().await.unwrap();
        let api = Simulator::start(listener, world, account, Clock::system()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let list: Vec<String> = (1..creators)
            .map(|number| format!("# nr. {number}\n{}", name(number)))
            .collect();
        fs::write(folder.path().join("creators.txt"), list.join("\n")).unwrap();
        let place = Self { api, folder };
        place.configure("max_requests_per_second = 1000");
        place
    }

    fn configure(&self, polling: &str) {
        let text = format!(
            r#"[konbini]
api_key = "${{KEY}}"
base_url = "{}"

[polling]
{polling}

[watchlist]
file = "creators.txt"
creators = [
  "creator0",
]

[[webhook]]
id = "backend"
url = "http://127.0.0.1:9/hook"
secret = "${{SECRET}}"
"#,
            self.api.url()
        );
        fs::write(self.folder.path().join("config.toml"), text).unwrap();
    }

    fn handle(&self) -> Handle {
        self.api.handle()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tallylight();
        command
            .env("KEY", KEY)
            .env("SECRET", SECRET)
            .current_dir(self.folder.path())
            .args(["--config", "config.toml"])
            .args(arguments);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments)).await
    }

    async fn check(&self) -> Ran {
        self.run(&["check", "--online"]).await
    }

    /// For how long after the first request each of them came.
    fn times(&self) -> Vec<Duration> {
        let log = self.handle().log();
        let first = log[0].at_monotonic;
        log.iter()
            .map(|one| one.at_monotonic.saturating_sub(first))
            .collect()
    }
}

/// What was said from the announcement on.
fn online(ran: &Ran) -> &str {
    let start = ran.stdout.find("online: asking").unwrap();
    assert!(ran.stdout.starts_with("the configuration is fine"));
    &ran.stdout[start..]
}

#[tokio::test]
async fn everybody_exists_and_each_was_asked_for_once() {
    let place = Place::of(40).await;
    let ran = place.check().await;
    let expected = "\
online: asking the API once for 40 creators costs up to 40 credits
online: the key works, 40 of 40 creators exist
credits used: 40, remaining: 24960
";
    assert_eq!((online(&ran), ran.stderr.as_str()), (expected, ""));
    assert_eq!(ran.code, Some(0));
    let log = place.handle().log();
    assert!(log.iter().all(|one| one.call == Call::Profile));
    let mut asked: Vec<_> = log.into_iter().filter_map(|one| one.username).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 40);
    assert_eq!(place.handle().traffic().requests(), 40);
}

#[tokio::test]
async fn nothing_is_asked_without_the_option_or_if_the_configuration_is_unusable() {
    let place = Place::of(2).await;
    assert_eq!(place.run(&["check"]).await.code, Some(0));
    place.configure("interval = 5");
    let ran = place.check().await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(78), ""));
    assert_eq!(place.handle().traffic().connections(), 0);
}

#[tokio::test]
async fn who_is_missing_renamed_or_unclear_is_named_with_the_line_that_names_them() {
    let place = Place::of(5).await;
    let handle = place.handle();
    handle.change_world(|world| {
        world.remove(&name(0));
        world.remove(&name(2));
    });
    handle.fault_of(&name(3), Some(Fault::SomebodyElse));
    handle.fault_of(&name(4), Some(Fault::HtmlPage));
    let ran = place.check().await;
    let mut lines: Vec<&str> = online(&ran).lines().collect();
    let found = lines.len() - 2;
    lines[1..found].sort_unstable();
    let told = [
        "  missing  @creator0                  config.toml:11  no such user, or nobody may see it",
        "  missing  @creator2                  creators.txt:4  no such user, or nobody may see it",
        "  renamed  @creator3                  creators.txt:6  now called @somebody.else: change the watchlist",
    ];
    assert_eq!(lines[1..4], told);
    let unclear = "  unclear  @creator4                  creators.txt:8  not_the_api: ";
    assert!(lines[4].starts_with(unclear), "{}", lines[4]);
    let summary = "online: the key works, 1 of 5 creators exist, 2 missing, 1 renamed, 1 unclear";
    assert_eq!(lines[5], summary);
    assert_eq!(ran.code, Some(1));
}

#[tokio::test]
async fn a_refused_key_is_refused_once() {
    let place = Place::of(50).await;
    place.handle().set_key("knbn_another");
    let ran = place.check().await;
    assert_eq!(ran.code, Some(1));
    assert!(
        online(&ran).contains("\nonline: gave up: key_refused: "),
        "{}",
        ran.stdout
    );
    assert!(
        online(&ran).contains("check konbini.api_key"),
        "{}",
        ran.stdout
    );
    assert!(
        online(&ran).contains("\nonline: 0 of 50 creators exist, 50 without an answer\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(place.handle().traffic().requests(), 1);
}

#[tokio::test]
async fn credits_that_run_out_end_it() {
    let place = Place::of(200).await;
    place.configure("max_requests_per_second = 1000\nmax_in_flight = 4");
    place.handle().set_credits(20);
    let ran = place.check().await;
    assert_eq!(ran.code, Some(1));
    assert!(
        online(&ran).contains("gave up: credits_exhausted: "),
        "{}",
        ran.stdout
    );
    let told = "\nonline: the key works, 20 of 200 creators exist, 180 without an answer\n";
    assert!(online(&ran).contains(told), "{}", ran.stdout);
    assert!(online(&ran).ends_with("credits used: 20, remaining: 0\n"));
    // Those that were under way when the first refusal came.
    assert!(place.handle().traffic().requests() <= 20 + 4);
}

#[tokio::test]
async fn it_keeps_to_the_rate() {
    let place = Place::of(11).await;
    place.configure("max_requests_per_second = 20");
    assert_eq!(place.check().await.code, Some(0));
    let times = place.times();
    // What a request takes to arrive differs by less than half the spacing.
    let (last, shortest) = (*times.last().unwrap(), Duration::from_millis(10 * 50 - 25));
    assert!(times.len() == 11 && last >= shortest, "{times:?}");
}

#[tokio::test]
async fn it_keeps_to_the_requests_under_way() {
    let place = Place::of(30).await;
    place.configure("max_requests_per_second = 1000\nmax_in_flight = 3");
    let slow = Fault::Slow(Duration::from_millis(40));
    place.handle().fault_everywhere(Some(slow));
    assert_eq!(place.check().await.code, Some(0));
    assert_eq!(place.handle().traffic().most_in_flight(), 3);
}

#[tokio::test]
async fn an_api_that_never_answers_with_certainty_is_given_up_after_the_first_name() {
    let place = Place::of(30).await;
    place
        .handle()
        .fault_everywhere(Some(Fault::Error(502, "upstream_error")));
    let ran = place.check().await;
    assert_eq!(ran.code, Some(1));
    assert!(online(&ran).contains("gave up: server_fault: "));
    let told = "online: 0 of 30 creators exist, 1 unclear, 29 without an answer\n";
    assert!(online(&ran).contains(told), "{}", ran.stdout);
    assert_eq!(place.handle().traffic().requests(), 4, "three retries");
}

#[tokio::test]
async fn a_429_pauses_it_and_it_goes_on() {
    let place = Place::of(3).await;
    let handle = place.handle();
    handle.fault_of(&name(0), Some(Fault::RateLimited(Some(1))));
    let lifted = async {
        while handle.traffic().requests() == 0 || handle.traffic().in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        handle.fault_of(&name(0), None);
    };
    let (ran, ()) = tokio::join!(place.check(), lifted);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let told = "tallylight: the API asks for a pause: going on in 1s\n";
    assert_eq!(ran.stderr, told);
    let times = place.times();
    assert_eq!(times.len(), 4);
    assert!(times[1] >= Duration::from_millis(950), "{times:?}");
}

/// Reads lines until the announcement.
fn until_announced(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("online: asking the API once for 3 creators costs up to 3 credits") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "never announced");
    }
    lines
}

#[tokio::test]
async fn the_cost_is_told_before_it_is_spent_and_ctrl_c_ends_it_with_a_summary() {
    let place = Place::of(3).await;
    let handle = place.handle();
    handle.fault_everywhere(Some(Fault::Hang));
    let mut command = place.command(&["check", "--online"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut child, mut rest) = tokio::task::spawn_blocking(move || {
        let lines = until_announced(&mut child);
        (child, lines)
    })
    .await
    .unwrap();
    while handle.traffic().in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(handle.credits_used(), 0);
    signal(child.id(), "INT");
    let (code, told) = tokio::task::spawn_blocking(move || {
        let mut told = String::new();
        rest.read_to_string(&mut told).unwrap();
        (child.wait().unwrap().code(), told)
    })
    .await
    .unwrap();
    let expected = "\
online: interrupted
online: 0 of 3 creators exist, 3 without an answer
credits used: unknown, remaining: unknown
";
    assert_eq!((code, told.as_str()), (Some(1), expected));
}

#[tokio::test]
async fn whom_the_account_of_the_sweeps_follows_is_told_for_credits_that_were_announced() {
    let place = Place::of(40).await;
    place.configure(
        "schedule = \"learned\"\nmax_requests_per_second = 1000\n[budget]\n\
         credits_per_month = 25000\n[sweep]\naccount = \"watcher\"",
    );
    let follows: Vec<_> = (0..38).map(name).collect();
    let watcher = "watcher".parse().unwrap();
    place.handle().set_following(&watcher, &follows, 1);
    let ran = place.check().await;
    let expected = "\
online: asking the API once for 40 creators costs up to 40 credits
online: reading whom @watcher follows costs up to 6 credits more
online: the key works, 40 of 40 creators exist
credits used: 40, remaining: 24960
online: @watcher follows 38 of 40 creators; follow these to make them thirty times cheaper: \
@creator38, @creator39
credits used: 2, remaining: 24958
";
    assert_eq!((online(&ran), ran.stderr.as_str()), (expected, ""));
    assert_eq!(ran.code, Some(0));

    place
        .handle()
        .change_following(&watcher, |list, _| list.hidden = true);
    let ran = place.check().await;
    let told = "online: the list of @watcher cannot be seen: private, or no such account\n";
    assert!(online(&ran).contains(told), "{}", ran.stdout);

    let plan = place.run(&["plan"]).await;
    assert!(
        plan.stdout.contains("with sweeps of whom @watcher follows"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("if flags show 95 % of streams: "),
        "{}",
        plan.stdout
    );
}
