//! `tallylight probe USERNAME...`: asks the API once for each, and says what the answer means.
//!
//! Touches neither the store nor a running daemon; the credits it costs are the account's.
//! A passing fault is asked again as the daemon would: up to three times, it costs nothing.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::observation::{Cause, LiveStream, Observation, Remedy, Unclear};
use crate::domain::retry::poll_retry;
use crate::domain::text::Printable;
use crate::domain::{Timestamp, Username};
use crate::konbini::{Answer, Client, Credits, Source};

const HELP: &str = "\
With --json, one object a line:
  username           the name, lower case, without @
  outcome            live, offline (not live, or no such user) or unclear
  stream             if live, else null: id, url, title, started_at, viewers, views
  cause              if unclear, else null: timeout, connection, server_fault, body_too_large,
                     malformed, not_the_api, invalid_username, unknown_error, rate_limited,
                     key_refused or credits_exhausted
  detail             if unclear, else null: one sentence
  retry_after_seconds  how long the API asked to wait, else null
  tries              requests made, 0 if an earlier answer made asking pointless
  credits_used       credits charged for these, null if no answer said so
  credits_remaining  what the account has left, null if unknown

Exit codes: 0 if every answer is certain, 1 if one is unclear.";

/// Ask the API once for each username and say what the answer means
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Names, with or without @, or addresses of profiles
    #[arg(required = true, value_name = "USERNAME")]
    pub(super) usernames: Vec<Username>,

    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Asks, prints to stdout, and gives the exit code.
pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    let client = Client::new(&config.konbini)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut stdout = io::stdout().lock();
    let certain = runtime.block_on(probe(args, &client, &Clock::system(), &mut stdout));
    Ok(if certain? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Asks for each name in turn and writes what it learns; whether all of it is certain.
pub(super) async fn probe(
    args: &Args,
    source: &dyn Source,
    clock: &Clock,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let mut reports: Vec<Report> = Vec::new();
    for username in &args.usernames {
        let report = match reports.last().and_then(Report::obstacle) {
            Some(unclear) => Report::pointless(username, unclear),
            None => Report::ask(username, source).await,
        };
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&Line::of(&report))?)?;
        } else {
            write!(out, "{}", report.for_people(clock.now()))?;
        }
        out.flush()?;
        reports.push(report);
    }
    if !args.json {
        writeln!(out, "{}", credits_line(&reports))?;
    }
    Ok(reports.iter().all(Report::is_certain))
}

/// What asking for one name brought, retries included.
struct Report {
    username: Username,
    observation: Observation,
    tries: u32,
    credits: Credits,
}

