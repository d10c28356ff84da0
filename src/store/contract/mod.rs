//! What every store promises, as tests that any adapter can be put through.
//!
//! Knows the trait and nothing of what is behind it. An adapter provides a [`Ground`] and
//! invokes `contract!` with a function that makes one.

pub(super) mod health;
pub(super) mod identity;
pub(super) mod model;
pub(super) mod queue;
pub(super) mod stage;
pub(super) mod state;

use std::sync::Arc;

use async_trait::async_trait;

use super::Store;

/// Where one store lives: opened again, it holds what it held.
#[async_trait]
pub(super) trait Ground: Send + Sync {
    /// Opens the store that lives here; what was opened before is closed.
    async fn open(&self) -> Arc<dyn Store>;
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
            queue: whatever_ends_a_delivery_moves_the_line_on,
            queue: the_monitors_own_events_stand_in_one_line,
            queue: the_soonest_due_come_first_and_no_more_than_asked_for,
            queue: a_second_settlement_changes_nothing,
            queue: a_disabled_webhook_stays_so_until_it_is_enabled,
            queue: the_outbox_tells_of_new_and_promoted_deliveries_alone,
            queue: pruning_forgets_what_is_old_and_done,
            queue: pruning_never_takes_what_is_pending,
            identity: an_identity_and_its_event_are_stored_together_or_not_at_all,
            identity: a_checkpoint_adds_to_an_identity_and_takes_nothing_away,
            identity: a_new_name_takes_the_id_and_the_streams_that_are_over,
            health: failures_are_counted_across_restarts,
            health: a_success_an_enabling_and_another_address_begin_the_count_anew,
            health: what_was_never_sent_says_nothing_of_the_receiver,
            health: others_hear_of_a_webhook_once_an_hour_for_each_state,
            health: news_of_a_settlement_that_counts_no_more_is_not_told,
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
