//! Sweeps: one credit for a page of up to thirty creators, trusted only as far as measured.
//!
//! `sight` holds what sweeps said of one creator and what follows for the belief that it is
//! live, [`trust`] how far flags can be trusted, `page` when a page is worth its credit.
//! Which poll to make is not decided here, and no flag starts or ends a stream.

pub(super) mod page;
pub(super) mod sight;
pub mod trust;

/// A page's place in the following list; stable while the list has as many pages.
pub type PageIndex = u32;
