//! Who is behind the usernames: profile calls, who is missing, who has a new name.
//!
//! A profile call is made only where somebody wants to hear of missing creators, of a creator
//! that a poll said not to be live, under the same rate, gate and budget as a poll. Nothing
//! here touches live state; nothing unclear makes anybody missing.

use std::sync::Arc;
use std::time::Duration;

use super::super::orders::{Call, Inquiry, Next, Now};
use super::super::planner::Admission;
use super::{Core, SHORTEST_REFUSAL};
use crate::config::Creator;
use crate::domain::identity::Identity;
use crate::domain::observation::{Remedy, Unclear};
use crate::domain::source_health::DegradedReason;
use crate::domain::tracker::Phase;
use crate::domain::{EventType, Observation, Profile, Timestamp, Username};
use crate::konbini::answer::{ProfileAnswer, ProfileFinding, User};
use crate::schedule::CreatorIndex;
use crate::schedule::gate::Passage;
use crate::schedule::learned::Refusal;
use crate::store::{Change, IdentityChange, Outgoing};

/// An answer that says nothing is not bought again at once.
const AFTER_UNCLEAR: Duration = Duration::from_hours(6);
/// How soon it is looked again whether the source can be trusted.
const DISTRUST: Duration = Duration::from_mins(1);

impl Core {
    /// Queues every creator that is believed offline for its profile call.
    pub(super) fn queue_inquiries(&mut self, now: Now) {
        let creators: Vec<_> = self.roster.all().map(|(creator, _)| creator).collect();
        for creator in creators {
            self.expect_inquiry(creator, now);
        }
    }

    /// Queues a creator for its profile call, unless it is, or nobody wants to hear of it.
    pub(super) fn expect_inquiry(&mut self, creator: CreatorIndex, now: Now) {
        let entry = self.roster.entry(creator);
        let wanted = matches!(entry.state.phase, Phase::Offline)
            && !self.inquiries.expects(creator)
            && self
                .announcer
                .is_heard(EventType::CreatorMissing, &entry.creator);
        if wanted {
            let due = self.inquiry_due(creator);
            self.inquiries.schedule(creator, due, now);
        }
    }

    fn inquiry_due(&self, creator: CreatorIndex) -> Option<Timestamp> {
        let entry = self.roster.entry(creator);
        let ended = entry.state.last_end.as_ref().map(|end| end.ended_at);
        self.registry.of(entry.username()).check_due(ended)
    }

    /// Nobody has to be polled before `due`: time for a profile call, if one is wanted.
    pub(super) fn inquire_or_wait(&mut self, due: Duration, now: Now) -> Next {
        match self.next_inquiry(now) {
            Ok(inquiry) => Next::Inquire(inquiry),
            Err(again) => Next::WaitUntil(due.min(again)),
        }
    }

    /// The profile call to make now, or when to look again. A returned one counts as started.
    fn next_inquiry(&mut self, now: Now) -> Result<Inquiry, Duration> {
        loop {
            let Some((creator, due)) = self.inquiries.next() else {
                return Err(Duration::MAX);
            };
            if due > now.monotonic {
                return Err(due);
            }
            if !self.is_trusted() || self.gate.passage(now.monotonic) != Passage::Free {
                return Err(now.monotonic + DISTRUST);
            }
            if !self.is_worth_asking(creator, now) {
                continue;
            }
            let earliest = self.rate.earliest(now.monotonic);
            if earliest > now.monotonic {
                return Err(earliest);
            }
            return self.start_inquiry(creator, now);
        }
    }

    /// Whether answers can be believed at all: a source that says "not found" of everybody
    /// must not make anybody missing.
    fn is_trusted(&self) -> bool {
        let mut reasons = self.bulletin.announced().keys();
        reasons.all(|reason| *reason == DegradedReason::FallingBehind)
    }

    /// Whether a queued creator is still due; else it is queued for later, or no more.
    fn is_worth_asking(&mut self, creator: CreatorIndex, now: Now) -> bool {
        let entry = self.roster.entry(creator);
        let is_heard = self
            .announcer
            .is_heard(EventType::CreatorMissing, &entry.creator);
        let settled = matches!(entry.state.phase, Phase::Offline) && entry.held.is_none();
        let wanted = settled && is_heard;
        let due = self.inquiry_due(creator).filter(|at| *at > now.wall);
        if wanted && due.is_none() {
            return true;
        }
        self.inquiries.cancel(creator);
        if wanted {
            self.inquiries.schedule(creator, due, now);
        }
        false
    }

