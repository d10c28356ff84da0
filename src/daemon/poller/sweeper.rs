//! The pages of a following list: which to read next, from where, and who was on them.
//!
//! Members are read anew from each page, and a cursor is reused only while it works: one that
//! fails has the list read from its first page, in one round at a time, each later than the
//! last one that failed. It decides nothing about anybody; whether a page is worth its credit
//! is the schedule's business. Times are on the monotonic clock.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::retry::doubling;
use crate::domain::{Timestamp, Username};
use crate::konbini::answer::Cursor;
use crate::schedule::CreatorIndex;
use crate::schedule::sweep::PageIndex;

/// Pages read at most: 6,000 people.
pub(super) const MOST_PAGES: usize = 200;
/// Waits after pages that failed; a list that cannot be seen is charged for.
const AFTER_FAILURE: Duration = Duration::from_mins(1);
const LONGEST_AFTER_FAILURE: Duration = Duration::from_hours(6);
/// How long cursors are not reused after one did not work.
const DISTRUST: Duration = Duration::from_hours(24);
/// Rounds of two starts of the program are at least so far apart: one that dies again and again
/// shall not pay for the list each time.
const BETWEEN_FIRST_ROUNDS: Duration = Duration::from_mins(10);

/// What is known of the list.
#[derive(Debug)]
pub(super) struct Sweeper {
    pub(super) account: Username,
    pages: Vec<Page>,
    /// Reads the list from its first page on.
    round: Option<Round>,
    under_way: Option<UnderWay>,
    /// Until then a page is reached through those before it.
    distrust: Duration,
    failures: u32,
    /// Whether the last page known is the list's last.
    ended: bool,
    /// Where each of the watchlist was seen last.
    seen: HashMap<CreatorIndex, Seen>,
    /// When everybody was read last.
    pub(super) round_at: Option<Timestamp>,
    /// Who was not on the list then, by name.
    pub(super) missing: Option<Vec<Username>>,
}

#[derive(Debug, Clone, Default)]
struct Page {
    /// Where it begins; the first needs none.
    cursor: Option<Cursor>,
    due: Duration,
    read: Option<Duration>,
    read_before: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    page: usize,
    at: Duration,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    page: usize,
    /// The cursor came with the page before, a moment ago.
    in_round: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    page: usize,
    at: Duration,
}

/// A page that may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) page: PageIndex,
    pub(super) at: Duration,
    /// It is read to learn who is on it, whatever its flags are worth.
    pub(super) in_round: bool,
}

/// Why a page said nothing of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may work with the same cursor.
    Passing,
    /// The cursor, or the list, is not what it was.
    Lasting,
}

impl Sweeper {
    /// Begins with a round, unless one was made a moment before this start of the program.
    pub(super) fn new(
        account: Username,
        last_round: Option<Timestamp>,
        (monotonic, wall): (Duration, Timestamp),
    ) -> Self {
        // A clock that was set back must not make it wait for ever.
        let wait = last_round.map_or(Duration::ZERO, |at| {
            at.plus(BETWEEN_FIRST_ROUNDS).since(wall)
        });
        Self {
            account,
            pages: vec![Page {
                due: Duration::MAX,
                ..Page::default()
            }],
            round: Some(Round {
                page: 0,
                at: monotonic + wait.min(BETWEEN_FIRST_ROUNDS),
            }),
            under_way: None,
            distrust: Duration::ZERO,
            failures: 0,
            ended: false,
            seen: HashMap::new(),
            round_at: last_round,
            missing: None,
        }
    }

    /// Which page is next; `None` while one is under way.
    pub(super) fn next(&mut self, now: Duration) -> Option<Candidate> {
        if self.under_way.is_some() {
            return None;
        }
        let due = self.pages.iter().map(|page| page.due);
        let (page, at) = due.enumerate().min_by_key(|&(_, due)| due)?;
        if let Some(round) = self.round.filter(|round| round.at <= at) {
            return Some(candidate(round.page, round.at, true));
        }
        let distrusted = page > 0 && at <= now && now < self.distrust;
        if !distrusted {
            return Some(candidate(page, at, false));
        }
        let wait = self.round.map_or(now, |round| round.at);
        self.pages[page].due = wait.max(now);
        self.begin_round(wait);
        Some(candidate(0, wait, true))
    }

    fn begin_round(&mut self, at: Duration) {
        self.round = Some(Round { page: 0, at });
    }

    /// A round is wanted: the watchlist has changed.
    pub(super) fn look_again(&mut self, now: Duration) {
        self.round.get_or_insert(Round { page: 0, at: now });
    }

    /// A creator is not watched any more.
    pub(super) fn forget(&mut self, creator: CreatorIndex) {
        self.seen.remove(&creator);
    }

