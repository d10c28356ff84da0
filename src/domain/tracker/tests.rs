use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::{Cause, Observation, Profile, Unclear};

const RULES: Rules = Rules {
    confirm_offline: 2,
    resume_within: Duration::from_secs(600),
    when_already_live: Visibility::Announced,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn room(number: u64, started: Option<i64>) -> LiveStream {
    LiveStream {
        room: RoomId::new(&number.to_string()).unwrap(),
        started_at: started.map(at),
        title: Some(format!("title {number}")),
        viewers: Some(100),
        views: None,
        cover_url: None,
        media: Vec::new(),
        profile: Profile::default(),
    }
}

fn live(number: u64, started: i64) -> Observation {
    Observation::Live(Box::new(room(number, Some(started))))
}

fn unclear() -> Observation {
    Observation::Unclear(Unclear::new(Cause::ServerFault, "502"))
}

/// Takes answers in order and keeps what came of them.
struct Creator {
    state: CreatorState,
    rules: Rules,
    announced: Vec<Transition>,
}

impl Creator {
    fn new() -> Self {
        Self {
            state: CreatorState::default(),
            rules: RULES,
            announced: Vec::new(),
        }
    }

    fn offline_at(second: i64) -> Self {
        let mut creator = Self::new();
        creator.take(&Observation::Offline, second);
        creator
    }

    fn take(&mut self, observation: &Observation, second: i64) -> Step {
        let step = step(&self.state, observation, at(second), &self.rules);
        self.state = step.state.clone();
        self.announced.extend(
            step.transitions
                .iter()
                .filter(|t| t.is_announced())
                .cloned(),
        );
        step
    }

    fn names(&self) -> Vec<&'static str> {
        self.announced
            .iter()
            .filter_map(|t| match t.kind {
                TransitionKind::Started => Some("started"),
                TransitionKind::Ended {
                    reason: EndReason::Offline,
                    ..
                } => Some("ended"),
                TransitionKind::Ended {
                    reason: EndReason::Replaced,
                    ..
                } => Some("replaced"),
                TransitionKind::Updated { .. } | TransitionKind::Sampled => None,
            })
            .collect()
    }

    fn last(&self) -> &Transition {
        self.announced.last().unwrap()
    }
}

#[test]
fn unknown_then_offline_is_stored_and_silent() {
    let mut creator = Creator::new();
    let step = creator.take(&Observation::Offline, 10);
    assert_eq!(step.reading, Reading::Telling);
    assert_eq!(creator.state.phase, Phase::Offline);
    assert!(creator.announced.is_empty());
}

#[test]
fn offline_again_is_quiet() {
    let mut creator = Creator::offline_at(10);
    let step = creator.take(&Observation::Offline, 20);
    assert_eq!(step.reading, Reading::Quiet);
    assert_eq!(creator.state.last_answer_at, Some(at(20)));
}

#[test]
fn a_stream_that_began_before_the_first_poll_is_already_live() {
    let mut creator = Creator::new();
    creator.take(&live(1, 5), 10);
    assert!(creator.last().live.already_live);
    assert_eq!(creator.last().sequence, 1);
    assert_eq!(creator.last().previous_poll_at, None);
}

#[test]
fn a_stream_that_began_after_an_unclear_first_poll_is_not_already_live() {
    let mut creator = Creator::new();
    creator.take(&unclear(), 10);
    creator.take(&live(1, 12), 20);
    assert!(!creator.last().live.already_live);
}

#[test]
fn a_silent_stream_ends_silently_and_does_not_count() {
    let mut creator = Creator::new();
    creator.rules.when_already_live = Visibility::Silent;
    creator.take(&live(1, 5), 10);
    creator.take(&Observation::Offline, 20);
    creator.take(&Observation::Offline, 30);
    assert!(creator.announced.is_empty());
    assert_eq!(creator.state.sequence, 0);
    creator.take(&live(2, 5000), 5010);
    assert_eq!(creator.names(), ["started"]);
    assert_eq!(creator.last().sequence, 1);
}

#[test]
fn a_stream_is_announced_once_and_its_end_after_two_answers() {
    let mut creator = Creator::offline_at(10);
    creator.take(&live(1, 15), 20);
    creator.take(&live(1, 15), 30);
    let first_no = creator.take(&Observation::Offline, 40);
    assert_eq!(first_no.reading, Reading::Telling);
    assert!(creator.state.is_ending());
    creator.take(&Observation::Offline, 50);
    assert_eq!(creator.names(), ["started", "ended"]);
    let end = creator.last();
    assert_eq!(end.sequence, 2);
    assert_eq!(end.live.last_seen_at, at(30));
    assert_eq!(
        end.kind,
        TransitionKind::Ended {
            reason: EndReason::Offline,
            ended_at: at(40)
        }
    );
    assert_eq!(
        end.live.audience,
        Audience {
            peak: 100,
            sum: 200,
            samples: 2
        }
    );
}

