//! The last part of `check --online`: whom of the watchlist the account of `[sweep]` follows.
//!
//! A page costs a credit and is asked for once; how many there can be is said before.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::cli::figures::counted;
use crate::cli::probe::sum;
use crate::clock::Clock;
use crate::config::{Config, ScheduleKind};
use crate::domain::Username;
use crate::konbini::answer::{FollowingFinding, MAX_MEMBERS};
use crate::konbini::{Credits, Source};
use crate::schedule::rate::RateLimit;

/// Members of a page by the contract.
const A_PAGE: usize = 30;
/// Names in the line at most.
const MOST_NAMED: usize = 10;

/// The account whose list is read, if the schedule heeds it.
fn account(config: &Config) -> Option<&Username> {
    let sweep = config.sweep.as_ref();
    let sweep = sweep.filter(|_| config.polling.schedule == ScheduleKind::Learned);
    sweep.map(|sweep| &sweep.account)
}

/// Twice what the watchlist fills, and two: the account may follow others too.
fn most_pages(config: &Config) -> usize {
    2 + 2 * config.creators.len().div_ceil(A_PAGE)
}

/// What reading the list may cost, before anything is spent; empty without an account.
pub(super) fn announcement(config: &Config) -> String {
    account(config).map_or_else(String::new, |account| {
        let credits = counted(most_pages(config), "credit");
        format!("\nonline: reading whom @{account} follows costs up to {credits} more")
    })
}

/// Reads the list; what there is to say, and what it cost. Nothing without an account.
pub(super) async fn read(config: &Config, source: &dyn Source) -> Option<(String, Credits)> {
    let account = account(config)?;
    let clock = Clock::system();
    let mut rate = RateLimit::new(config.polling.max_requests_per_second, 1);
    let mut missing: HashSet<&Username> = config.creators.iter().map(|c| &c.username).collect();
    let (mut cursor, mut credits) = (None, Credits::default());
    for _ in 0..most_pages(config) {
        clock.sleep_until(rate.earliest(clock.monotonic())).await;
        rate.try_pass(clock.monotonic());
        let answer = source.following(account, cursor.as_ref()).await;
        credits = sum(credits, answer.credits);
        let page = match answer.finding {
            FollowingFinding::Page(page) => page,
            FollowingFinding::Hidden => {
                let text = format!(
                    "online: the list of @{account} cannot be seen: private, or no such account"
                );
                return Some((text, credits));
            }
            FollowingFinding::Unclear(unclear) => {
                let text = format!("online: the list of @{account} could not be read: {unclear}");
                return Some((text, credits));
            }
        };
        for member in page.members.iter().take(MAX_MEMBERS) {
            missing.remove(&member.username);
        }
        cursor = page.next;
        if cursor.is_none() || missing.is_empty() {
            return Some((verdict(account, config, &missing), credits));
        }
    }
    let text = format!(
        "online: the list of @{account} goes on: it follows too many others to be read here"
    );
    Some((text, credits))
}

fn verdict(account: &Username, config: &Config, missing: &HashSet<&Username>) -> String {
    let all = config.creators.len();
    let followed = all - missing.len();
    let mut text = format!(
        "online: @{account} follows {followed} of {}",
        counted(all, "creator")
    );
    let mut names: Vec<_> = missing.iter().collect();
    names.sort();
    for (place, name) in names.iter().take(MOST_NAMED).enumerate() {
        let lead = if place == 0 {
            "; follow these to make them thirty times cheaper: "
        } else {
            ", "
        };
        // Writing into a string cannot fail.
        let _ = write!(text, "{lead}@{name}");
    }
    if names.len() > MOST_NAMED {
        let _ = write!(text, " and {} more", names.len() - MOST_NAMED);
    }
    text
}