    fn start_inquiry(&mut self, creator: CreatorIndex, now: Now) -> Result<Inquiry, Duration> {
        let credit = match self.planner.admit_profile(now.wall) {
            Admission::Granted(credit) => credit,
            Admission::Refused(wait, refusal) => {
                self.short_of_credits |= refusal == Refusal::Unstored;
                let until = now.monotonic + wait.max(SHORTEST_REFUSAL);
                self.inquiries.hold(until);
                return Err(until);
            }
        };
        self.short_of_credits |= self.planner.runs_short();
        self.rate.try_pass(now.monotonic);
        self.in_flight += 1;
        let next = now.monotonic + self.planner.profile_spacing();
        self.inquiries.started(creator, next);
        Ok(Inquiry {
            creator,
            username: self.roster.entry(creator).username().clone(),
            credit,
            source_number: self.source_number,
        })
    }

    /// Takes what a profile call brought.
    pub(in crate::daemon::poller) fn profiled(
        &mut self,
        inquiry: &Inquiry,
        answer: &ProfileAnswer,
        now: Now,
    ) {
        self.in_flight -= 1;
        self.inquiries.ended();
        let paid = (inquiry.credit, inquiry.source_number);
        self.settle(Call::Profile, paid, answer.cost(), now);
        let entry = self.roster.entry(inquiry.creator);
        if !entry.is_watched() || *entry.username() != inquiry.username {
            // Taken off the watchlist meanwhile.
            return;
        }
        let live = self.roster.entry(inquiry.creator).state.live().is_some();
        match &answer.finding {
            ProfileFinding::Unclear(unclear) => self.profile_unclear(inquiry, unclear, now),
            // Whoever went live in the meantime exists.
            ProfileFinding::Missing if live => {}
            ProfileFinding::Missing => self.gone(inquiry, now),
            ProfileFinding::Exists(user) => self.found(&inquiry.username, user, now),
        }
        self.expect_inquiry(inquiry.creator, now);
    }

    fn profile_unclear(&mut self, inquiry: &Inquiry, unclear: &Unclear, now: Now) {
        tracing::debug!(creator = %inquiry.username, "no certain profile: {unclear}");
        let observation = Observation::Unclear(unclear.clone());
        // What another source or key refused holds for nobody now.
        if inquiry.source_number == self.source_number {
            self.gate.observe(&observation, false, now.monotonic);
            if unclear.cause.remedy() == Remedy::Suspend {
                self.bulletin.observe(&observation, now.wall);
            }
        }
        let again = now.wall.plus(AFTER_UNCLEAR);
        self.inquiries.schedule(inquiry.creator, Some(again), now);
    }

    fn gone(&mut self, inquiry: &Inquiry, now: Now) {
        let username = &inquiry.username;
        let mut identity = self.registry.of(username);
        if !identity.is_gone(now.wall) {
            self.registry.put(username, identity);
            self.registry.mark_dirty(username);
            return;
        }
        let creator = &self.roster.entry(inquiry.creator).creator;
        let moved = identity.renamed_at.is_some() && identity.id.is_none();
        log_missing(creator, moved);
        let profile = profile_of(&identity);
        let event = self.announcer.of_missing(creator, &profile, now.wall);
        self.replace(vec![changed(username, identity)], event);
    }

    fn found(&mut self, asked: &Username, user: &User, now: Now) {
        let theirs = self.registry.of(asked);
        let same = user.username == *asked;
        let known = theirs.id.is_some() && theirs.id.as_deref() == user.profile.id.as_deref();
        if same || known {
            self.sighted(&user.username, &user.profile, now);
        } else {
            // Somebody else's profile proves neither that this one exists nor that it does not.
            tracing::warn!(creator = %asked,
                "the profile is that of @{}: if that is the new name, change the watchlist",
                user.username);
        }
        let mut identity = self.registry.of(asked);
        identity.profile_at = Some(now.wall);
        self.registry.put(asked, identity);
        self.registry.mark_dirty(asked);
    }

