//! A server whose certificate an authority of one's own signed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use bursar_client::{Client, ClientError, InvalidAuthorities};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 29\r\nconnection: close\r\n\r\n{\"session\": {\"id\": \"0198c0\"}}";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server for two clients; its URL.
fn server(authority: &CertifiedIssuer<'static, KeyPair>) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config));
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().take(2) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), connection.unwrap());
            // A client that does not believe the certificate hangs up.
            let is_heard = stream.read(&mut [0; 1024]).is_ok();
            if is_heard {
                stream.write_all(ANSWER).unwrap();
            }
        }
    });
    url
}

#[test]
fn whoever_names_the_authority_is_answered_and_whoever_does_not_asks_nothing() {
    let authority = authority();
    let url = server(&authority);
    let stranger = Client::new(&url, None).session();
    assert!(matches!(stranger, Err(ClientError::Unreachable { .. })), "{stranger:?}");
    let client = Client::trusting(&url, None, authority.pem().as_bytes()).unwrap();
    assert_eq!(client.session().unwrap()["id"], "0198c0");
}

#[test]
fn what_holds_no_certificate_is_no_authority() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for none in ["", "nonsense", key.as_str()] {
        assert_eq!(Client::trusting("https://127.0.0.1:1", None, none.as_bytes()).err(), Some(InvalidAuthorities));
    }
}
