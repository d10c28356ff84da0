//! One connection underneath HTTP: counts what it writes, and can end in a reset.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Traffic;

/// How one connection ends.
#[derive(Default)]
pub(super) struct Line {
    /// Told when the connection's task is to drop it.
    pub(super) broken: Notify,
    with_reset: AtomicBool,
}

impl Line {
    /// Breaks the connection; never returns, since its task is dropped meanwhile.
    pub(super) async fn reset(&self) -> ! {
        self.with_reset.store(true, Ordering::Relaxed);
        self.broken.notify_one();
        pending().await
    }
}

/// A TCP stream that counts what it writes and can end in a reset.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) line: Arc<Line>,
    pub(super) traffic: Arc<Traffic>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.with_reset.load(Ordering::Relaxed) {
            // Closing with zero linger sends RST in place of FIN.
            let _ = self.stream.set_zero_linger();
        }
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
            self.traffic.count_written(count);
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
