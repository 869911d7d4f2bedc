use std::net::SocketAddr;
use std::time::Duration;

use bursar_core::secret::Secret;
use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::live::LivePlace;
use crate::upstream::{NoAnswer, Upstream};

/// A certificate authority that lives as long as a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Issued {
    certificate: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key }
    }

    fn server(&self, name: &str) -> Issued {
        self.issue(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self) -> Issued {
        self.issue("bursar", ExtendedKeyUsagePurpose::ClientAuth)
    }
}

async fn listen(issued: &Issued, clients: Option<&Authority>) -> (TcpListener, TlsAcceptor) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let known = roots(authority.pem().as_bytes()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key.serialize_der()));
    let config = builder.with_single_cert(certificates(issued.certificate.as_bytes()).unwrap(), key).unwrap();
    (TcpListener::bind("127.0.0.1:0").await.unwrap(), TlsAcceptor::from(Arc::new(config)))
}

/// A node behind TLS that answers what is posted to it; it may ask its clients who they are.
async fn node(issued: &Issued, clients: Option<&Authority>) -> SocketAddr {
    let (listener, acceptor) = listen(issued, clients).await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut read = Vec::new();
                while !read.ends_with(b"{}") {
                    let mut more = [0; 1024];
                    match stream.read(&mut more).await {
                        Ok(count) if count > 0 => read.extend_from_slice(&more[..count]),
                        _ => return,
                    }
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await.unwrap();
                stream.flush().await.unwrap();
            });
        }
    });
    address
}

/// A node that takes WebSockets and says what it hears.
async fn echo(issued: &Issued) -> SocketAddr {
    let (listener, acceptor) = listen(issued, None).await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let heard = socket.next().await.unwrap().unwrap();
            socket.send(heard).await.unwrap();
        }
    });
    address
}

async fn ask(address: SocketAddr, name: &str, trust: &Trust) -> Result<(), String> {
    let url = Secret::new(format!("https://{name}:{}/", address.port()));
    let upstream = Upstream::trusting(&url, Duration::from_secs(10), 1000, trust).unwrap();
    upstream.post("{}".to_owned()).await.map(drop).map_err(NoAnswer::reason)
}

fn trusting(authority: &Authority, own: Option<&Issued>) -> Trust {
    let key = own.map(|own| own.key.serialize_pem());
    let own = own.zip(key.as_ref());
    let own = own.map(|(own, key)| Own { certificate: own.certificate.as_bytes(), key: key.as_bytes() });
    Trust::new(Some(authority.pem().as_bytes()), own).unwrap()
}

#[tokio::test]
async fn the_authority_that_is_named_is_believed_and_no_other() {
    // They call themselves the same; their keys differ.
    let (ours, others) = (Authority::new(), Authority::new());
    let node = node(&ours.server("localhost"), None).await;
    assert_eq!(ask(node, "localhost", &trusting(&ours, None)).await, Ok(()));
    for trust in [trusting(&others, None), Trust::public().unwrap()] {
        let problem = ask(node, "localhost", &trust).await.unwrap_err();
        assert!(problem.contains("not of an authority") && problem.contains("`ca_file`"), "{problem}");
        assert!(!problem.contains("localhost"), "{problem}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_an_expired_one() {
    let ours = Authority::new();
    let elsewhere = node(&ours.server("elsewhere.example"), None).await;
    let problem = ask(elsewhere, "localhost", &trusting(&ours, None)).await.unwrap_err();
    assert!(problem.contains("another host name"), "{problem}");
    let by_address = node(&ours.server("localhost"), None).await;
    let problem = ask(by_address, "127.0.0.1", &trusting(&ours, None)).await.unwrap_err();
    assert!(problem.contains("another host name"), "{problem}");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    let key = KeyPair::generate().unwrap();
    let old = Issued { certificate: params.signed_by(&key, &ours.0).unwrap().pem(), key };
    let problem = ask(node(&old, None).await, "localhost", &trusting(&ours, None)).await.unwrap_err();
    assert!(problem.contains("expired"), "{problem}");
}

#[tokio::test]
async fn a_node_that_asks_who_we_are_is_shown_our_certificate() {
    let (ours, others) = (Authority::new(), Authority::new());
    let node = node(&ours.server("localhost"), Some(&ours)).await;
    assert_eq!(ask(node, "localhost", &trusting(&ours, Some(&ours.client()))).await, Ok(()));
    let problem = ask(node, "localhost", &trusting(&ours, None)).await.unwrap_err();
    assert!(problem.contains("`client_certificate_file`"), "{problem}");
    let problem = ask(node, "localhost", &trusting(&ours, Some(&others.client()))).await.unwrap_err();
    assert!(problem.contains("perhaps our certificate"), "{problem}");
}

#[tokio::test]
async fn a_websocket_is_believed_as_everything_else_is() {
    let (ours, others) = (Authority::new(), Authority::new());
    let node = echo(&ours.server("localhost")).await;
    let url = Secret::new(format!("wss://localhost:{}/", node.port()));
    let place = |authority: &Authority| LivePlace::new(&url, &trusting(authority, None)).unwrap();
    let mut socket = place(&ours).connect().await.unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Text("hello".into()));
    let problem = place(&others).connect().await.map(drop).unwrap_err().reason();
    assert!(problem.contains("not of an authority"), "{problem}");
}

#[test]
fn what_is_no_certificate_or_no_key_of_it_is_told_apart() {
    let ours = Authority::new();
    let (one, other) = (ours.client(), ours.client());
    let key = |issued: &Issued| issued.key.serialize_pem();
    let with = |certificate: &str, key: &str| {
        Trust::new(None, Some(Own { certificate: certificate.as_bytes(), key: key.as_bytes() })).map(drop).unwrap_err()
    };
    assert!(matches!(Trust::new(Some(b""), None), Err(TrustProblem::Authority(_))));
    assert!(matches!(with("", &key(&one)), TrustProblem::Certificate(_)));
    assert_eq!(with(&one.certificate, "x"), TrustProblem::Key("has no private key in PEM".to_owned()));
    assert_eq!(with(&one.certificate, &key(&other)), TrustProblem::Key("is not the key of the certificate".to_owned()));
}
