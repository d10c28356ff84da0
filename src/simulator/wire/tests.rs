use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

async fn started(reply: Reply) -> Wire {
    Wire::start(loopback().await.unwrap(), move |_| {
        let reply = reply.clone();
        async move { reply }
    })
    .unwrap()
}

const GET: &[u8] = b"GET /a?b=c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Sends one request and reads until the server ends the connection.
async fn exchange(wire: &Wire) -> (String, io::Result<usize>) {
    let mut socket = TcpStream::connect(wire.address()).await.unwrap();
    socket.write_all(GET).await.unwrap();
    let mut read = Vec::new();
    let end = socket.read_to_end(&mut read).await;
    (String::from_utf8(read).unwrap(), end)
}

#[tokio::test]
async fn a_request_reaches_the_handler_whole_and_its_answer_the_client() {
    let wire = Wire::start(loopback().await.unwrap(), |request: Request| async move {
        let query = request.query.unwrap();
        let text = format!("{} {} {query}", request.method, request.path);
        Answer::json(StatusCode::CREATED, text).into()
    })
    .unwrap();
    let (answer, end) = exchange(&wire).await;
    assert!(end.is_ok());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("GET /a b=c"), "{answer}");
    assert_eq!(wire.traffic().bytes_written(), answer.len() as u64);
    wire.stop().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let wire = started(Reply::status(StatusCode::NO_CONTENT)).await;
    let mut socket = TcpStream::connect(wire.address()).await.unwrap();
    for _ in 0..3 {
        socket
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = vec![0; 1024];
        let count = socket.read(&mut answer).await.unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 204"));
    }
    let traffic = wire.traffic();
    assert_eq!((traffic.connections(), traffic.requests()), (1, 3));
    assert_eq!(traffic.most_in_flight(), 1);
}

#[tokio::test]
async fn a_reset_is_seen_as_a_reset() {
    let wire = started(Reply::Reset).await;
    let (answer, end) = exchange(&wire).await;
    assert_eq!(answer, "");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_sends() {
    let answer = Answer::json(StatusCode::OK, "{\"data\":");
    let wire = started(Reply::Truncated {
        answer,
        missing: 10,
    })
    .await;
    let (answer, _) = exchange(&wire).await;
    assert!(answer.contains("content-length: 18\r\n"), "{answer}");
    assert!(answer.ends_with("{\"data\":"), "{answer}");
}

#[tokio::test]
async fn a_dripping_answer_comes_whole_and_in_pieces() {
    let answer = Answer::json(StatusCode::OK, "abcde");
    let every = Duration::from_millis(1);
    let wire = started(Reply::Drip {
        answer,
        piece: 2,
        every,
    })
    .await;
    let (answer, _) = exchange(&wire).await;
    let pieces = "2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n";
    assert!(answer.ends_with(pieces), "{answer}");
}

#[tokio::test]
async fn an_endless_answer_goes_on_until_the_client_leaves_and_a_late_one_comes() {
    let chunk = Answer::status(StatusCode::OK).with_body(vec![b'x'; 1000]);
    let wire = started(Reply::Endless(chunk).after(Duration::from_millis(1))).await;
    let mut socket = TcpStream::connect(wire.address()).await.unwrap();
    socket.write_all(GET).await.unwrap();
    let mut read = vec![0; 1_000_000];
    socket.read_exact(&mut read).await.unwrap();
    drop(socket);
    // Ends only when the connection's task has ended, which the client's leaving brings about.
    while wire.traffic().in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stopping_breaks_a_hanging_connection_and_frees_the_port() {
    let wire = started(Reply::Hang).await;
    let address = wire.address();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(GET).await.unwrap();
    while wire.traffic().in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    wire.stop().await;
    let mut read = Vec::new();
    let _ = socket.read_to_end(&mut read).await;
    assert!(read.is_empty());
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_client_that_begins_with_http_2_is_served_too() {
    let wire = started(Answer::json(StatusCode::OK, "{}").into()).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let answer = client.get(wire.url()).send().await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "{}");
}