impl Report {
    async fn ask(username: &Username, source: &dyn Source) -> Self {
        let mut tries = 0;
        let mut credits = Credits::default();
        loop {
            let Answer {
                observation,
                credits: new,
            } = source.poll(username).await;
            tries += 1;
            credits = sum(credits, new);
            let again = match &observation {
                Observation::Unclear(unclear) if unclear.remedy() == Remedy::RetrySoon => {
                    poll_retry(tries, rand::random())
                }
                _ => None,
            };
            let Some(wait) = again else {
                return Self {
                    username: username.clone(),
                    observation,
                    tries,
                    credits,
                };
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// The report on a name that was not asked for, since `unclear` stands in everybody's way.
    fn pointless(username: &Username, unclear: &Unclear) -> Self {
        Self {
            username: username.clone(),
            observation: Observation::Unclear(unclear.clone()),
            tries: 0,
            credits: Credits::default(),
        }
    }

    fn is_certain(&self) -> bool {
        !matches!(self.observation, Observation::Unclear(_))
    }

    /// What makes asking for anybody else pointless, if something does.
    fn obstacle(&self) -> Option<&Unclear> {
        match &self.observation {
            Observation::Unclear(unclear) => {
                let for_all = matches!(unclear.cause.remedy(), Remedy::Suspend | Remedy::Pause);
                for_all.then_some(unclear)
            }
            _ => None,
        }
    }

    fn for_people(&self, now: Timestamp) -> String {
        let name = &self.username;
        match &self.observation {
            Observation::Live(stream) => format!("@{name} is live{}\n", about(stream, now)),
            Observation::Offline => format!("@{name} is not live, or there is no such user\n"),
            Observation::Unclear(unclear) if self.tries == 0 => {
                format!("@{name} was not asked for: {}\n", unclear.cause.label())
            }
            Observation::Unclear(unclear) => format!(
                "@{name} is unclear after {} {}\n  {unclear}\n  {}\n",
                self.tries,
                if self.tries == 1 { "try" } else { "tries" },
                advice(unclear.cause)
            ),
        }
    }
}

/// What two answers together say of the account.
pub(super) fn sum(before: Credits, new: Credits) -> Credits {
    let used = match (before.used, new.used) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Credits {
        used,
        remaining: new.remaining.or(before.remaining),
    }
}

fn about(stream: &LiveStream, now: Timestamp) -> String {
    let title = stream.title.as_deref();
    let title = title.map(|title| format!(": {}", Printable(title)));
    let since = stream.started_at.map(|at| {
        let minutes = now.since(at).as_secs() / 60;
        format!("\n  since {at}, {minutes} min ago")
    });
    let viewers = stream.viewers.map(|count| format!("\n  {count} viewers"));
    let room = format!("\n  room {}", stream.room);
    [title, since, viewers, Some(room)]
        .into_iter()
        .flatten()
        .collect()
}

fn credits_line(reports: &[Report]) -> String {
    let credits = reports.iter().map(|report| report.credits);
    spent(credits.fold(Credits::default(), sum))
}

/// What was charged, and what is left.
pub(super) fn spent(total: Credits) -> String {
    let known = |number: Option<u64>| number.map_or("unknown".to_owned(), |n| n.to_string());
    format!(
        "credits used: {}, remaining: {}",
        known(total.used),
        known(total.remaining)
    )
}

/// What a person can do about it.
pub(super) fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout | Cause::Connection => {
            "check the network, konbini.base_url and konbini.timeout; the daemon would try again"
        }
        Cause::ServerFault => "nothing to do here: the daemon would try again",
        Cause::BodyTooLarge | Cause::Malformed | Cause::UnknownError | Cause::Stale => {
            "if it stays so, the API has changed: look for a newer tallylight"
        }
        Cause::NotTheApi => "check konbini.base_url, and what stands between here and the API",
        Cause::InvalidUsername => "check the spelling of the name",
        Cause::RateLimited => {
            "wait; lower polling.max_requests_per_second if the daemon sees it too"
        }
        Cause::KeyRefused => "check konbini.api_key, and the key's state at konbiniapi.com",
        Cause::CreditsExhausted => "wait for the renewal, or upgrade the plan at konbiniapi.com",
    }
}

/// One line of `--json`; see [`HELP`].
#[derive(Serialize)]
struct Line<'a> {
    username: &'a Username,
    outcome: &'static str,
    stream: Option<StreamLine<'a>>,
    cause: Option<&'static str>,
    detail: Option<&'a str>,
    retry_after_seconds: Option<u64>,
    tries: u32,
    credits_used: Option<u64>,
    credits_remaining: Option<u64>,
}

#[derive(Serialize)]
struct StreamLine<'a> {
    id: &'a str,
    url: String,
    title: Option<&'a str>,
    started_at: Option<Timestamp>,
    viewers: Option<u64>,
    views: Option<u64>,
}

impl<'a> Line<'a> {
    fn of(report: &'a Report) -> Self {
        let (stream, unclear) = match &report.observation {
            Observation::Live(stream) => (Some(stream), None),
            Observation::Offline => (None, None),
            Observation::Unclear(unclear) => (None, Some(unclear)),
        };
        Self {
            username: &report.username,
            outcome: report.observation.label(),
            stream: stream.map(|stream| StreamLine {
                id: stream.room.as_str(),
                url: report.username.live_url(),
                title: stream.title.as_deref(),
                started_at: stream.started_at,
                viewers: stream.viewers,
                views: stream.views,
            }),
            cause: unclear.map(|unclear| unclear.cause.label()),
            detail: unclear.map(|unclear| unclear.detail.as_str()),
            retry_after_seconds: unclear.and_then(|u| Some(u.retry_after?.as_secs())),
            tries: report.tries,
            credits_used: report.credits.used,
            credits_remaining: report.credits.remaining,
        }
    }
}

#[cfg(test)]
mod tests;