    /// An answer of any kind says that `username` exists and, by `profile.id`, who is behind
    /// it: a poll, a profile call, or a page of the following list. The rest of the profile goes into the event, if one
    /// comes of it.
    pub(in crate::daemon::poller) fn sighted(
        &mut self,
        username: &Username,
        profile: &Profile,
        now: Now,
    ) {
        let Some(id) = profile.id.as_deref() else {
            return self.returned(username);
        };
        match self.registry.name_of(id).cloned() {
            Some(name) if name == *username => self.returned(username),
            Some(previous) => self.renamed((username, &previous), profile, now),
            None if self.roster.find(username).is_some() => self.introduced(username, id),
            None => {}
        }
    }

    /// Notes that a missing creator is there again.
    fn returned(&mut self, username: &Username) {
        let mut identity = self.registry.of(username);
        let Some(since) = identity.missing_since.take() else {
            return;
        };
        tracing::info!(creator = %username, %since, "a missing creator exists again");
        self.replace(vec![changed(username, identity)], None);
    }

    /// The first id of a username, or another one than before.
    fn introduced(&mut self, username: &Username, id: &str) {
        let mut identity = self.registry.of(username);
        let first = identity.id.is_none() && identity.missing_since.is_none();
        identity.id = Some(Arc::from(id));
        if first {
            self.registry.put(username, identity);
            self.registry.mark_dirty(username);
            return;
        }
        let since = identity.missing_since.take();
        tracing::info!(creator = %username, since = since.map(tracing::field::display),
            "somebody else, or somebody again, is behind this username");
        self.replace(vec![changed(username, identity)], None);
    }

    /// An id goes by `username` now and went by `previous` before.
    fn renamed(
        &mut self,
        (username, previous): (&Username, &Username),
        profile: &Profile,
        now: Now,
    ) {
        let mut old = self.registry.of(previous);
        let watched = |name| Some(&self.roster.entry(self.roster.find(name)?).creator);
        let (to, from) = (watched(username), watched(previous));
        if !old.may_be_renamed(now.wall) {
            tracing::debug!(creator = %username, %previous, "a second new name within days is not believed");
            return;
        }
        if to.is_none() && from.is_none() {
            return;
        }
        log_renamed(username, previous, from);
        let event = self
            .announcer
            .of_rename((username, previous), [to, from], profile, now.wall);
        let new = Identity {
            id: old.id.take(),
            missing_since: None,
            renamed_at: Some(now.wall),
            ..self.registry.of(username)
        };
        old.renamed_at = Some(now.wall);
        let changes = vec![
            changed(previous, old),
            IdentityChange {
                inherits_from: Some(previous.clone()),
                ..changed(username, new)
            },
        ];
        self.replace(changes, event);
        // The old name, if it is still watched, is asked for anew.
        if let Some(creator) = self.roster.find(previous) {
            self.inquiries.cancel(creator);
            self.expect_inquiry(creator, now);
        }
    }

    /// From now on these are known so, and the store is told, with what the outside hears.
    fn replace(&mut self, identities: Vec<IdentityChange>, event: Option<Outgoing>) {
        for change in &identities {
            self.registry.put(&change.username, change.identity.clone());
        }
        self.notices.push(Change {
            identities,
            events: event.into_iter().collect(),
            ..Change::default()
        });
    }
}

fn changed(username: &Username, identity: Identity) -> IdentityChange {
    IdentityChange {
        username: username.clone(),
        identity,
        inherits_from: None,
    }
}

fn profile_of(identity: &Identity) -> Profile {
    Profile {
        id: identity.id.as_deref().map(str::to_owned),
        ..Profile::default()
    }
}

fn log_missing(creator: &Creator, moved: bool) {
    let at = creator.named_at.0.as_ref().map(tracing::field::display);
    let username = &creator.username;
    if moved {
        tracing::warn!(creator = %username, at, "TikTok knows no such user any more: it has a new name, change the watchlist");
    } else {
        tracing::warn!(creator = %username, at, "TikTok knows no such user: misspelt, renamed, banned or private");
    }
}

fn log_renamed(username: &Username, previous: &Username, listed: Option<&Creator>) {
    if let Some(creator) = listed {
        let at = creator.named_at.0.as_ref().map(tracing::field::display);
        tracing::warn!(%previous, creator = %username, at, "a creator has a new username: change the watchlist");
    } else {
        tracing::info!(%previous, creator = %username, "a creator has a new username");
    }
}
