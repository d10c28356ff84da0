//! What every store promises, as tests that any adapter can be put through.
//!
//! Knows the trait and nothing of what is behind it. An adapter provides a [`Ground`] and
//! invokes `contract!` with a function that makes one.

pub(super) mod health;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod model;
pub(super) mod queue;
pub(super) mod replay;
pub(crate) mod stage;
pub(super) mod state;

use std::sync::Arc;

use async_trait::async_trait;

use super::Store;
use super::history::History;

/// Where one store lives: opened again, it holds what it held.
#[async_trait]
pub(super) trait Ground: Send + Sync {
    /// Opens the store that lives here; what was opened before is closed.
    async fn open(&self) -> Arc<dyn Store>;

    /// The same, with its past.
    async fn open_with_history(&self) -> (Arc<dyn Store>, Arc<dyn History>);
}

/// One test for each promise, on ground that `$ground` makes afresh.
macro_rules! contract {
    ($ground:path) => {
        contract! { @each $ground,
            state: what_is_committed_is_known_after_a_restart,
            state: a_store_has_one_installation_id_for_life,
            state: a_change_that_fails_stores_nothing_of_itself,
            state: the_same_change_twice_is_stored_once,
            state: a_creator_never_goes_back,
            state: a_checkpoint_touches_times_alone,
            state: learning_and_spending_come_back_and_no_transition_touches_them,
            state: past_streams_come_back_in_order_of_their_start,
            state: degraded_reasons_are_replaced_as_a_whole,
            state: a_closed_store_says_so,
            state: what_was_accepted_before_the_end_is_written,
            queue: a_body_comes_back_byte_for_byte,
            queue: one_delivery_of_a_line_is_due_at_a_time_the_oldest,
            queue: a_retry_blocks_its_own_line_alone,
            queue: what_waits_is_counted_for_each_webhook,
            queue: whatever_ends_a_delivery_moves_the_line_on,
            queue: the_monitors_own_events_stand_in_one_line,
            queue: the_soonest_due_come_first_and_no_more_than_asked_for,
            queue: a_second_settlement_changes_nothing,
            queue: a_disabled_webhook_stays_so_until_it_is_enabled,
            queue: the_outbox_tells_of_new_and_promoted_deliveries_alone,
            queue: pruning_forgets_what_is_old_and_done,
            queue: pruning_never_takes_what_is_pending,
            queue: a_stream_may_outlive_its_samples_and_events,
            queue: what_a_webhook_has_not_heard_holds_up_no_pruning,
            replay: what_ended_is_due_again_in_order_under_the_same_ids,
            replay: a_replay_goes_before_what_is_younger_and_behind_what_is_older,
            replay: a_replay_that_fails_is_what_it_was_and_its_line_moves_on,
            replay: a_replay_begins_the_schedule_anew,
            replay: a_pending_delivery_is_brought_forward_by_an_attempt_that_does_not_count,
            replay: deliveries_are_chosen_by_number_and_filter_up_to_a_limit,
            replay: what_waits_longer_than_it_may_is_pulled_in,
            health: a_pause_is_remembered_across_restarts_for_the_same_address,
            identity: an_identity_and_its_event_are_stored_together_or_not_at_all,
            identity: a_checkpoint_adds_to_an_identity_and_takes_nothing_away,
            identity: a_new_name_takes_the_id_and_the_streams_that_are_over,
            health: failures_are_counted_across_restarts,
            health: a_success_an_enabling_and_another_address_begin_the_count_anew,
            health: what_was_never_sent_says_nothing_of_the_receiver,
            health: others_hear_of_a_webhook_once_an_hour_for_each_state,
            health: news_of_a_settlement_that_counts_no_more_is_not_told,
            history: a_stream_is_told_with_all_that_is_known_of_it,
            history: pages_neither_repeat_nor_skip_while_streams_are_added,
            history: streams_are_chosen_by_creator_time_and_whether_they_run,
            history: a_room_that_came_back_has_two_streams,
            history: samples_come_oldest_first_of_all_of_a_creator_and_of_a_stream,
            history: events_come_newest_first_without_what_comes_by_the_thousand,
            history: delays_leave_out_what_was_running_before,
            history: the_latest_polls_are_kept_and_no_more,
            history: deliveries_are_paged_newest_first_and_shown_whole,
            history: what_is_pending_is_counted_for_each_webhook,
            history: a_page_has_a_bound_of_its_own,
        }

        #[test]
        fn deliveries_follow_the_model() {
            $crate::store::contract::model::deliveries_follow_the_model($ground);
        }
    };
    (@each $ground:path, $($group:ident: $name:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::store::contract::$group::$name(&$ground()).await;
            }
        )*
    };
}
pub(super) use contract;
