//! The poller's knowledge as plain values, for whoever looks at the daemon.
//!
//! Every answer is made between two polls, so each is bounded by what it shows and not by
//! the length of the watchlist.

use std::ops::Bound;
use std::time::Duration;

use super::core::Core;
use super::orders::Now;
use super::roster::Entry;
use crate::domain::tracker::{CreatorState, LiveState, Phase, Visibility};
use crate::domain::{Timestamp, Username};
use crate::schedule::ledger::Ledger;
use crate::schedule::week::MONDAY;
use crate::schedule::{CreatorIndex, Reason};
use crate::web::views::{
    Budget, Census, Creator, CreatorDetail, CreatorPage, CreatorQuery, Credits, Degraded,
    LiveCreator, NextPoll, Overview, Rhythm, State, Stream, Sweeps, Upcoming,
};

/// Creators looked through for one page at most: about a millisecond.
const LOOKED_THROUGH: usize = 5_000;
/// How long spending is watched before it says anything of the future.
const PROJECTED_AFTER: Duration = Duration::from_secs(600);

/// The poller's part of an [`Overview`].
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) creators: Census,
    pub(crate) live: Vec<LiveCreator>,
    pub(crate) upcoming: Vec<Upcoming>,
    pub(crate) credits: Credits,
    pub(crate) sweeps: Option<Sweeps>,
    pub(crate) degraded: Vec<Degraded>,
}

impl Core {
    /// Everything at a glance; costs no more for many creators than for few.
    pub(super) fn sight(&self, now: Now) -> Sight {
        let live = self.roster.newest_live(Overview::MOST_LIVE);
        let upcoming = self.queue.soonest(Overview::MOST_UPCOMING);
        Sight {
            creators: self.roster.census(),
            live: live.filter_map(live_creator).collect(),
            upcoming: upcoming
                .into_iter()
                .filter_map(|(creator, _)| {
                    Some(Upcoming {
                        username: self.roster.entry(creator).username().clone(),
                        poll: self.next_poll(creator, now)?,
                    })
                })
                .collect(),
            credits: Credits {
                budget: self.planner.ledger().map(|ledger| self.budget(ledger, now)),
                account_remaining: self.account_remaining,
            },
            sweeps: self.sweeps(),
            degraded: self.bulletin.standing().collect(),
        }
    }

    /// One page of the watchlist.
    pub(super) fn page(&self, query: &CreatorQuery, now: Now) -> CreatorPage {
        let limit = query.limit.clamp(1, CreatorQuery::MOST);
        let from = query
            .after
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = CreatorPage::default();
        for (seen, (name, creator)) in self.roster.by_name(from).enumerate() {
            if page.creators.len() == limit || seen == LOOKED_THROUGH {
                return page;
            }
            let entry = self.roster.entry(creator);
            if wanted(query, entry) {
                page.creators.push(self.shown(creator, now));
            }
            page.next = Some(name.clone());
        }
        page.next = None;
        page
    }

    /// One creator, if it is watched.
    pub(super) fn detail(&self, username: &Username, now: Now) -> Option<Box<CreatorDetail>> {
        let creator = self.roster.find(username)?;
        let entry = self.roster.entry(creator);
        let share = |all: u64| entry.polls as f64 / all as f64;
        Some(Box::new(CreatorDetail {
            creator: self.shown(creator, now),
            sequence: entry.state.sequence,
            first_poll_at: entry.state.first_poll_at,
            last_ended_at: entry.state.last_end.as_ref().map(|end| end.ended_at),
            note: entry.creator.note.clone(),
            polls: entry.polls,
            poll_share: (self.polls > 0).then(|| share(self.polls)),
            rhythm: self.rhythm(creator, now.wall),
        }))
    }

    fn shown(&self, creator: CreatorIndex, now: Now) -> Creator {
        let entry = self.roster.entry(creator);
        let live = entry.state.live();
        let profile = live.map(|live| &live.stream.profile);
        Creator {
            username: entry.username().clone(),
            id: profile.and_then(|profile| profile.id.clone()),
            name: profile.and_then(|profile| profile.name.clone()),
            state: state_of(&entry.state),
            stream: live.map(|live| stream_of(entry.username(), live)),
            last_answer_at: entry.state.last_answer_at,
            last_outcome: last_outcome(entry).map(str::to_owned),
            last_reason: entry.last_reason.map(|reason| reason.label().to_owned()),
            unclear_in_a_row: entry.unclear_in_a_row,
            next_poll: self.next_poll(creator, now),
            priority: entry.creator.priority,
            labels: (*entry.creator.labels).clone(),
        }
    }

