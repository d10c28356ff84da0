//! Certificates: authorities of one's own, and a receiver that asks who is calling.
//!
//! `tls/` holds an authority made for these tests, and what it signed, valid for a century;
//! its own key was thrown away.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::{ClientIdentity, Secret, TextFile};

const CA: &str = include_str!("tls/ca.pem");
const SERVER: (&str, &str) = (
    include_str!("tls/server.pem"),
    include_str!("tls/server.key"),
);
const CLIENT: (&str, &str) = (
    include_str!("tls/client.pem"),
    include_str!("tls/client.key"),
);

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Asks for a certificate of the authority if `demanding`.
fn server(demanding: bool) -> TlsAcceptor {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = if demanding {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(CA)).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
        ServerConfig::builder().with_client_cert_verifier(verifier.unwrap())
    } else {
        ServerConfig::builder().with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).unwrap();
    let config = builder.with_single_cert(vec![certificate(SERVER.0)], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// Answers 204 to the one request that gets through the handshake.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let (socket, _) = listener.accept().await.unwrap();
    let Ok(mut tls) = acceptor.accept(socket).await else {
        return;
    };
    let mut request = [0; 4_096];
    let _ = tls.read(&mut request).await;
    let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let _ = tls.shutdown().await;
}

fn file(text: &str) -> TextFile {
    TextFile {
        path: "a.pem".into(),
        text: text.into(),
    }
}

fn identity((cert, key): (&str, &str)) -> ClientIdentity {
    ClientIdentity {
        cert: file(cert),
        key: Secret::new(key),
    }
}

async fn exchange(ca: Option<&str>, client: Option<ClientIdentity>, demanding: bool) -> Exchange {
    let listener = loopback().await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let hook = Webhook {
        ca_file: ca.map(file),
        client_identity: client,
        ..webhook("backend", &url)
    };
    let sender = HttpSender::new().unwrap();
    let sent = sender.send(request_of(hook));
    tokio::join!(sent, serve(listener, server(demanding))).0
}

#[tokio::test]
async fn a_ca_file_makes_a_receiver_of_that_authority_trusted_and_nobody_else_does() {
    assert_eq!(answered(exchange(Some(CA), None, false).await).status, 204);
    let failed = broken(exchange(None, None, false).await);
    assert_eq!(failed.class, ErrorClass::Tls, "{}", failed.detail);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_receiver_that_asks_for_it() {
    let shown = exchange(Some(CA), Some(identity(CLIENT)), true).await;
    assert_eq!(answered(shown).status, 204);
    let failed = broken(exchange(Some(CA), None, true).await);
    assert!(
        matches!(failed.class, ErrorClass::Tls | ErrorClass::Reset),
        "{}",
        failed.detail
    );
}

#[test]
fn certificates_that_cannot_be_used_are_refused_without_being_shown() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refused = |hook: Webhook| {
        let endpoint = Endpoint::new(Arc::new(hook)).unwrap();
        HttpSender::new().unwrap().prepare(&endpoint).unwrap_err()
    };
    let plain = || webhook("backend", "https://example.com/");
    for text in [
        "",
        "hunter2",
        "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n",
    ] {
        let error = refused(Webhook {
            ca_file: Some(file(text)),
            ..plain()
        });
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let mismatched = (CLIENT.0, SERVER.1);
    for pair in [("", ""), (CLIENT.0, ""), ("", CLIENT.1), mismatched] {
        let error = refused(Webhook {
            client_identity: Some(identity(pair)),
            ..plain()
        });
        assert!(matches!(error, SenderError::Identity), "{error}");
    }
}
