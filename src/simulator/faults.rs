//! Everything that can be wrong with an answer, and which answers it befalls.
//!
//! Faults are set while the server runs: for one creator, for everybody, or for a random
//! share of requests; in this order, the first that applies is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::Username;

/// One thing that is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error code of the contract, or any other, with its status.
    Error(u16, &'static str),
    /// 404 with a web page, as a proxy or a wrong base URL gives it.
    HtmlNotFound,
    /// 404 with nothing in it.
    EmptyNotFound,
    /// 200 with a web page, as a captive portal gives it.
    HtmlPage,
    /// 200 with bytes that are no JSON.
    Garbage,
    /// An answer that breaks off before its promised length.
    Truncated,
    /// A TCP reset in place of an answer.
    Reset,
    /// No answer at all.
    Hang,
    /// The right answer, late.
    Slow(Duration),
    /// The right answer, byte by byte.
    Drip(Duration),
    /// 302 to another path of this server.
    Redirect,
    /// 200 with `isLive: false` where the contract's usual answer is 404.
    NotLiveFlag,
    /// `image` as an object.
    ImageObject,
    /// `image` as an array.
    ImageArray,
    /// A live answer without this field.
    Missing(&'static str),
    /// A live answer with null in this field.
    Null(&'static str),
    /// The room that ended last, as if it were still running.
    StaleRoom,
    /// A live answer about another user; a profile under another name.
    SomebodyElse,
    /// A title of 2 MB.
    HugeTitle,
    /// A body of 64 MB with its length.
    HugeBody,
    /// A body without a length that never ends.
    EndlessBody,
    /// 429, with `Retry-After` in seconds if given.
    RateLimited(Option<u64>),
    /// Everybody is reported live, as on 2026-07-15.
    AllLive,
    /// Nobody is reported live.
    AllOffline,
}

/// Which requests go wrong, and how.
#[derive(Debug)]
pub struct Faults {
    creators: BTreeMap<Username, Fault>,
    everywhere: Option<Fault>,
    /// Each with its share of requests.
    shares: Vec<(f64, Fault)>,
    random: StdRng,
}

impl Faults {
    /// No faults; `seed` decides later which requests the random ones befall.
    pub fn none(seed: u64) -> Self {
        Self {
            creators: BTreeMap::new(),
            everywhere: None,
            shares: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// What goes wrong for `creator`, until it is told otherwise.
    pub fn of_creator(&mut self, creator: &Username, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.creators.insert(creator.clone(), fault),
            None => self.creators.remove(creator),
        };
    }

    /// What goes wrong for everybody, until it is told otherwise.
    pub fn everywhere(&mut self, fault: Option<Fault>) {
        self.everywhere = fault;
    }

    /// Faults that befall each request with the share given, in `[0, 1]`; together at most 1.
    pub fn at_random(&mut self, shares: Vec<(f64, Fault)>) {
        self.shares = shares;
    }

    /// What is wrong with the next answer about `creator`.
    pub fn next(&mut self, creator: &Username) -> Option<Fault> {
        if let Some(fault) = self.creators.get(creator).or(self.everywhere.as_ref()) {
            return Some(fault.clone());
        }
        if self.shares.is_empty() {
            return None;
        }
        let mut draw: f64 = self.random.random();
        self.shares.iter().find_map(|(share, fault)| {
            draw -= share;
            (draw < 0.0).then(|| fault.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_fault_wins_and_lasts_until_it_is_lifted() {
        let ann: Username = "ann".parse().unwrap();
        let bob: Username = "bob".parse().unwrap();
        let mut faults = Faults::none(1);
        assert_eq!(faults.next(&ann), None);
        faults.at_random(vec![(1.0, Fault::Garbage)]);
        assert_eq!(faults.next(&ann), Some(Fault::Garbage));
        faults.everywhere(Some(Fault::Hang));
        faults.of_creator(&ann, Some(Fault::Reset));
        assert_eq!(faults.next(&ann), Some(Fault::Reset));
        assert_eq!(faults.next(&bob), Some(Fault::Hang));
        faults.of_creator(&ann, None);
        faults.everywhere(None);
        assert_eq!(faults.next(&ann), Some(Fault::Garbage));
    }

    #[test]
    fn random_faults_come_in_their_shares_and_again_with_the_same_seed() {
        let ann: Username = "ann".parse().unwrap();
        let draw = || {
            let mut faults = Faults::none(7);
            faults.at_random(vec![(0.2, Fault::Reset), (0.3, Fault::Hang)]);
            let drawn: Vec<_> = (0..2_000).map(|_| faults.next(&ann)).collect();
            drawn
        };
        let drawn = draw();
        assert_eq!(drawn, draw());
        let share = |wanted: Option<Fault>| drawn.iter().filter(|f| **f == wanted).count();
        assert!((300..500).contains(&share(Some(Fault::Reset))));
        assert!((500..700).contains(&share(Some(Fault::Hang))));
        assert!((900..1_100).contains(&share(None)));
    }
}
