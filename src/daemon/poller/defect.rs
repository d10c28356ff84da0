//! What a call brought that panicked: an answer that says nothing.

use crate::domain::{Cause, Observation, Unclear};
use crate::konbini::answer::{FollowingAnswer, FollowingFinding, ProfileAnswer, ProfileFinding};
use crate::konbini::{Answer, Credits};

/// A panic in one poll is a failed poll.
pub(super) fn panicked() -> Answer {
    Answer {
        observation: Observation::Unclear(defect()),
        credits: Credits::default(),
    }
}

/// The same of a profile call.
pub(super) fn profile_panicked() -> ProfileAnswer {
    ProfileAnswer {
        finding: ProfileFinding::Unclear(defect()),
        credits: Credits::default(),
    }
}

/// The same of a sweep.
pub(super) fn sweep_panicked() -> FollowingAnswer {
    FollowingAnswer {
        finding: FollowingFinding::Unclear(defect()),
        credits: Credits::default(),
    }
}

fn defect() -> Unclear {
    let detail = "the call panicked; this is a defect of tallylight";
    Unclear::new(Cause::Malformed, detail)
}
