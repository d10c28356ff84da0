//! One poll as a mark of four bytes: when, to the minute, and what it said.
//!
//! Marks are kept for a page that draws a bar for each, not for decisions: minutes are exact
//! enough, and four bytes let a store keep the latest of them by cutting bytes off the front.

use crate::domain::Timestamp;

/// What one poll said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Certain: live.
    Live,
    /// Certain: not live.
    Offline,
    /// Nothing certain.
    Unclear,
}

/// One poll of one creator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollMark(u32);

const MINUTE: i64 = 60_000;
/// Thirty bits of minutes since the epoch reach to the year 4011.
const MOST_MINUTES: i64 = (1 << 30) - 1;

impl PollMark {
    /// Bytes of a mark as stored.
    pub const BYTES: usize = 4;

    /// A poll at `at` that said `look`.
    pub fn new(at: Timestamp, look: Look) -> Self {
        let minutes = (at.as_millis() / MINUTE).clamp(0, MOST_MINUTES);
        let code = match look {
            Look::Unclear => 0,
            Look::Offline => 1,
            Look::Live => 2,
        };
        // Clamped to thirty bits above.
        Self(u32::try_from(minutes).unwrap_or(0) << 2 | code)
    }

    /// When, rounded down to the minute.
    pub fn at(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.0 >> 2) * MINUTE)
    }

    /// What it said.
    pub fn look(self) -> Look {
        match self.0 & 3 {
            1 => Look::Offline,
            2 => Look::Live,
            _ => Look::Unclear,
        }
    }

    /// Marks one after the other, as stored.
    pub fn pack(marks: &[Self]) -> Vec<u8> {
        marks.iter().flat_map(|mark| mark.0.to_be_bytes()).collect()
    }

    /// The marks that were packed; what is left over is ignored.
    pub fn unpack(bytes: &[u8]) -> Vec<Self> {
        let (marks, _) = bytes.as_chunks::<{ Self::BYTES }>();
        marks
            .iter()
            .map(|mark| Self(u32::from_be_bytes(*mark)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_keeps_the_minute_and_the_answer() {
        let at = Timestamp::from_millis(1_772_217_459_999);
        let looks = [Look::Live, Look::Offline, Look::Unclear];
        let marks = looks.map(|look| PollMark::new(at, look));
        let back = PollMark::unpack(&PollMark::pack(&marks));
        assert_eq!(back, marks);
        assert_eq!(back.iter().map(|m| m.look()).collect::<Vec<_>>(), looks);
        assert!(at.since(back[0].at()) < std::time::Duration::from_mins(1));
    }

    #[test]
    fn times_that_do_not_fit_stay_at_the_edge_and_damage_is_no_panic() {
        let edge = |millis| PollMark::new(Timestamp::from_millis(millis), Look::Live).at();
        assert_eq!(edge(i64::MIN), Timestamp::from_millis(0));
        assert!(edge(i64::MAX) > Timestamp::from_millis(60_000_000_000_000));
        assert_eq!(PollMark::unpack(&[1, 2, 3]), []);
        assert_eq!(PollMark::unpack(&[0xff; 9]).len(), 2);
    }
}