    /// Nothing of `candidate` before `until`.
    pub(super) fn hold(&mut self, candidate: Candidate, until: Duration) {
        match &mut self.round {
            Some(round) if candidate.in_round => round.at = until,
            _ => self.pages[candidate.page as usize].due = until,
        }
    }

    /// `candidate` is asked for; from where.
    pub(super) fn started(&mut self, candidate: Candidate) -> Option<Cursor> {
        let page = candidate.page as usize;
        self.under_way = Some(UnderWay {
            page,
            in_round: candidate.in_round,
        });
        self.pages.get(page).and_then(|page| page.cursor.clone())
    }

    /// The page under way has these of the watchlist on it; `watched` are watched in all.
    /// Returns how many pages there were before.
    pub(super) fn read(
        &mut self,
        members: &[CreatorIndex],
        next: Option<&Cursor>,
        watched: usize,
        now: Duration,
    ) -> usize {
        let before = self.pages.len();
        let Some(UnderWay { page, in_round }) = self.under_way.take() else {
            return before;
        };
        for &creator in members {
            self.seen.insert(creator, Seen { page, at: now });
        }
        let this = &mut self.pages[page];
        (this.read_before, this.read) = (this.read, Some(now));
        let goes_on = self.follow(page, next, self.seen.len() >= watched);
        match (goes_on, in_round, self.round) {
            (true, _, round) if in_round || round.is_none() && self.is_new(page + 1) => {
                self.round = Some(Round {
                    page: page + 1,
                    at: now,
                });
            }
            (false, true, _) => (self.round, self.failures) = (None, 0),
            (_, false, _) => self.failures = 0,
            _ => {}
        }
        before
    }

    fn is_new(&self, page: usize) -> bool {
        self.pages.get(page).is_some_and(|page| page.read.is_none())
    }

    /// Notes where the page after `page` begins; whether there is one to read.
    fn follow(&mut self, page: usize, next: Option<&Cursor>, everybody: bool) -> bool {
        let Some(next) = next else {
            self.cut(page + 1);
            self.ended = true;
            return false;
        };
        if let Some(after) = self.pages.get_mut(page + 1) {
            after.cursor = Some(next.clone());
            return true;
        }
        // Nobody of ours is left for further pages, or they are too many.
        self.ended = everybody || self.pages.len() >= MOST_PAGES;
        if !self.ended {
            self.pages.push(Page {
                cursor: Some(next.clone()),
                due: Duration::MAX,
                ..Page::default()
            });
        }
        !self.ended
    }

    fn cut(&mut self, length: usize) {
        self.pages.truncate(length);
        self.seen.retain(|_, seen| seen.page < length);
    }

    /// The page under way said nothing of anybody. Returns how many pages there were before.
    pub(super) fn failed(&mut self, failure: Failure, now: Duration) -> usize {
        let before = self.pages.len();
        let Some(UnderWay { page, in_round }) = self.under_way.take() else {
            return before;
        };
        self.failures = self.failures.saturating_add(1);
        let again = now + doubling(self.failures, AFTER_FAILURE, LONGEST_AFTER_FAILURE);
        if in_round {
            self.begin_round(again);
        } else if page == 0 || failure == Failure::Passing {
            self.pages[page].due = again;
        } else {
            // Cursors do not last: the list is read from its first page on.
            self.distrust = now + DISTRUST;
            self.cut(page);
            self.ended = false;
            self.begin_round(if self.failures > 1 { again } else { now });
        }
        before
    }

    /// `page` is due at `at`, if it is still there.
    pub(super) fn plan(&mut self, page: PageIndex, at: Duration) {
        if let Some(page) = self.pages.get_mut(page as usize) {
            page.due = at;
        }
    }

    pub(super) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Whether every page was read, and the list has no more for us.
    pub(super) fn is_complete(&self) -> bool {
        self.ended && self.round.is_none() && self.pages.iter().all(|page| page.read.is_some())
    }

    /// Whether `creator` was not on the list in two readings of all pages, or never.
    pub(super) fn is_missing(&self, creator: CreatorIndex) -> bool {
        // Pages change while they are read: once is not enough for somebody who was there.
        let oldest = self
            .pages
            .iter()
            .map(|page| page.read_before)
            .min()
            .flatten();
        match (self.seen.get(&creator), oldest) {
            (None, _) => true,
            (Some(seen), Some(oldest)) => seen.at < oldest,
            (Some(_), None) => false,
        }
    }
}

fn candidate(page: usize, at: Duration, in_round: bool) -> Candidate {
    Candidate {
        page: PageIndex::try_from(page).unwrap_or(PageIndex::MAX),
        at,
        in_round,
    }
}

#[cfg(test)]
mod tests;
