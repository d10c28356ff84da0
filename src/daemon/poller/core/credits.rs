//! The one place where a credit is settled, whatever it was used for, and what is told when
//! they run out.

use super::super::orders::{Call, Credit, Now};
use super::Core;
use crate::domain::credits::CreditNews;
use crate::konbini::Credits;
use crate::store::Change;

impl Core {
    /// Settles the credit of a call that has ended by what its answer cost, and sees whether
    /// there is something to tell of the credits. What is left of the account of another source
    /// than the present one says nothing of this one's.
    pub(super) fn settle(
        &mut self,
        call: Call,
        (credit, source_number): (Credit, u32),
        cost: Credits,
        now: Now,
    ) {
        tracing::trace!(call = call.label(), used = cost.used, "settled");
        let here = source_number == self.source_number;
        let remaining = cost.remaining.filter(|_| here);
        self.account_remaining = remaining.or(self.account_remaining);
        self.planner
            .settle(credit, Credits { remaining, ..cost }, now.wall);
        self.watch_credits(remaining, now);
    }

    pub(super) fn watch_credits(&mut self, remaining: Option<u64>, now: Now) {
        let standing = match (self.planner.standing(self.in_flight, now.wall), remaining) {
            (Some(standing), _) => standing,
            (None, Some(remaining)) => self.credit_watch.hear(remaining, now.wall),
            (None, None) => return,
        };
        let news = self.credit_watch.judge(&standing, now.wall);
        if !self.credit_watch.take_changed() && news.is_none() {
            return;
        }
        if let Some(news) = &news {
            log_credits(news);
        }
        let events = news.iter().map(|news| self.announcer.of_credits(news));
        self.notices.push(Change {
            events: events.collect(),
            credits_told: Some(self.credit_watch.told().clone()),
            ..Change::default()
        });
    }
}

fn log_credits(news: &CreditNews) {
    let standing = &news.standing;
    let renews_at = standing.renews_at.map(tracing::field::display);
    let (used, remaining) = (standing.used, standing.remaining);
    tracing::warn!(
        reason = news.mark.label(),
        used,
        remaining,
        renews_at,
        "credits run low"
    );
}
