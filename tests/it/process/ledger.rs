//! What must be true of everything that a receiver was ever sent.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rusqlite::Connection;
use tallylight::simulator::receiver::{Received, Verdict};

/// Every event that arrived, by creator, in order of its first arrival.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) lives: BTreeMap<String, Vec<Entry>>,
    pub(super) events: usize,
    /// Arrivals of an event that had arrived before.
    pub(super) repeated: usize,
}

/// One start or end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) started: bool,
    pub(super) room: String,
    pub(super) sequence: u64,
}

impl Ledger {
    /// Reads all arrivals; panics if one is forged, altered, out of order, a gap or a repetition.
    pub(super) fn audit(received: &[Received]) -> Self {
        let mut ledger = Self::default();
        let mut bodies = HashMap::new();
        let mut newest: HashMap<String, u64> = HashMap::new();
        for arrival in received {
            assert_eq!(arrival.verdict, Verdict::Genuine, "{arrival:?}");
            let body = arrival.json().unwrap();
            let creator = body["data"]["creator"]["username"]
                .as_str()
                .unwrap()
                .to_owned();
            let sequence = body["data"]["sequence"].as_u64().unwrap();
            let newest = newest.entry(creator.clone()).or_default();
            assert!(
                sequence >= *newest,
                "@{creator}: {sequence} came after {newest}"
            );
            *newest = sequence;
            let id = arrival.id().unwrap().to_owned();
            if let Some(before) = bodies.insert(id.clone(), arrival.body.clone()) {
                assert_eq!(before, arrival.body, "{id} came again with another body");
                ledger.repeated += 1;
                continue;
            }
            ledger.events += 1;
            let entry = Entry {
                started: body["type"] == "stream.started",
                room: body["data"]["stream"]["id"].as_str().unwrap().to_owned(),
                sequence,
            };
            ledger.add(&creator, entry);
        }
        ledger
    }

    fn add(&mut self, creator: &str, entry: Entry) {
        let life = self.lives.entry(creator.to_owned()).or_default();
        assert_eq!(
            entry.sequence,
            life.len() as u64 + 1,
            "@{creator}: a gap before {entry:?}"
        );
        assert_eq!(
            entry.started,
            entry.sequence % 2 == 1,
            "@{creator}: {entry:?} does not alternate"
        );
        if !entry.started {
            let start = life.last().unwrap();
            assert_eq!(
                start.room, entry.room,
                "@{creator}: the end is of another stream"
            );
        }
        let announced = life
            .iter()
            .any(|e| e.started && entry.started && e.room == entry.room);
        assert!(!announced, "@{creator}: {} was announced twice", entry.room);
        life.push(entry);
    }

    /// Whether nobody is left live.
    pub(super) fn all_ended(&self) -> bool {
        self.lives
            .values()
            .all(|life| life.last().is_some_and(|entry| !entry.started))
    }

    /// Compares with the store of a daemon that has ended: nothing pending, nothing that never arrived.
    pub(super) fn agrees_with(&self, store: &Path) {
        let stored = Stored::read(store);
        assert_eq!(
            stored,
            Stored {
                events: self.events,
                deliveries: self.events,
                pending: 0
            }
        );
    }
}

/// What a store holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Of creators: on a busy machine the monitor has some of its own to tell.
    events: usize,
    deliveries: usize,
    /// Deliveries that are not delivered.
    pub(super) pending: usize,
}

impl Stored {
    pub(super) fn read(store: &Path) -> Self {
        let connection = Connection::open(store).unwrap();
        let count = |sql: &str| -> usize {
            connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
                .try_into()
                .unwrap()
        };
        Self {
            events: count("SELECT count(*) FROM events WHERE creator IS NOT NULL"),
            deliveries: count("SELECT count(*) FROM deliveries"),
            pending: count("SELECT count(*) FROM deliveries WHERE status <> 'delivered'"),
        }
    }
}
