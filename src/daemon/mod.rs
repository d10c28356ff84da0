//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod clock;
mod housekeeper;
pub mod logs;
mod poller;
pub mod progress;
mod supervisor;

pub use clock::Clock;
