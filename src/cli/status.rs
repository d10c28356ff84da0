//! `status`: what the running daemon is doing, as tables or as JSON.

mod sweeps;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::runtime::Builder;

use super::local;
use super::table::{Align, aligned};
use crate::config::{Config, display_duration};
use crate::domain::Timestamp;
use crate::domain::text::Printable;
use crate::web::views::{Credits, Lane, LiveCreator, NextPoll, Overview, Status, Upcoming};

/// Show who is live, who is polled next and why, credits and webhooks, from the running daemon
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print what the daemon answers, as JSON
    #[arg(long)]
    json: bool,
}

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines shown of those who are live; `--json` has more.
const LIVE_SHOWN: usize = 30;
/// Lines shown of the coming polls.
const UPCOMING_SHOWN: usize = 5;
/// Characters shown of a title.
const TITLE_SHOWN: usize = 50;

/// Asks the daemon and prints.
pub(super) fn run(arguments: &StatusArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let asked = local::ask(&config.http, "/api/v1/status", PATIENCE);
    let (code, mut body) = runtime.block_on(asked)?;
    if !code.is_success() {
        let problem = local::problem(code, &body);
        bail!("the daemon does not say: {}", Printable(&problem));
    }
    let status: Status =
        serde_json::from_slice(&body).context("what answers is no tallylight of this version")?;
    if arguments.json {
        body.push(b'\n');
        return super::print(&body);
    }
    super::print(for_people(&status).as_bytes())
}

fn for_people(status: &Status) -> String {
    let overview = &status.overview;
    let now = overview.as_of;
    let mut text = heading(overview);
    for trouble in troubles(overview) {
        let _ = writeln!(text, "! {trouble}");
    }
    section(&mut text, "live", &live(&overview.live, now));
    section(&mut text, "next", &upcoming(&overview.upcoming, now));
    section(&mut text, "credits", &credits(&overview.credits));
    let swept = overview.sweeps.as_ref();
    section(
        &mut text,
        "sweeps",
        &swept.map_or_else(String::new, |all| sweeps::shown(all, now)),
    );
    section(&mut text, "webhooks", &webhooks(&status.webhooks, now));
    text
}

fn section(text: &mut String, name: &str, lines: &str) {
    if !lines.is_empty() {
        let _ = write!(text, "\n{name}\n{lines}");
    }
}

fn heading(overview: &Overview) -> String {
    let census = overview.creators;
    let up = span(overview.as_of.since(overview.started_at));
    let unknown = match census.unknown {
        0 => String::new(),
        some => format!(", {some} not known yet"),
    };
    format!(
        "tallylight {}, up {up}: {} creators, {} live{unknown}\n",
        overview.version, census.watched, census.live
    )
}

fn troubles(overview: &Overview) -> Vec<String> {
    let degraded = overview.degraded.iter().map(|one| {
        let detail = one
            .detail
            .as_deref()
            .unwrap_or("since before the last start");
        format!("{} since {}: {}", one.reason, one.since, Printable(detail))
    });
    let mut troubles: Vec<_> = degraded.collect();
    if !overview.reload.successful {
        let problem = overview.reload.problem.as_deref().unwrap_or_default();
        let at = overview.reload.at;
        troubles.push(format!(
            "the configuration was refused at {at}: {}",
            Printable(problem)
        ));
    }
    troubles
}

fn live(creators: &[LiveCreator], now: Timestamp) -> String {
    let rows: Vec<_> = creators
        .iter()
        .take(LIVE_SHOWN)
        .map(|one| {
            let stream = &one.stream;
            let began = stream.started_at.unwrap_or(stream.first_seen_at);
            let viewers = stream
                .viewers
                .map_or("?".to_owned(), |count| count.to_string());
            let title: String = stream
                .title
                .iter()
                .flat_map(|t| t.chars())
                .take(TITLE_SHOWN)
                .collect();
            [
                format!("@{}", one.username),
                format!("{} ago", span(now.since(began))),
                format!("{viewers} viewers"),
                Printable(&title).to_string(),
            ]
        })
        .collect();
    let columns = [Align::Left, Align::Right, Align::Right, Align::Left];
    let mut table = aligned(columns, &rows);
    if creators.len() > LIVE_SHOWN {
        let _ = writeln!(table, "  and {} more", creators.len() - LIVE_SHOWN);
    }
    table
}

fn upcoming(polls: &[Upcoming], now: Timestamp) -> String {
    let rows: Vec<_> = polls
        .iter()
        .take(UPCOMING_SHOWN)
        .map(|next| {
            [
                format!("@{}", next.username),
                format!("in {}", span(next.poll.at.since(now))),
                why(&next.poll),
            ]
        })
        .collect();
    aligned([Align::Left, Align::Right, Align::Left], &rows)
}

fn why(poll: &NextPoll) -> String {
    match (poll.chance, poll.price) {
        (Some(chance), Some(price)) => format!(
            "chance of a hit {:.1} %, price {:.1} %",
            chance * 100.0,
            price * 100.0
        ),
        _ => poll.reason.clone(),
    }
}

fn credits(credits: &Credits) -> String {
    let mut rows = Vec::new();
    if let Some(budget) = credits.budget {
        let used = format!("{} of {}", budget.used, budget.credits);
        rows.push(["used".to_owned(), used]);
        rows.push(["renewed".to_owned(), budget.renews_at.to_string()]);
        if let Some(projected) = budget.projected_used {
            rows.push(["by then".to_owned(), format!("{projected} at this pace")]);
        }
        if let Some(at) = budget.exhausted_at {
            rows.push(["used up".to_owned(), format!("{at} at this pace")]);
        }
    }
    if let Some(remaining) = credits.account_remaining {
        rows.push(["account".to_owned(), format!("{remaining} left")]);
    }
    aligned([Align::Left, Align::Left], &rows)
}

fn webhooks(lanes: &[Lane], now: Timestamp) -> String {
    let rows: Vec<_> = lanes
        .iter()
        .map(|lane| {
            let oldest = lane.oldest_pending_at.map(|at| span(now.since(at)));
            let oldest = oldest.map_or_else(String::new, |age| format!("oldest {age}"));
            let error = lane.last_error.as_deref().unwrap_or_default();
            [
                lane.id.clone(),
                lane.state.label().to_owned(),
                format!("{} pending", lane.pending),
                oldest,
                Printable(error).to_string(),
            ]
        })
        .collect();
    let columns = [
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Left,
    ];
    aligned(columns, &rows)
}

/// Without the fractions that nobody reads.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let shown = match seconds {
        0..120 => seconds,
        120..7_200 => seconds / 60 * 60,
        _ => seconds / 3_600 * 3_600,
    };
    display_duration(Duration::from_secs(shown))
}

#[cfg(test)]
mod tests;
