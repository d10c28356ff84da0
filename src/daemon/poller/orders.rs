//! What passes between the core, which decides, and the loop, which carries out.

use std::time::Duration;

use crate::domain::tracker::CreatorState;
use crate::domain::{Timestamp, Username};
use crate::konbini::answer::Cursor;
use crate::schedule::ledger::{Spent, Taken};
use crate::schedule::sweep::PageIndex;
use crate::schedule::{CreatorIndex, Reason};
use crate::store::{Change, Checkpoint};

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// For waits.
    pub(super) monotonic: Duration,
    /// For what is told.
    pub(super) wall: Timestamp,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Ask for this creator.
    Poll(Poll),
    /// Ask who this creator is.
    Inquire(Inquiry),
    /// Ask for a page of the following list.
    Sweep(Sweep),
    /// Nothing before this time.
    WaitUntil(Duration),
    /// Nothing until something that is under way ends.
    WaitForOthers,
}

/// One request to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Poll {
    pub(super) creator: CreatorIndex,
    pub(super) username: Username,
    pub(super) reason: Reason,
    /// How late it starts.
    pub(super) lateness: Duration,
    /// Whether it tries, for everybody, whether a suspension is over.
    pub(super) probe: bool,
    /// The credit that is counted for it.
    pub(super) credit: Credit,
    /// Which source was asked.
    pub(super) source_number: u32,
}

/// One profile call to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inquiry {
    pub(super) creator: CreatorIndex,
    pub(super) username: Username,
    /// The credit that is counted for it.
    pub(super) credit: Credit,
    /// Which source was asked.
    pub(super) source_number: u32,
}

/// One page of the following list to ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sweep {
    pub(super) page: PageIndex,
    pub(super) account: Username,
    /// Where the page begins; the first needs none.
    pub(super) cursor: Option<Cursor>,
    /// The credit that is counted for it.
    pub(super) credit: Credit,
    /// Which source was asked.
    pub(super) source_number: u32,
}

/// What a credit is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Whether a creator is live.
    Poll,
    /// Who a creator is.
    Profile,
    /// Who of a page is flagged live.
    Sweep,
}

impl Call {
    /// The `call` label of `tallylight_credits_used_total`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Profile => "profile",
            Self::Sweep => "sweep",
        }
    }
}

/// The credit that is counted for a call; nothing without a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Credit(pub(super) Option<Taken>);

/// Something to store, and what counts once it is.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) then: Then,
}

/// What counts once a change is stored.
#[derive(Debug)]
pub(super) enum Then {
    /// The creator is in this state, and polled next at this monotonic time.
    Creator {
        creator: CreatorIndex,
        state: Box<CreatorState>,
        due: Duration,
        reason: Reason,
    },
    /// The oldest change of health is told.
    Health,
    /// The oldest notice is stored.
    Notice,
}

/// A checkpoint to store, and what it holds.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) checkpoint: Checkpoint,
    /// Whose rows are in it.
    pub(super) creators: Vec<CreatorIndex>,
    /// The spending that is covered once it is stored.
    pub(super) spending: Vec<Spent>,
}