#[test]
fn a_stream_that_flaps_is_announced_once() {
    let mut creator = Creator::offline_at(0);
    for round in 1..20 {
        creator.take(&live(1, 5), round * 20);
        creator.take(&unclear(), round * 20 + 5);
        creator.take(&Observation::Offline, round * 20 + 10);
    }
    assert_eq!(creator.names(), ["started"]);
}

#[test]
fn an_unclear_answer_between_two_offline_ones_keeps_the_count() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    creator.take(&Observation::Offline, 20);
    let step = creator.take(&unclear(), 30);
    assert_eq!(step.reading, Reading::Unclear);
    assert!(creator.state.is_ending());
    creator.take(&Observation::Offline, 40);
    assert_eq!(creator.names(), ["started", "ended"]);
}

#[test]
fn one_answer_suffices_where_the_configuration_says_so() {
    let mut creator = Creator::offline_at(0);
    creator.rules.confirm_offline = 1;
    creator.take(&live(1, 5), 10);
    creator.take(&Observation::Offline, 20);
    assert_eq!(creator.names(), ["started", "ended"]);
}

#[test]
fn a_later_room_replaces_the_running_one() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    creator.take(&live(2, 60), 70);
    assert_eq!(creator.names(), ["started", "replaced", "started"]);
    let [_, end, start] = &creator.announced[..] else {
        panic!()
    };
    assert_eq!((end.sequence, start.sequence), (2, 3));
    assert_eq!(end.live.stream.room.as_str(), "1");
    assert_eq!(
        end.kind,
        TransitionKind::Ended {
            reason: EndReason::Replaced,
            ended_at: at(60)
        }
    );
    assert!(start.live.resumed);
}

#[test]
fn a_replaced_stream_ends_no_later_than_its_successor_begins() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 10), 20);
    creator.take(&Observation::Offline, 320);
    let step = creator.take(&live(2, 240), 365);
    let TransitionKind::Ended { ended_at, .. } = step.transitions[0].kind else {
        panic!("{step:?}")
    };
    assert_eq!(ended_at, at(240), "not at 320, while the next one ran");
}

#[test]
fn a_replacement_hours_after_the_last_sight_is_no_resumption() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    creator.take(&live(2, 7000), 7010);
    assert!(!creator.last().live.resumed);
}

#[test]
fn a_room_that_began_earlier_is_a_stale_answer() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(5, 50), 60);
    let before = creator.state.clone();
    let step = creator.take(&live(4, 40), 70);
    assert_eq!(step.reading, Reading::Unclear);
    assert_eq!(creator.state, before);
}

#[test]
fn a_room_older_than_the_one_that_ended_is_stale_too() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(5, 50), 60);
    creator.take(&Observation::Offline, 70);
    creator.take(&Observation::Offline, 80);
    let step = creator.take(&live(4, 40), 90);
    assert_eq!(step.reading, Reading::Unclear);
    assert_eq!(creator.state.phase, Phase::Offline);
}

#[test]
fn without_start_times_a_room_older_than_the_one_that_ended_is_stale_by_its_id() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(7, 5), 10);
    creator.take(&Observation::Offline, 100);
    creator.take(&Observation::Offline, 145);
    let unknown = |number| Observation::Live(Box::new(room(number, None)));
    assert_eq!(creator.take(&unknown(6), 200).reading, Reading::Unclear);
    assert_eq!(creator.take(&unknown(8), 300).reading, Reading::Telling);
}

#[test]
fn without_start_times_the_growing_room_id_decides() {
    let untimed = |number| Observation::Live(Box::new(room(number, None)));
    let mut creator = Creator::offline_at(0);
    creator.take(&untimed(5), 10);
    assert_eq!(creator.take(&untimed(4), 20).reading, Reading::Unclear);
    creator.take(&untimed(6), 30);
    assert_eq!(creator.names(), ["started", "replaced", "started"]);
}

#[test]
fn the_room_that_just_ended_is_resumed_however_late() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    creator.take(&Observation::Offline, 20);
    creator.take(&Observation::Offline, 30);
    creator.take(&live(1, 5), 90_000);
    assert_eq!(creator.names(), ["started", "ended", "started"]);
    assert!(creator.last().live.resumed);
}

#[test]
fn a_start_soon_after_the_end_is_resumed_and_a_later_one_is_not() {
    for (began, resumed) in [(20 + 600, true), (20 + 601, false)] {
        let mut creator = Creator::offline_at(0);
        creator.take(&live(1, 5), 10);
        creator.take(&Observation::Offline, 20);
        creator.take(&Observation::Offline, 30);
        creator.take(&live(2, began), 5000);
        assert_eq!(creator.last().live.resumed, resumed, "{began}");
    }
}

