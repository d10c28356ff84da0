//! Following lists of the pretend TikTok: who is on them, and how far their flags can be trusted.
//!
//! A flag works for a whole stream or not at all. Everything is a function of seed and time;
//! the same requests at the same times get the same pages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::{World, hash};
use crate::domain::{Timestamp, Username};

/// False flags come and go with this period.
const FALSE_FOR: Duration = Duration::from_mins(10);
/// Digits of a cursor that hold a position; the time of its issue stands before them.
const PLACES: u64 = 1_000_000;

/// How far flags can be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flags {
    /// Share of streams that are flagged.
    pub recall: f64,
    /// Share of creators without a stream that are flagged.
    pub false_flags: f64,
    /// From the start of a stream to its flag, and from its end to the flag's.
    pub lag: Duration,
}

/// Flags that are always right.
impl Default for Flags {
    fn default() -> Self {
        Self {
            recall: 1.0,
            false_flags: 0.0,
            lag: Duration::ZERO,
        }
    }
}

/// One account's list.
#[derive(Debug, Clone)]
pub struct Following {
    /// Stable ids, in the order in which they were followed.
    members: Vec<String>,
    /// How far its flags can be trusted.
    pub flags: Flags,
    /// The list is shuffled anew so often, if at all.
    pub shuffled_every: Option<Duration>,
    /// A cursor works for so long after its page, if not for ever.
    pub cursors_last: Option<Duration>,
    /// The list cannot be seen.
    pub hidden: bool,
    seed: u64,
}

/// A page of members with their flags, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) members: Vec<(Username, bool)>,
    pub(super) total: usize,
    pub(super) next: Option<String>,
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPage {
    /// The cursor does not work, or not any more.
    Cursor,
    /// The list cannot be seen.
    Hidden,
}

