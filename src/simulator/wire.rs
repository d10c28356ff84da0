//! A small HTTP server on loopback that answers as it is told, well or badly.
//!
//! It knows nothing of what is asked: a handler turns each [`Request`] into a [`Reply`].
//! HTTP/1.1 with keep-alive, and HTTP/2 for clients that begin with it. Every task is
//! owned by the [`Wire`] and ends when it is stopped or dropped.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest request body that is read; a longer one is answered 413.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// One request, read whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// For example `GET`.
    pub method: Method,
    /// Still percent-encoded.
    pub path: String,
    /// What follows the `?`, still percent-encoded.
    pub query: Option<String>,
    /// As sent; names are lower-case.
    pub headers: HeaderMap,
    /// At most 16 MiB.
    pub body: Bytes,
}

/// A well-formed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For example 200.
    pub status: StatusCode,
    /// Beside `date` and the length, which are added.
    pub headers: HeaderMap,
    /// Sent with its length.
    pub body: Bytes,
}

/// What the server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Answers.
    Answer(Answer),
    /// Waits, then goes on with the reply inside.
    After(Duration, Box<Reply>),
    /// Never answers, and holds the connection open.
    Hang,
    /// Ends the connection with a TCP reset.
    Reset,
    /// Promises `missing` bytes more than the answer has, sends the answer, and closes.
    Truncated {
        /// What is sent.
        answer: Answer,
        /// How much is not.
        missing: u64,
    },
    /// Sends the answer's body `piece` bytes at a time without saying its length.
    Drip {
        /// What is sent.
        answer: Answer,
        /// Bytes in one piece, at least 1.
        piece: usize,
        /// The wait before each piece.
        every: Duration,
    },
    /// Sends the answer's body over and over until the client leaves.
    Endless(Answer),
}

/// A server that is running. Dropping it stops it.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    traffic: Arc<Traffic>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What went over the wire so far.
#[derive(Debug, Default)]
pub struct Traffic {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes_written: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// A listener on a free port of 127.0.0.1.
pub async fn loopback() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

impl Wire {
    /// Serves `listener`; `handler` says what becomes of each request.
    pub fn start<H, F>(listener: TcpListener, handler: H) -> io::Result<Self>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let wire = Self {
            address: listener.local_addr()?,
            traffic: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let server = Server {
            handler: Arc::new(handler),
            traffic: Arc::clone(&wire.traffic),
            stop: wire.stop.clone(),
            tasks: wire.tasks.clone(),
        };
        wire.tasks.spawn(server.accept(listener));
        Ok(wire)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went over the wire so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Breaks every connection and returns once the port is free.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Traffic {
    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests whose head arrived.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes that the sockets took, heads included.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Requests that are not answered to the last byte yet.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The most requests that were ever under way at once.
    pub fn most_in_flight(&self) -> u64 {
        self.most_in_flight.load(Ordering::Relaxed)
    }
}

impl Answer {
    /// An answer of `status` with nothing in it.
    pub fn status(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// The same with `body`.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// An answer of `status` with a JSON body.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::status(status).with_body(body).with_header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
    }
}

impl Reply {
    /// An answer of `status` with nothing in it.
    pub fn status(status: StatusCode) -> Self {
        Self::Answer(Answer::status(status))
    }

    /// The same reply, `wait` later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self::After(wait, Box::new(self))
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// What every connection's task shares.
struct Server<H> {
    handler: Arc<H>,
    traffic: Arc<Traffic>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            traffic: Arc::clone(&self.traffic),
            stop: self.stop.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

impl<H, F> Server<H>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.traffic.connections.fetch_add(1, Ordering::Relaxed);
                    self.tasks.spawn(self.clone().serve(stream));
                }
                // Out of file descriptors, or the client left already: neither ends the server.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        // Without this a small answer can wait 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let line = Arc::new(Line::default());
        let socket = Socket {
            stream,
            line: Arc::clone(&line),
            traffic: Arc::clone(&self.traffic),
        };
        let service = service_fn(|request| self.clone().answer(request, Arc::clone(&line)));
        let builder = auto::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(socket), service);
        tokio::select! {
            // A client that breaks the connection is no concern of ours.
            _ = connection => {}
            () = line.broken.notified() => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
        line: Arc<Line>,
    ) -> io::Result<Response<Body>> {
        let under_way = UnderWay::begin(&self.traffic);
        let mut reply = match read_whole(request).await {
            Some(request) => (self.handler)(request).await,
            None => Reply::status(StatusCode::PAYLOAD_TOO_LARGE),
        };
        while let Reply::After(wait, then) = reply {
            tokio::time::sleep(wait).await;
            reply = *then;
        }
        match reply {
            Reply::Hang | Reply::After(..) => pending().await,
            Reply::Reset => line.reset().await,
            Reply::Answer(answer) => Ok(whole(answer, 0, under_way)),
            Reply::Truncated { answer, missing } => Ok(whole(answer, missing, under_way)),
            Reply::Drip {
                answer,
                piece,
                every,
            } => Ok(drip(answer, piece, every, under_way)),
            Reply::Endless(answer) => Ok(endless(answer, under_way)),
        }
    }
}

/// `None` if the body is longer than [`MAX_REQUEST_BYTES`] or breaks off.
async fn read_whole(request: hyper::Request<Incoming>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await.ok()?;
    Some(Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body: body.to_bytes(),
    })
}

/// The answer with its length, `missing` bytes more than there are.
fn whole(answer: Answer, missing: u64, under_way: UnderWay) -> Response<Body> {
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
    let mut response = respond(&answer, StreamBody::new(frames).boxed_unsync());
    if !answer.status.is_informational() && answer.status != StatusCode::NO_CONTENT {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(promised));
    }
    response
}

fn drip(answer: Answer, piece: usize, every: Duration, under_way: UnderWay) -> Response<Body> {
    let rest = answer.body.clone();
    let frames = stream::unfold((rest, under_way), move |(mut rest, under_way)| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let next = rest.split_to(piece.clamp(1, rest.len()));
        Some((Ok(Frame::data(next)), (rest, under_way)))
    });
    respond(&answer, StreamBody::new(frames).boxed_unsync())
}

fn endless(answer: Answer, under_way: UnderWay) -> Response<Body> {
    let frames = stream::repeat(answer.body.clone()).map(move |body| {
        let _ = &under_way;
        Ok(Frame::data(body))
    });
    respond(&answer, StreamBody::new(frames).boxed_unsync())
}

fn respond(answer: &Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    response.headers_mut().clone_from(&answer.headers);
    response
}

/// Counts one request from its head to the last byte of its answer.
struct UnderWay(Arc<Traffic>);

impl UnderWay {
    fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        let now = traffic.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        traffic.most_in_flight.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How one connection ends.
#[derive(Default)]
struct Line {
    broken: Notify,
    with_reset: AtomicBool,
}

impl Line {
    /// Breaks the connection; never returns, since its task is dropped meanwhile.
    async fn reset(&self) -> ! {
        self.with_reset.store(true, Ordering::Relaxed);
        self.broken.notify_one();
        pending().await
    }
}

/// A TCP stream that counts what it writes and can end in a reset.
struct Socket {
    stream: TcpStream,
    line: Arc<Line>,
    traffic: Arc<Traffic>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.with_reset.load(Ordering::Relaxed) {
            // Closing with zero linger sends RST in place of FIN.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            let total = &self.traffic.bytes_written;
            total.fetch_add(count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
