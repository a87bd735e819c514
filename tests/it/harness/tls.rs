//! A server behind TLS that shows the certificate it is told to, good or bad, and keeps whatever arrives inside.
#![expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Of 127.0.0.1, and the authority trusts it.
    Good,
    /// Ended years ago.
    Expired,
    /// Of another host.
    OtherHost,
    /// Made by somebody whom nobody knows.
    Stranger,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Tls {
    /// `https://127.0.0.1:PORT`.
    pub(crate) base: String,
    /// Trusts all but the stranger's.
    pub(crate) ca: tempfile::NamedTempFile,
    shown: Arc<Mutex<Shown>>,
    arrived: Arc<Mutex<Vec<u8>>>,
}

fn made(shown: Shown) -> (String, TlsAcceptor) {
    let host = if shown == Shown::OtherHost { "other.example" } else { "127.0.0.1" };
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a good name");
    if shown == Shown::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = rcgen::KeyPair::generate().expect("a key");
    let made = params.self_signed(&key).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .expect("the key fits");
    (made.pem(), TlsAcceptor::from(Arc::new(config)))
}

impl Tls {
    /// Begins with the good certificate. Answers everything with this JSON.
    pub(crate) async fn start(says: &'static str) -> Self {
        super::crypto();
        let all = [Shown::Good, Shown::Expired, Shown::OtherHost, Shown::Stranger]
            .map(|shown| (shown, made(shown)));
        let mut ca = tempfile::NamedTempFile::new().expect("a file");
        for (shown, (pem, _)) in &all {
            if *shown != Shown::Stranger {
                ca.write_all(pem.as_bytes()).expect("it can be written");
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let base = format!("https://{}", listener.local_addr().expect("it is bound"));
        let shown = Arc::new(Mutex::new(Shown::Good));
        let arrived = Arc::<Mutex<Vec<u8>>>::default();
        let (which, keep) = (Arc::clone(&shown), Arc::clone(&arrived));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let now = *which.lock().unwrap();
                let acceptor = all.iter().find(|(one, _)| *one == now).map(|(_, (_, one))| one);
                let (acceptor, keep) = (acceptor.expect("there is one").clone(), Arc::clone(&keep));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(socket).await else { return };
                    let mut bytes = [0; 8192];
                    while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                        keep.lock().unwrap().extend_from_slice(&bytes[..length]);
                        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                        let answer =
                            format!("{head}\r\ncontent-length: {}\r\n\r\n{says}", says.len());
                        drop(stream.write_all(answer.as_bytes()).await);
                        drop(stream.shutdown().await);
                    }
                });
            }
        });
        Self { base, ca, shown, arrived }
    }

    /// Shows another one from now on.
    pub(crate) fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap() = shown;
    }

    /// All that was sent to it inside TLS.
    pub(crate) fn arrived(&self) -> String {
        String::from_utf8_lossy(&self.arrived.lock().unwrap()).into_owned()
    }
}
