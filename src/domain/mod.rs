//! What tallylight knows and decides, as plain values and functions.
//!
//! Nothing here waits, reads a clock, draws a random number, logs or touches the
//! world: `now` and random fractions are arguments. Everything else in the crate
//! exists to feed this room and to carry out what it returns.

pub mod creator;
pub mod credits;
pub mod event;
pub mod identity;
pub mod mass_flip;
pub mod observation;
pub mod retry;
pub mod signature;
pub mod source_health;
pub mod text;
pub mod time;
pub mod timing;
pub mod tracker;

pub use creator::{Profile, Username};
pub use event::{Event, EventId, EventType};
pub use observation::{Cause, LiveStream, Observation, RoomId, Unclear};
pub use time::Timestamp;
pub use timing::Timing;
