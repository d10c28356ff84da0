//! Who a username belongs to: the stable id behind it, and whether there is still anybody.
//!
//! A "not live" may mean "no such user"; a profile call costs a credit to tell them apart.
//! Says when that is worth it. Never touches live state: who is missing stays offline.

use std::sync::Arc;
use std::time::Duration;

use super::time::Timestamp;

/// How long after the last proof that a creator exists, or after the last profile call, the
/// next one is due.
pub const CHECK_AGAIN: Duration = Duration::from_hours(30 * 24);
/// A second new name sooner than this is a source that contradicts itself: TikTok lets an
/// account change its username once in 30 days.
/// <https://support.tiktok.com/en/getting-started/setting-up-your-profile/changing-your-username>
pub const RENAME_SETTLES: Duration = Duration::from_hours(7 * 24);

/// What is known of the person behind one username.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// TikTok's secUid, as the last certain answer gave it; `None` again once it has moved on
    /// to another username.
    pub id: Option<Arc<str>>,
    /// When the last certain answer of the profile call came.
    pub profile_at: Option<Timestamp>,
    /// Since when the profile call says that there is no such user.
    pub missing_since: Option<Timestamp>,
    /// When the id came here from another username, or left for one.
    pub renamed_at: Option<Timestamp>,
}

impl Identity {
    /// When a profile call is worth its credit, if the creator was last seen live at
    /// `last_live`; `None` is at once.
    pub fn check_due(&self, last_live: Option<Timestamp>) -> Option<Timestamp> {
        // What was seen before the id moved away was seen of somebody who is called otherwise now.
        let left = self.renamed_at.filter(|_| self.id.is_none());
        let counts = |at: &Timestamp| left.is_none_or(|left| *at >= left);
        let seen = last_live.filter(counts);
        let asked = self.profile_at.filter(counts);
        seen.max(asked).map(|at| at.plus(CHECK_AGAIN))
    }

    /// The profile call says that there is no such user; whether that is news.
    pub fn is_gone(&mut self, now: Timestamp) -> bool {
        self.profile_at = Some(now);
        let news = self.missing_since.is_none();
        self.missing_since = self.missing_since.or(Some(now));
        news
    }

    /// Whether a new name of this id can be believed at `now`.
    pub fn may_be_renamed(&self, now: Timestamp) -> bool {
        self.renamed_at
            .is_none_or(|at| now.since(at) >= RENAME_SETTLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn day(n: u32) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).plus(DAY * n)
    }

    #[test]
    fn a_profile_is_asked_for_at_once_or_after_thirty_days_of_silence() {
        let id = Some(Arc::from("MS4w"));
        let asked = |n| Some(day(n));
        // (id, profile_at, renamed_at, last live) and when the call is due.
        let table = [
            (None, None, None, None, None),
            (None, None, None, asked(5), asked(35)),
            (None, asked(3), None, None, asked(33)),
            (id.clone(), asked(3), None, asked(9), asked(39)),
            (id.clone(), asked(9), None, asked(3), asked(39)),
            (id.clone(), None, asked(20), asked(9), asked(39)),
            // The id has left: what was seen before proves nothing.
            (None, asked(3), asked(20), asked(9), None),
            (None, asked(21), asked(20), asked(9), asked(51)),
        ];
        for (id, profile_at, renamed_at, last_live, due) in table {
            let identity = Identity {
                id,
                profile_at,
                missing_since: None,
                renamed_at,
            };
            assert_eq!(identity.check_due(last_live), due, "{identity:?}");
        }
    }

    #[test]
    fn turning_missing_is_news_once() {
        let mut identity = Identity::default();
        assert!(identity.is_gone(day(1)));
        assert!(!identity.is_gone(day(31)));
        assert_eq!(identity.missing_since, Some(day(1)));
        assert_eq!(identity.profile_at, Some(day(31)));
    }

    #[test]
    fn a_second_new_name_within_a_week_is_not_believed() {
        let mut identity = Identity::default();
        assert!(identity.may_be_renamed(day(0)));
        identity.renamed_at = Some(day(1));
        assert!(!identity.may_be_renamed(day(7)));
        assert!(identity.may_be_renamed(day(8)));
    }
}
