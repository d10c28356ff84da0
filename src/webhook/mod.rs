//! Sending events: bodies, signatures, the request, and what its answer means.
