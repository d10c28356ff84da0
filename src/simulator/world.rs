//! Who streams when, in the pretend TikTok: plain values, and functions of time.
//!
//! A world is scripted, or drawn from a seed; the same seed gives the same world. Nothing
//! here knows of HTTP, and only [`World::set_live`] and [`World::set_offline`] change
//! anything.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::{Timestamp, Username};

/// Titles as strangers write them, harmless and hostile.
pub const TITLES: [&str; 10] = [
    "live now, come say hi",
    "Q&A 💬 ask me anything",
    "<script>alert('title')</script> <b>bold</b>",
    "@everyone @here free skins https://example.com/not-a-virus",
    "line one\nline two\r\n\tlevel=error msg=\"forged log line\"",
    "\u{1b}[31mred\u{1b}[0m \u{7} bell",
    "\u{202e}desrever si siht\u{202c} \u{200b}\u{feff}hidden",
    "'; DROP TABLE creators; -- ${KONBINI_API_KEY} {{title}} %s",
    "👩\u{200d}👩\u{200d}👧 família 家族 العائلة",
    "=HYPERLINK(\"http://example.com\",\"csv\")",
];

/// Everybody there is.
#[derive(Debug, Clone, Default)]
pub struct World {
    creators: BTreeMap<Username, Creator>,
}

/// One creator and all streams of its life, in order of their start.
#[derive(Debug, Clone, Default)]
struct Creator {
    /// The stable id it had under another name.
    id: Option<String>,
    streams: Vec<Stream>,
}

/// One broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name at the API.
    pub room: String,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends; `None` while nobody knows.
    pub ends_at: Option<Timestamp>,
    /// What it is called.
    pub title: String,
    /// The largest audience it has.
    pub peak_viewers: u64,
}

impl Stream {
    /// A stream of `creator` from `starts_at` on, with a room id as TikTok makes them: growing with time.
    pub fn new(creator: &Username, starts_at: Timestamp) -> Self {
        let salt = hash(creator.as_str());
        Self {
            room: room_id(starts_at, salt),
            starts_at,
            ends_at: None,
            title: TITLES[0].to_owned(),
            peak_viewers: 100 + salt % 20_000,
        }
    }

    /// The same in another room.
    #[must_use]
    pub fn in_room(mut self, room: &str) -> Self {
        room.clone_into(&mut self.room);
        self
    }

    /// The same with an end.
    #[must_use]
    pub fn ending(mut self, ends_at: Timestamp) -> Self {
        self.ends_at = Some(ends_at);
        self
    }

    /// The same under another title.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Whether it runs at `now`; no longer at the instant of its end.
    pub fn is_live_at(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.ends_at.is_none_or(|end| now < end)
    }

    /// The audience at `now`: it comes within half an hour and then ebbs to a third.
    pub fn viewers_at(&self, now: Timestamp) -> u64 {
        const RISE: f64 = 1_800.0;
        let age = now.since(self.starts_at).as_secs_f64() / RISE;
        let share = if age < 1.0 {
            age
        } else {
            (1.0 / age).max(1.0 / 3.0)
        };
        share_of(self.peak_viewers, share)
    }

    /// Everybody who ever looked in until `now`.
    pub fn views_at(&self, now: Timestamp) -> u64 {
        let minutes = now.since(self.starts_at).as_secs() / 60 + 1;
        self.peak_viewers.saturating_mul(minutes)
    }
}

impl World {
    /// A world without anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// A world in which every one of `creators` streams some evenings between `from` and `from + span`.
    ///
    /// Streams are 5 minutes to 4 hours long, about one in 20 hours, with any of [`TITLES`].
    pub fn random(
        seed: u64,
        creators: impl IntoIterator<Item = Username>,
        from: Timestamp,
        span: Duration,
    ) -> Self {
        let mut world = Self::new();
        for creator in creators {
            let mut random = StdRng::seed_from_u64(seed ^ hash(creator.as_str()));
            let mut at = from;
            let mut streams = Vec::new();
            loop {
                at = at.plus(Duration::from_secs(random.random_range(600..130_000)));
                if at > from.plus(span) {
                    break;
                }
                let end = at.plus(Duration::from_secs(random.random_range(300..14_400)));
                let title = TITLES[random.random_range(0..TITLES.len())];
                streams.push(Stream::new(&creator, at).ending(end).titled(title));
                at = end;
            }
            let creator_of = Creator { id: None, streams };
            world.creators.insert(creator, creator_of);
        }
        world
    }

    /// Adds a creator who never streams, unless it exists.
    pub fn add(&mut self, creator: &Username) {
        self.creators.entry(creator.clone()).or_default();
    }

    /// Removes a creator: renamed, banned or private.
    pub fn remove(&mut self, creator: &Username) {
        self.creators.remove(creator);
    }

    /// Gives a creator another username; stable id and streams go with it, whoever had the name.
    pub fn rename(&mut self, from: &Username, to: &Username) {
        let id = self.stable_id(from);
        if let Some(mut creator) = self.creators.remove(from) {
            creator.id = Some(id);
            self.creators.insert(to.clone(), creator);
        }
    }

    /// The stable id (secUid) of a creator: the same under every name.
    pub fn stable_id(&self, creator: &Username) -> String {
        let known = self.creators.get(creator).and_then(|one| one.id.clone());
        known.unwrap_or_else(|| sec_uid(creator))
    }

