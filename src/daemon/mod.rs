//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod clock;
pub mod dispatcher;
mod housekeeper;
pub mod logs;
mod poller;
pub mod progress;
mod supervisor;

pub use clock::Clock;
pub use dispatcher::{DispatchError, Dispatcher, DispatcherParts};
pub use progress::Progress;
