//! The running program: loops around the pure rooms, each owned by the supervisor.

pub mod clock;
pub use clock::Clock;
