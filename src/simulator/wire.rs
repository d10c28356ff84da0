//! A small HTTP server on loopback that answers as it is told, well or badly.
//!
//! It knows nothing of what is asked: a handler turns each [`Request`] into a [`Reply`].
//! HTTP/1.1 with keep-alive, and HTTP/2 for clients that begin with it. Every task is
//! owned by the [`Wire`] and ends when it is stopped or dropped.

mod body;
mod socket;
mod traffic;

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use body::{Body, drip, endless, whole};
use socket::{Line, Socket};
pub use traffic::Traffic;
use traffic::UnderWay;

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

    /// What went over the wire so far; can be kept when the server is gone.
    pub fn traffic(&self) -> &Arc<Traffic> {
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

    /// The answer that is sent, if one is.
    pub fn answer_mut(&mut self) -> Option<&mut Answer> {
        match self {
            Self::Answer(answer)
            | Self::Truncated { answer, .. }
            | Self::Drip { answer, .. }
            | Self::Endless(answer) => Some(answer),
            Self::After(_, then) => then.answer_mut(),
            Self::Hang | Self::Reset => None,
        }
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
                    self.traffic.count_connection();
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
            Reply::Answer(answer) => Ok(whole(&answer, 0, under_way)),
            Reply::Truncated { answer, missing } => Ok(whole(&answer, missing, under_way)),
            Reply::Drip {
                answer,
                piece,
                every,
            } => Ok(drip(&answer, piece, every, under_way)),
            Reply::Endless(answer) => Ok(endless(&answer, under_way)),
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

#[cfg(test)]
mod tests;
