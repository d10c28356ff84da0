//! Events that no stream is part of: who is missing or renamed, and credits that run out.
//!
//! They carry no sequence: that counts starts and ends alone.

use serde::Serialize;

use super::body::{CreatorCard, envelope};
use super::{Event, EventId, EventType, InstallationId, Labels};
use crate::domain::creator::Profile;
use crate::domain::credits::CreditNews;
use crate::domain::{Timestamp, Username};

/// Whom an event is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name it goes by now.
    pub username: &'a Username,
    /// What the configuration says of it.
    pub labels: &'a Labels,
    /// What is known of the person; may be nothing.
    pub profile: &'a Profile,
}

impl Subject<'_> {
    fn card(&self) -> CreatorCard<'_> {
        CreatorCard::new(self.username, self.labels, self.profile)
    }
}

impl Event {
    /// `creator.missing`: the profile call says since `at` that there is no such user.
    pub fn of_missing(installation: &InstallationId, who: Subject<'_>, at: Timestamp) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            creator: CreatorCard<'a>,
        }
        let kind = EventType::CreatorMissing;
        let moment = at.as_millis().to_string();
        let parts = [kind.as_str(), who.username.as_str(), &moment];
        Self {
            id: EventId::derive(installation, &parts),
            kind,
            at,
            creator: Some(who.username.clone()),
            sequence: None,
            body: envelope(
                kind,
                at,
                &Data {
                    creator: who.card(),
                },
            ),
        }
    }

    /// `creator.renamed`: who was called `previous` goes by the name of `who` now.
    pub fn of_rename(
        installation: &InstallationId,
        who: Subject<'_>,
        previous: &Username,
        at: Timestamp,
    ) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            creator: CreatorCard<'a>,
            previous_username: &'a str,
        }
        let kind = EventType::CreatorRenamed;
        let moment = at.as_millis().to_string();
        let names = (previous.as_str(), who.username.as_str());
        let parts = [kind.as_str(), names.0, names.1, &moment];
        let data = Data {
            creator: who.card(),
            previous_username: previous.as_str(),
        };
        Self {
            id: EventId::derive(installation, &parts),
            kind,
            at,
            creator: Some(who.username.clone()),
            sequence: None,
            body: envelope(kind, at, &data),
        }
    }

    /// `credits.low`. The id names the mark and the billing month, so that even a count that
    /// was lost cannot tell it twice.
    pub fn of_credits(installation: &InstallationId, news: &CreditNews) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            used: u64,
            remaining: u64,
            renews_at: Option<Timestamp>,
            reason: &'a str,
        }
        let kind = EventType::CreditsLow;
        let standing = &news.standing;
        let period = standing.period.as_millis().to_string();
        let data = Data {
            used: standing.used,
            remaining: standing.remaining,
            renews_at: standing.renews_at,
            reason: news.mark.label(),
        };
        let parts = [kind.as_str(), news.mark.label(), &period];
        Self {
            id: EventId::derive(installation, &parts),
            kind,
            at: news.at,
            creator: None,
            sequence: None,
            body: envelope(kind, news.at, &data),
        }
    }
}