#[test]
fn what_a_later_answer_leaves_out_is_kept() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    let mut bare = room(1, Some(99));
    bare.title = None;
    bare.viewers = None;
    let step = creator.take(&Observation::Live(Box::new(bare)), 20);
    assert!(step.transitions.is_empty());
    let stream = &creator.state.live().unwrap().stream;
    assert_eq!(stream.title.as_deref(), Some("title 1"));
    assert_eq!(
        stream.started_at,
        Some(at(5)),
        "the first word on the start counts"
    );
}

#[test]
fn a_new_title_and_an_audience_are_told_with_the_current_sequence() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 5), 10);
    let mut renamed = room(1, Some(5));
    renamed.title = Some("new".into());
    renamed.viewers = Some(50);
    let step = creator.take(&Observation::Live(Box::new(renamed)), 20);
    let [updated, sampled] = &step.transitions[..] else {
        panic!("{step:?}")
    };
    assert_eq!(
        updated.kind,
        TransitionKind::Updated {
            previous_title: Some("title 1".into())
        }
    );
    assert_eq!(sampled.kind, TransitionKind::Sampled);
    assert_eq!((updated.sequence, sampled.sequence), (1, 1));
    assert_eq!(sampled.live.audience.average(), Some(75));
}

#[test]
fn a_start_in_the_future_harms_nothing() {
    let mut creator = Creator::offline_at(0);
    creator.take(&live(1, 999_999_999), 10);
    creator.take(&Observation::Offline, 20);
    creator.take(&Observation::Offline, 30);
    assert_eq!(creator.names(), ["started", "ended"]);
}

/// Any answer: rooms of few numbers with right, wrong and missing starts, offline, unclear.
fn any_answer() -> impl Strategy<Value = Observation> {
    prop_oneof![
        3 => Just(Observation::Offline),
        1 => Just(unclear()),
        4 => (1_u64..6, prop::option::of(0_i64..400), prop::option::of(0_u64..9)).prop_map(
            |(number, started, viewers)| {
                let mut stream = room(number, started);
                stream.viewers = viewers;
                Observation::Live(Box::new(stream))
            }
        ),
    ]
}

proptest! {
    #[test]
    fn starts_and_ends_alternate_and_the_sequence_has_no_gap(
        answers in prop::collection::vec((any_answer(), 0_i64..60), 0..120),
        confirm_offline in 1_u32..4,
        silent in any::<bool>(),
    ) {
        let mut creator = Creator::new();
        creator.rules.confirm_offline = confirm_offline;
        if silent {
            creator.rules.when_already_live = Visibility::Silent;
        }
        let mut second = 0;
        for (answer, wait) in answers {
            second += wait;
            creator.take(&answer, second);
        }
        let mut expected = 0;
        let mut is_live = false;
        for transition in &creator.announced {
            match transition.kind {
                TransitionKind::Started => {
                    prop_assert!(!is_live);
                    is_live = true;
                    expected += 1;
                }
                TransitionKind::Ended { ended_at, .. } => {
                    prop_assert!(is_live);
                    prop_assert!(ended_at >= transition.live.last_seen_at);
                    prop_assert!(ended_at <= transition.at);
                    is_live = false;
                    expected += 1;
                }
                TransitionKind::Updated { .. } | TransitionKind::Sampled => prop_assert!(is_live),
            }
            prop_assert_eq!(transition.sequence, expected);
        }
        prop_assert_eq!(creator.state.sequence, expected);
        let shown = creator.state.live().is_some_and(|l| l.visibility == Visibility::Announced);
        prop_assert_eq!(shown, is_live);
    }

    #[test]
    fn unclear_changes_nothing_wherever_it_is_put(
        answers in prop::collection::vec(any_answer(), 1..40),
        mask in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (mut plain, mut noisy) = (Creator::new(), Creator::new());
        // Both are first asked for at the same moment: only the answers differ.
        for creator in [&mut plain, &mut noisy] {
            creator.take(&unclear(), 0);
        }
        for (index, (answer, disturb)) in answers.iter().zip(mask).enumerate() {
            let second = i64::try_from(index).unwrap() * 10 + 10;
            if disturb {
                let before = noisy.state.clone();
                let step = noisy.take(&unclear(), second - 5);
                prop_assert!(step.transitions.is_empty());
                prop_assert_eq!(&noisy.state, &before);
            }
            plain.take(answer, second);
            noisy.take(answer, second);
        }
        prop_assert_eq!(plain.state, noisy.state);
        prop_assert_eq!(plain.announced, noisy.announced);
    }
}
