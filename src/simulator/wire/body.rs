//! Bodies that come whole, cut short, slowly, or without end.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::{Answer, UnderWay};

/// A body of any kind; an error in it breaks the connection.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The answer with its length, `missing` bytes more than there are.
pub(super) fn whole(answer: &Answer, missing: u64, under_way: UnderWay) -> Response<Body> {
    let body = answer.body.clone();
    let promised = body.len() as u64 + missing;
    let frames = stream::unfold(
        (Some(body), under_way),
        move |(body, under_way)| async move {
            match body {
                Some(body) => Some((Ok(Frame::data(body)), (None, under_way))),
                None if missing == 0 => None,
                None => {
                    // One turn of the loop, in which hyper flushes what it has.
                    tokio::task::yield_now().await;
                    let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
                    Some((Err(cut), (None, under_way)))
                }
            }
        },
    );
    let mut response = respond(answer, StreamBody::new(frames).boxed_unsync());
    if !answer.status.is_informational() && answer.status != StatusCode::NO_CONTENT {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(promised));
    }
    response
}

/// The body `piece` by `piece`, without a length.
pub(super) fn drip(
    answer: &Answer,
    piece: usize,
    every: Duration,
    under_way: UnderWay,
) -> Response<Body> {
    let rest = answer.body.clone();
    let frames = stream::unfold((rest, under_way), move |(mut rest, under_way)| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let next = rest.split_to(piece.clamp(1, rest.len()));
        Some((Ok(Frame::data(next)), (rest, under_way)))
    });
    respond(answer, StreamBody::new(frames).boxed_unsync())
}

/// The body over and over.
pub(super) fn endless(answer: &Answer, under_way: UnderWay) -> Response<Body> {
    let frames = stream::repeat(answer.body.clone()).map(move |body| {
        let _ = &under_way;
        Ok(Frame::data(body))
    });
    respond(answer, StreamBody::new(frames).boxed_unsync())
}

fn respond(answer: &Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    response.headers_mut().clone_from(&answer.headers);
    response
}
