//! Who is next: one indexed binary heap for all creators.
//!
//! Each creator has at most one entry. Moving an entry costs O(log n) and leaves nothing
//! behind; equal times come out in the order of the creators' indices, so that a run with
//! the same inputs is the same run.

#![expect(
    clippy::cast_possible_truncation,
    reason = "positions are indices of a heap of `CreatorIndex`, and fit in one"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::CreatorIndex;

/// Marks a creator that is not queued.
const ABSENT: u32 = u32::MAX;

/// Times are on the daemon's monotonic clock, since its start.
#[derive(Debug, Default, Clone)]
pub struct Queue {
    heap: Vec<CreatorIndex>,
    /// Position in `heap` of each creator, or [`ABSENT`].
    position: Vec<u32>,
    due: Vec<Duration>,
}

impl Queue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of creators queued.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nobody is queued.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Queues `creator` for `due`, or moves it there.
    pub fn schedule(&mut self, creator: CreatorIndex, due: Duration) {
        let index = creator as usize;
        if index >= self.position.len() {
            self.position.resize(index + 1, ABSENT);
            self.due.resize(index + 1, Duration::ZERO);
        }
        self.due[index] = due;
        if self.position[index] == ABSENT {
            self.heap.push(creator);
            self.position[index] = self.heap.len() as u32 - 1;
        }
        let at = self.position[index] as usize;
        let at = self.sift_up(at);
        self.sift_down(at);
    }

    /// Takes `creator` out, if it is queued.
    pub fn cancel(&mut self, creator: CreatorIndex) {
        if let Some(at) = self.place_of(creator) {
            self.remove_at(at);
        }
    }

    /// When `creator` is due, if it is queued.
    pub fn due_of(&self, creator: CreatorIndex) -> Option<Duration> {
        self.place_of(creator).map(|_| self.due[creator as usize])
    }

    /// Who is next, and when.
    pub fn peek(&self) -> Option<(CreatorIndex, Duration)> {
        let &creator = self.heap.first()?;
        Some((creator, self.due[creator as usize]))
    }

    /// The `count` that are next, soonest first; nobody is taken out.
    ///
    /// Walks down from the top of the heap, so it costs by `count` and not by who is queued.
    pub fn soonest(&self, count: usize) -> Vec<(CreatorIndex, Duration)> {
        let entry = |at: usize| {
            let creator = *self.heap.get(at)?;
            Some(Reverse((self.due[creator as usize], creator, at)))
        };
        let mut border: BinaryHeap<_> = entry(0).into_iter().collect();
        let mut soonest = Vec::with_capacity(count.min(self.len()));
        while soonest.len() < count
            && let Some(Reverse((due, creator, at))) = border.pop()
        {
            soonest.push((creator, due));
            border.extend([2 * at + 1, 2 * at + 2].into_iter().filter_map(entry));
        }
        soonest
    }

    /// Takes out who is next if it is due by `now`, with the time it was due.
    pub fn pop_due(&mut self, now: Duration) -> Option<(CreatorIndex, Duration)> {
        let next = self.peek().filter(|&(_, due)| due <= now)?;
        self.remove_at(0);
        Some(next)
    }

    fn place_of(&self, creator: CreatorIndex) -> Option<usize> {
        let &at = self.position.get(creator as usize)?;
        (at != ABSENT).then_some(at as usize)
    }

    fn remove_at(&mut self, at: usize) {
        let creator = self.heap.swap_remove(at);
        self.position[creator as usize] = ABSENT;
        if let Some(&moved) = self.heap.get(at) {
            self.position[moved as usize] = at as u32;
            let at = self.sift_up(at);
            self.sift_down(at);
        }
    }

    /// Whether the entry at `a` comes before the one at `b`.
    fn before(&self, a: usize, b: usize) -> bool {
        let key = |at: usize| (self.due[self.heap[at] as usize], self.heap[at]);
        key(a) < key(b)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.position[self.heap[a] as usize] = a as u32;
        self.position[self.heap[b] as usize] = b as u32;
    }

    fn sift_up(&mut self, mut at: usize) -> usize {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.before(at, parent) {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
        at
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let least = if right < self.heap.len() && self.before(right, left) {
                right
            } else {
                left
            };
            if !self.before(least, at) {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_popped_before_the_time_and_ties_come_in_order() {
        let mut queue = Queue::new();
        let second = Duration::from_secs;
        for creator in [3, 1, 2] {
            queue.schedule(creator, second(5));
        }
        assert_eq!(queue.pop_due(second(4)), None);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_due(second(5)))
            .map(|e| e.0)
            .collect();
        assert_eq!(order, [1, 2, 3]);
        assert_eq!(queue.due_of(1), None);
    }

    fn queued(sorted: &[(Duration, CreatorIndex)], count: usize) -> Vec<(CreatorIndex, Duration)> {
        sorted
            .iter()
            .take(count)
            .map(|(due, who)| (*who, *due))
            .collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_list(ops in prop::collection::vec((0_u32..20, prop::option::of(0_u64..50)), 0..200)) {
            let mut queue = Queue::new();
            let mut model = std::collections::BTreeMap::new();
            for (creator, due) in ops {
                if let Some(due) = due {
                    queue.schedule(creator, Duration::from_secs(due));
                    model.insert(creator, Duration::from_secs(due));
                } else {
                    queue.cancel(creator);
                    model.remove(&creator);
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.due_of(creator), model.get(&creator).copied());
                let least = model.iter().map(|(c, d)| (*d, *c)).min().map(|(d, c)| (c, d));
                prop_assert_eq!(queue.peek(), least);
            }
            let mut sorted: Vec<_> = model.into_iter().map(|(c, d)| (d, c)).collect();
            sorted.sort_unstable();
            prop_assert_eq!(queue.soonest(7), queued(&sorted, 7));
            prop_assert_eq!(queue.soonest(99), queued(&sorted, 99));
            let popped: Vec<_> = std::iter::from_fn(|| queue.pop_due(Duration::MAX)).map(|(c, d)| (d, c)).collect();
            prop_assert_eq!(popped, sorted);
        }
    }
}