impl Following {
    /// A list of `members`; `seed` decides which flags fail.
    pub fn new<'a>(
        world: &World,
        members: impl IntoIterator<Item = &'a Username>,
        seed: u64,
    ) -> Self {
        let mut list = Self {
            members: Vec::new(),
            flags: Flags::default(),
            shuffled_every: None,
            cursors_last: None,
            hidden: false,
            seed,
        };
        for member in members {
            list.follow(world, member);
        }
        list
    }

    /// Adds a member at the end, under whatever name it has later.
    pub fn follow(&mut self, world: &World, member: &Username) {
        self.unfollow(world, member);
        self.members.push(world.stable_id(member));
    }

    /// Takes a member off.
    pub fn unfollow(&mut self, world: &World, member: &Username) {
        let id = world.stable_id(member);
        self.members.retain(|other| *other != id);
    }

    /// At most `count` members from `cursor` on, as of `now`.
    pub(super) fn page(
        &self,
        world: &World,
        (cursor, count): (Option<&str>, usize),
        now: Timestamp,
    ) -> Result<Page, NoPage> {
        if self.hidden {
            return Err(NoPage::Hidden);
        }
        let from = self.position(cursor, now).ok_or(NoPage::Cursor)?;
        let people = self.people(world, now);
        let on_it = people.iter().skip(from).take(count);
        let members = on_it.map(|name| ((*name).clone(), self.is_flagged(world, name, now)));
        let to = from.saturating_add(count);
        Ok(Page {
            members: members.collect(),
            total: people.len(),
            next: (to < people.len()).then(|| {
                let issued = u64::try_from(now.as_millis()).unwrap_or(0);
                (issued * PLACES + to as u64).to_string()
            }),
        })
    }

    /// Where `cursor` points; `None` if it does not work, or not any more.
    fn position(&self, cursor: Option<&str>, now: Timestamp) -> Option<usize> {
        let number: u64 = cursor.unwrap_or("0").parse().ok()?;
        if number == 0 {
            return Some(0);
        }
        let issued = Timestamp::from_millis(i64::try_from(number / PLACES).ok()?);
        let lasts = self.cursors_last.unwrap_or(Duration::MAX);
        (now.since(issued) <= lasts).then(|| usize::try_from(number % PLACES).unwrap_or(0))
    }

    /// Everybody on the list who is there, in today's order.
    fn people<'a>(&self, world: &'a World, now: Timestamp) -> Vec<&'a Username> {
        let by_id: BTreeMap<String, &Username> = world
            .creators()
            .map(|name| (world.stable_id(name), name))
            .collect();
        let there = self
            .members
            .iter()
            .filter_map(|id| Some((id, *by_id.get(id)?)));
        let mut people: Vec<_> = there.collect();
        if let Some(every) = self.shuffled_every {
            let age = period(now, every);
            people.sort_by_key(|(id, _)| hash(&format!("{} {age} {id}", self.seed)));
        }
        people.into_iter().map(|(_, name)| name).collect()
    }

    fn is_flagged(&self, world: &World, name: &Username, now: Timestamp) -> bool {
        if let Some(stream) = world.live_at(name, now.minus(self.flags.lag)) {
            return self.draw(&stream.room) < self.flags.recall;
        }
        if world.live_at(name, now).is_some() {
            return false;
        }
        self.draw(&format!("{name} {}", period(now, FALSE_FOR))) < self.flags.false_flags
    }

    /// Of `[0, 1)`, the same for the same `text`.
    fn draw(&self, text: &str) -> f64 {
        // FNV mixes its low bits best, and the last letters least: a round of SplitMix64.
        let mut bits = hash(&format!("{} {text}", self.seed));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How many whole periods of `length` have passed by `now`.
fn period(now: Timestamp, length: Duration) -> u128 {
    let millis = u128::try_from(now.as_millis()).unwrap_or(0);
    millis / length.as_millis().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::world::Stream;
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn start() -> Timestamp {
        "2026-02-27T18:00:00Z".parse().unwrap()
    }

    fn name(number: usize) -> Username {
        format!("creator{number}").parse().unwrap()
    }

    /// `live` of `all` creators are live from the start on, and all are followed.
    fn listed(live: usize, all: usize) -> (World, Following) {
        let mut world = World::new();
        for number in 0..all {
            world.add(&name(number));
            if number < live {
                let stream = Stream::new(&name(number), start());
                world.add_stream(
                    &name(number),
                    stream.in_room(&format!("{}", 7_000 + number)),
                );
            }
        }
        let names: Vec<_> = (0..all).map(name).collect();
        let list = Following::new(&world, &names, 5);
        (world, list)
    }

    fn flagged(world: &World, list: &Following, at: Timestamp) -> Vec<Username> {
        let page = list.page(world, (None, 100_000), at).unwrap();
        let up = page.members.into_iter().filter(|(_, flag)| *flag);
        up.map(|(name, _)| name).collect()
    }

    #[test]
    fn a_flag_works_for_a_whole_stream_or_not_at_all_in_its_share() {
        let (world, mut list) = listed(1_000, 1_000);
        list.flags.recall = 0.7;
        let first = flagged(&world, &list, start());
        assert!((650..750).contains(&first.len()), "{}", first.len());
        assert_eq!(first, flagged(&world, &list, start().plus(100 * MINUTE)));
    }

    #[test]
    fn a_flag_comes_and_goes_late_and_false_ones_in_their_share() {
        let (mut world, mut list) = listed(1, 2_000);
        world.set_offline(&name(0), start().plus(10 * MINUTE));
        list.flags.lag = 3 * MINUTE;
        let up =
            |list: &Following, minutes: u32| flagged(&world, list, start().plus(minutes * MINUTE));
        assert_eq!(up(&list, 2).len(), 0);
        assert_eq!(up(&list, 3), [name(0)]);
        assert_eq!(up(&list, 12), [name(0)]);
        assert_eq!(up(&list, 13).len(), 0);
        list.flags.false_flags = 0.05;
        let wrong = up(&list, 20);
        assert!((60..140).contains(&wrong.len()), "{}", wrong.len());
        assert_ne!(wrong, up(&list, 31));
    }

    #[test]
    fn pages_cover_the_list_and_members_keep_their_place_under_a_new_name() {
        let (mut world, list) = listed(0, 70);
        world.rename(&name(69), &"renamed".parse().unwrap());
        let mut cursor = None;
        let mut names = Vec::new();
        loop {
            let page = list.page(&world, (cursor.as_deref(), 30), start()).unwrap();
            assert_eq!(page.total, 70);
            names.extend(page.members.into_iter().map(|(name, _)| name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), 70);
        assert_eq!(names[69].as_str(), "renamed");
    }

    #[test]
    fn order_and_cursors_change_as_they_are_told() {
        let (world, mut list) = listed(0, 70);
        let first = |list: &Following, at| list.page(&world, (None, 30), at).unwrap();
        assert_eq!(
            first(&list, start()).members,
            first(&list, start().plus(MINUTE)).members
        );
        list.shuffled_every = Some(MINUTE);
        let before = first(&list, start());
        assert_ne!(before.members, first(&list, start().plus(MINUTE)).members);
        list.cursors_last = Some(MINUTE);
        let next = (before.next.as_deref(), 30);
        assert!(list.page(&world, next, start().plus(MINUTE)).is_ok());
        let late = start().plus(2 * MINUTE);
        assert_eq!(list.page(&world, next, late), Err(NoPage::Cursor));
        assert_eq!(
            list.page(&world, (Some("nonsense"), 30), late),
            Err(NoPage::Cursor)
        );
        list.hidden = true;
        assert_eq!(list.page(&world, (None, 30), late), Err(NoPage::Hidden));
    }
}
