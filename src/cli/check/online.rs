//! `check --online`: asks the API once for everybody on the watchlist.
//!
//! What is wrong is told on stdout as it is found, with its place in the file. The first
//! name is asked for alone: a key that is refused is refused once. Nothing is repeated
//! that could cost a second credit.

mod list;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::cli::figures::{counted, grouped, rough};
use crate::cli::probe::{advice, spent, sum};
use crate::cli::say;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::domain::Observation;
use crate::domain::observation::{Cause, Remedy, Unclear};
use crate::domain::retry::poll_retry;
use crate::konbini::answer::{ProfileAnswer, ProfileFinding};
use crate::konbini::{Client, Credits, Source as _};
use crate::schedule::CreatorIndex;
use crate::schedule::gate::{Gate, Passage};
use crate::schedule::queue::Queue;
use crate::schedule::rate::RateLimit;

/// So many names in a row without a certain answer mean that the API is to blame.
const GIVE_UP_AFTER: u32 = 10;
/// How often the API may ask for a pause over one name before that one is given up.
const MOST_PAUSES: u32 = 3;

/// Says what it will cost, asks, and says what it found; exit code 0 if everybody exists.
pub(super) fn run(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let client = Client::new(&loaded.config.konbini)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\n{}", announcement(loaded))?;
    stdout.flush()?;
    let mut inquiry = Inquiry::new(loaded);
    let everybody = runtime.block_on(inquiry.run(&client, ctrl_c(), &mut stdout))?;
    if inquiry.stop.is_none() {
        let reading = async {
            tokio::select! {
                read = list::read(&loaded.config, &client) => read,
                () = ctrl_c() => None,
            }
        };
        if let Some((verdict, credits)) = runtime.block_on(reading) {
            writeln!(stdout, "{verdict}\n{}", spent(credits))?;
        }
    }
    Ok(if everybody {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What is about to be spent, before anything is.
fn announcement(loaded: &Loaded) -> String {
    let creators = loaded.config.creators.len();
    let rate = loaded.config.polling.max_requests_per_second;
    let span = Duration::from_secs_f64(creators as f64 / rate);
    let mut text = format!(
        "online: asking the API once for {} costs up to {}",
        counted(creators, "creator"),
        counted(creators, "credit"),
    );
    if span > Duration::from_secs(10) {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            ", and takes {} at max_requests_per_second = {rate}",
            rough(span)
        );
    }
    text.push_str(&list::announcement(&loaded.config));
    text
}

/// Why the rest is not asked for.
#[derive(Debug)]
enum Stop {
    Interrupted,
    /// The key or the credits are refused, or no answer can be had.
    Hopeless(Unclear),
}

/// What to do next.
enum Next {
    Ask(CreatorIndex),
    WaitUntil(Duration),
    WaitForOthers,
}

/// Everybody who is to be asked for, and what came of it so far.
struct Inquiry<'a> {
    loaded: &'a Loaded,
    clock: Clock,
    rate: RateLimit,
    gate: Gate,
    waiting: Queue,
    /// Until the key works, a name that is tried again holds up the others.
    held_until: Duration,
    /// Failed tries of names that are asked for again.
    failed: HashMap<CreatorIndex, u32>,
    unclear_in_a_row: u32,
    stop: Option<Stop>,
    tally: Tally,
}

/// How many there are of each.
#[derive(Debug, Default)]
struct Tally {
    exist: usize,
    missing: usize,
    renamed: usize,
    unclear: usize,
    credits: Credits,
}

impl<'a> Inquiry<'a> {
    fn new(loaded: &'a Loaded) -> Self {
        let config = &loaded.config;
        let mut waiting = Queue::new();
        for (index, _) in (0..).zip(&config.creators) {
            waiting.schedule(index, Duration::ZERO);
        }
        Self {
            loaded,
            clock: Clock::system(),
            rate: RateLimit::new(config.polling.max_requests_per_second, 1),
            gate: Gate::Open,
            waiting,
            held_until: Duration::ZERO,
            failed: HashMap::new(),
            unclear_in_a_row: 0,
            stop: None,
            tally: Tally::default(),
        }
    }

    /// Asks for everybody until `interrupted`; whether all exist.
    async fn run(
        &mut self,
        client: &Client,
        interrupted: impl Future<Output = ()>,
        out: &mut impl Write,
    ) -> io::Result<bool> {
        let mut interrupted = pin!(interrupted);
        let creators = &self.loaded.config.creators;
        let mut under_way = FuturesUnordered::new();
        loop {
            let wake = match self.next(under_way.len()) {
                Next::Ask(index) => {
                    let name = &creators[index as usize].username;
                    under_way.push(async move { (index, client.profile(name).await) });
                    continue;
                }
                Next::WaitUntil(due) => due,
                Next::WaitForOthers if under_way.is_empty() => break,
                Next::WaitForOthers => Duration::MAX,
            };
            tokio::select! {
                Some((index, answer)) = under_way.next() => {
                    if let Some(line) = self.take(index, answer) {
                        writeln!(out, "{line}")?;
                        out.flush()?;
                    }
                }
                () = self.clock.sleep_until(wake) => {}
                () = &mut interrupted => {
                    self.stop = Some(Stop::Interrupted);
                    under_way.clear();
                }
            }
        }
        writeln!(out, "{}", self.summary())?;
        Ok(self.tally.exist == creators.len())
    }

    fn next(&mut self, in_flight: usize) -> Next {
        let most = if self.key_works() {
            self.loaded.config.polling.max_in_flight
        } else {
            1
        };
        let Some((index, due)) = self.waiting.peek() else {
            return Next::WaitForOthers;
        };
        if self.stop.is_some() || in_flight >= most {
            return Next::WaitForOthers;
        }
        let now = self.clock.monotonic();
        if due.max(self.held_until) > now {
            return Next::WaitUntil(due.max(self.held_until));
        }
        if let Passage::Closed(Some(until)) = self.gate.passage(now) {
            return Next::WaitUntil(until);
        }
        if !self.rate.try_pass(now) {
            return Next::WaitUntil(self.rate.earliest(now));
        }
        self.waiting.cancel(index);
        Next::Ask(index)
    }

    /// Whether the API ever answered with certainty, which it does for nobody without a key.
    fn key_works(&self) -> bool {
        self.tally.exist + self.tally.missing + self.tally.renamed > 0
    }

    /// Takes one answer; what there is to say about it.
    fn take(&mut self, index: CreatorIndex, answer: ProfileAnswer) -> Option<String> {
        self.tally.credits = sum(self.tally.credits, answer.credits);
        let asked = &self.loaded.config.creators[index as usize].username;
        let (word, rest) = match answer.finding {
            ProfileFinding::Unclear(unclear) => return self.unclear(index, unclear),
            ProfileFinding::Exists(user) if user.username == *asked => {
                self.tally.exist += 1;
                self.unclear_in_a_row = 0;
                return None;
            }
            ProfileFinding::Exists(user) => {
                self.tally.renamed += 1;
                let now = format!("now called @{}: change the watchlist", user.username);
                ("renamed", now)
            }
            ProfileFinding::Missing => {
                self.tally.missing += 1;
                ("missing", "no such user, or nobody may see it".to_owned())
            }
        };
        self.unclear_in_a_row = 0;
        Some(self.line(index, word, &rest))
    }

    fn unclear(&mut self, index: CreatorIndex, unclear: Unclear) -> Option<String> {
        if unclear.cause.remedy() == Remedy::Suspend {
            self.stop = Some(Stop::Hopeless(unclear));
            return None;
        }
        if self.is_asked_again(index, &unclear) {
            return None;
        }
        self.tally.unclear += 1;
        self.unclear_in_a_row += 1;
        let line = self.line(index, "unclear", &unclear.to_string());
        let patience = if self.key_works() { GIVE_UP_AFTER } else { 1 };
        if concerns_everybody(unclear.cause) && self.unclear_in_a_row >= patience {
            self.stop = Some(Stop::Hopeless(unclear));
        }
        Some(line)
    }

    /// Whether the name is queued again: a passing fault or a 429 cost no credit.
    fn is_asked_again(&mut self, index: CreatorIndex, unclear: &Unclear) -> bool {
        let failed = self.failed.entry(index).or_default();
        *failed += 1;
        let now = self.clock.monotonic();
        let wait = match unclear.cause.remedy() {
            Remedy::RetrySoon => poll_retry(*failed, rand::random()),
            Remedy::Pause if *failed <= MOST_PAUSES => Some(self.pause(unclear, now)),
            _ => None,
        };
        let Some(wait) = wait else { return false };
        if self.key_works() {
            self.waiting.schedule(index, now + wait);
        } else {
            self.held_until = now + wait;
            self.waiting.schedule(index, Duration::ZERO);
        }
        true
    }

    /// Nobody is asked for until the API's wish is fulfilled; for how long.
    fn pause(&mut self, unclear: &Unclear, now: Duration) -> Duration {
        let answer = Observation::Unclear(unclear.clone());
        self.gate.observe(&answer, false, now);
        let wait = match self.gate.passage(now) {
            Passage::Closed(Some(until)) => until.saturating_sub(now),
            _ => Duration::ZERO,
        };
        say(&format!(
            "tallylight: the API asks for a pause: going on in {}\n",
            rough(wait)
        ));
        wait
    }

    fn line(&self, index: CreatorIndex, word: &str, rest: &str) -> String {
        let name = format!("@{}", self.loaded.config.creators[index as usize].username);
        let place = self.loaded.creators_at.get(index as usize);
        let place = place.map_or_else(String::new, |line| format!("{line}  "));
        format!("  {word}  {name:<25}  {place}{rest}")
    }

    /// The last lines.
    fn summary(&self) -> String {
        let tally = &self.tally;
        let mut text = match &self.stop {
            None => String::new(),
            Some(Stop::Interrupted) => "online: interrupted\n".to_owned(),
            Some(Stop::Hopeless(unclear)) => {
                format!("online: gave up: {unclear}\n  {}\n", advice(unclear.cause))
            }
        };
        let key = if self.key_works() {
            "the key works, "
        } else {
            ""
        };
        let all = self.loaded.config.creators.len();
        let creators = counted(all, "creator");
        // Writing into a string cannot fail.
        let _ = write!(text, "online: {key}{} of {creators} exist", tally.exist);
        let told = tally.exist + tally.missing + tally.renamed + tally.unclear;
        for (count, what) in [
            (tally.missing, "missing"),
            (tally.renamed, "renamed"),
            (tally.unclear, "unclear"),
            (all - told, "without an answer"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {} {what}", grouped(count as f64));
            }
        }
        format!("{text}\n{}", spent(tally.credits))
    }
}

/// Whether a name that stays unclear for this reason says something about the API.
fn concerns_everybody(cause: Cause) -> bool {
    cause == Cause::NotTheApi || matches!(cause.remedy(), Remedy::RetrySoon | Remedy::Pause)
}