    /// `None` while a poll or a commit is under way.
    fn next_poll(&self, creator: CreatorIndex, now: Now) -> Option<NextPoll> {
        let due = self.queue.due_of(creator)?;
        let reason = self.roster.entry(creator).reason;
        let (chance, price) = match reason {
            Reason::Worth { chance, price } => (Some(chance), Some(price)),
            _ => (None, None),
        };
        Some(NextPoll {
            at: now.wall.plus(due.saturating_sub(now.monotonic)),
            reason: reason.label().to_owned(),
            chance,
            price,
        })
    }

    fn rhythm(&self, creator: CreatorIndex, now: Timestamp) -> Option<Rhythm> {
        let mut portrait = self.planner.portrait(creator, now)?;
        portrait.week.rotate_left(MONDAY);
        Some(Rhythm {
            starts_per_week: portrait.starts_per_week,
            mean_duration_seconds: portrait.mean_duration.as_secs_f32(),
            week: portrait.week,
        })
    }

    fn budget(&self, ledger: &Ledger, now: Now) -> Budget {
        let renews_at = ledger.renews_at();
        let period_started_at = ledger.period_start();
        let used = ledger.spent();
        let remaining = ledger.left();
        let pace = self.pace(used, period_started_at, now.wall);
        let to_come = pace.map(|a_second| a_second * renews_at.since(now.wall).as_secs_f64());
        let until_empty = pace
            .filter(|a_second| *a_second > 0.0)
            .and_then(|a_second| Duration::try_from_secs_f64(remaining as f64 / a_second).ok())
            .map(|wait| now.wall.plus(wait));
        Budget {
            credits: ledger.budget(),
            used,
            remaining,
            period_started_at,
            renews_at,
            projected_used: to_come.map(|more| used.saturating_add(whole(more))),
            exhausted_at: until_empty.filter(|at| *at < renews_at),
        }
    }

    /// Credits a second since the start of the month or of the program.
    fn pace(&self, used: u64, period_started_at: Timestamp, now: Timestamp) -> Option<f64> {
        let (began_at, spent_before) = self.began;
        let (from, before) = if began_at > period_started_at {
            (began_at, spent_before)
        } else {
            (period_started_at, 0)
        };
        let span = now.since(from);
        (span >= PROJECTED_AFTER).then(|| used.saturating_sub(before) as f64 / span.as_secs_f64())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and so should this"
)]
fn whole(credits: f64) -> u64 {
    credits.round() as u64
}

fn wanted(query: &CreatorQuery, entry: &Entry) -> bool {
    let named = |text: &String| entry.username().as_str().contains(text.as_str());
    query
        .state
        .is_none_or(|state| state == state_of(&entry.state))
        && query.search.as_ref().is_none_or(named)
}

fn live_creator(entry: &Entry) -> Option<LiveCreator> {
    let live = entry.state.live()?;
    Some(LiveCreator {
        username: entry.username().clone(),
        name: live.stream.profile.name.clone(),
        stream: stream_of(entry.username(), live),
    })
}

/// In the words of the views.
pub(super) fn state_of(state: &CreatorState) -> State {
    match state.phase {
        Phase::Unknown => State::Unknown,
        Phase::Offline => State::Offline,
        Phase::Live(_) => State::Live,
    }
}

/// What the last poll said, as far as an entry knows.
fn last_outcome(entry: &Entry) -> Option<&'static str> {
    if entry.unclear_in_a_row > 0 {
        return Some("unclear");
    }
    entry.state.last_answer_at?;
    let live = entry.state.live().is_some() && !entry.state.is_ending();
    Some(if live { "live" } else { "offline" })
}

/// A running stream in the words of the views.
pub(super) fn stream_of(username: &Username, live: &LiveState) -> Stream {
    let delay = live.stream.started_at.filter(|_| !live.already_live);
    Stream {
        id: live.stream.room.to_string(),
        url: username.live_url(),
        title: live.stream.title.clone(),
        viewers: live.stream.viewers,
        views: live.stream.views,
        peak_viewers: live.audience.peak,
        average_viewers: live.audience.average(),
        started_at: live.stream.started_at,
        first_seen_at: live.first_seen_at,
        last_seen_at: live.last_seen_at,
        detection_delay_seconds: delay
            .map(|at| live.first_seen_at.since(at).as_millis() as f64 / 1_000.0),
        already_live: live.already_live,
        resumed: live.resumed,
        announced: live.visibility == Visibility::Announced,
        ending: live.offline_in_a_row > 0,
        cover_url: live.stream.cover_url.clone(),
    }
}