    /// Adds a stream to a creator's life; who is not there is added.
    pub fn add_stream(&mut self, creator: &Username, stream: Stream) {
        let streams = &mut self.creators.entry(creator.clone()).or_default().streams;
        streams.push(stream);
        streams.sort_by_key(|stream| stream.starts_at);
    }

    /// Begins `stream` for a creator in place of whatever runs at its start.
    pub fn set_live(&mut self, creator: &Username, stream: Stream) {
        self.set_offline(creator, stream.starts_at);
        self.add_stream(creator, stream);
    }

    /// Ends what runs at `now`; what is scripted for later stays.
    pub fn set_offline(&mut self, creator: &Username, now: Timestamp) {
        let streams = &mut self.creators.entry(creator.clone()).or_default().streams;
        for stream in streams.iter_mut().filter(|stream| stream.is_live_at(now)) {
            stream.ends_at = Some(now);
        }
    }

    /// Whether there is such a creator.
    pub fn has(&self, creator: &Username) -> bool {
        self.creators.contains_key(creator)
    }

    /// Everybody, in the order of their names.
    pub fn creators(&self) -> impl Iterator<Item = &Username> {
        self.creators.keys()
    }

    /// A creator's streams, in order of their start.
    pub fn streams(&self, creator: &Username) -> &[Stream] {
        self.creators
            .get(creator)
            .map_or(&[], |creator| &creator.streams)
    }

    /// The stream that runs at `now`; of several, the one that began last.
    pub fn live_at(&self, creator: &Username, now: Timestamp) -> Option<&Stream> {
        let mut latest_first = self.streams(creator).iter().rev();
        latest_first.find(|stream| stream.is_live_at(now))
    }

    /// The stream that was over last, as a stale cache would serve it.
    pub fn last_ended_at(&self, creator: &Username, now: Timestamp) -> Option<&Stream> {
        let ended = |stream: &&Stream| stream.ends_at.is_some_and(|end| end <= now);
        self.streams(creator).iter().rev().find(ended)
    }
}

/// The stable id of a creator who never had another name.
pub fn sec_uid(creator: &Username) -> String {
    let hash = hash(creator.as_str());
    format!("MS4wLjABAAAA{hash:016x}{:016x}", hash.rotate_left(32))
}

/// Seconds since the epoch in the upper half, the creator in the lower, as TikTok's ids grow with time.
fn room_id(starts_at: Timestamp, salt: u64) -> String {
    let seconds = u64::try_from(starts_at.as_seconds()).unwrap_or(0);
    let millis = starts_at.as_millis().rem_euclid(1000).unsigned_abs();
    ((seconds << 32) | (millis << 22) | (salt & 0x3F_FFFF)).to_string()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count is a count"
)]
fn share_of(count: u64, share: f64) -> u64 {
    (count as f64 * share.clamp(0.0, 1.0)) as u64
}

/// FNV-1a, 64 bits: the same on every machine and in every version of Rust.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn start() -> Timestamp {
        "2026-02-27T18:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_stream_runs_from_its_start_until_its_end() {
        let mut world = World::new();
        let ann = name("ann");
        world.add_stream(&ann, Stream::new(&ann, start()).ending(start().plus(HOUR)));
        let live = |at: Timestamp| world.live_at(&ann, at).is_some();
        assert!(!live(start().minus(Duration::from_millis(1))));
        assert!(live(start()));
        assert!(!live(start().plus(HOUR)));
        let last = world.last_ended_at(&ann, start().plus(HOUR)).unwrap();
        assert_eq!(last.starts_at, start());
        assert!(world.last_ended_at(&ann, start()).is_none());
    }

    #[test]
    fn going_live_again_ends_what_ran_and_takes_a_greater_room() {
        let mut world = World::new();
        let ann = name("ann");
        let later = start().plus(Duration::from_millis(5));
        world.set_live(&ann, Stream::new(&ann, start()));
        world.set_live(&ann, Stream::new(&ann, later));
        let rooms: Vec<_> = world
            .streams(&ann)
            .iter()
            .map(|s| s.room.parse::<u64>().unwrap())
            .collect();
        assert!(rooms[0] < rooms[1], "{rooms:?}");
        assert_eq!(world.streams(&ann)[0].ends_at, Some(later));
        world.set_offline(&ann, later.plus(HOUR));
        assert!(world.live_at(&ann, later.plus(HOUR)).is_none());
    }

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_seed_another() {
        let draw = |seed| {
            let names = ["ann", "bob"].map(name);
            let world = World::random(seed, names, start(), 100 * HOUR);
            world.streams(&name("ann")).to_vec()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let streams = draw(1);
        assert!(streams.len() > 1);
        let apart = |two: &[Stream]| two[0].ends_at.unwrap() < two[1].starts_at;
        assert!(streams.windows(2).all(apart));
    }

    #[test]
    fn an_audience_comes_and_ebbs_and_never_passes_its_peak() {
        let stream = Stream::new(&name("ann"), start());
        let at = |minutes: u64| stream.viewers_at(start().plus(Duration::from_secs(minutes * 60)));
        assert_eq!((at(0), at(30)), (0, stream.peak_viewers));
        assert!(at(10) < at(20) && at(60) < at(30) && at(600) > 0);
    }
}
