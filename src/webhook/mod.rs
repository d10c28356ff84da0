//! Sending events: the request, its transport, and what the answer means.
//!
//! [`formats`], [`request`] and [`outcome`] are pure: values in, values out. [`sender`] is
//! the one part that opens connections. When to send, and what becomes of a delivery, is the
//! dispatcher's business.

pub mod diagnosis;
mod egress;
pub mod formats;
pub mod outcome;
pub mod request;
mod resolver;
pub mod sender;
mod stopwatch;
mod transport;
mod visit;

pub use formats::FormatError;
pub use outcome::{ErrorClass, Outcome, Verdict};
pub use request::{Endpoint, EndpointError, Request};
pub use sender::{Answer, Breakage, Exchange, HttpSender, Reply, Sender, SenderError};
