//! What is sealed or signed by a key of the client: envelopes, issued tokens, extensions.

use bursar_core::secret::Secret;
use bursar_wire::envelope::{self, OpenError, argon2id, sjcl};
use bursar_wire::{ecdh, extend};
use sha2::{Digest, Sha256};

use crate::{Vector, to_hex};

pub(crate) fn envelope_v1(vector: &Vector) {
    if vector.input("envelope").is_string() {
        return opens_as_expected(vector);
    }
    let text = match vector.text("plaintext") {
        "\"z\" repeated 70000 times" => "z".repeat(70_000),
        text => text.to_owned(),
    };
    let adata = vector.input("adata").as_str().unwrap_or_default();
    let password = vector.text("password");
    let sealed = sjcl::seal(password, &text, vector.bytes("saltHex"), vector.bytes("ivHex"), adata).expect("sealed");
    if let Some(header) = vector.expected("header").as_str() {
        assert!(sealed.starts_with(header), "{}", vector.name());
        assert_eq!(vector.expected("envelopeLength"), sealed.len(), "{}", vector.name());
        vector.check_text("envelopeSha256", &to_hex(&Sha256::digest(&sealed)));
    } else {
        vector.check_text("envelope", &sealed);
    }
    assert_eq!(envelope::open(password, &sealed).expect("opened").expose(), &text, "{}", vector.name());
}

pub(crate) fn envelope_v2(vector: &Vector) {
    if vector.input("envelope").is_string() {
        return opens_as_expected(vector);
    }
    let number = |field: &str, default: u32| {
        vector.input(field).as_u64().map_or(default, |value| value.try_into().expect("32 bits"))
    };
    let default = argon2id::Cost::DEFAULT;
    let cost = argon2id::Cost {
        memory_kib: number("memorySize", default.memory_kib),
        iterations: number("iterations", default.iterations),
        parallelism: number("parallelism", default.parallelism),
    };
    let (password, text) = (vector.text("password"), vector.text("plaintext"));
    let adata = vector.input("adata").as_str();
    let sealed = argon2id::seal(password, text, cost, vector.bytes("saltHex"), vector.bytes("ivHex"), adata);
    let sealed = sealed.expect("sealed");
    vector.check_text("envelope", &sealed);
    assert_eq!(envelope::open(password, &sealed).expect("opened").expose(), text, "{}", vector.name());
}

fn opens_as_expected(vector: &Vector) {
    let password = vector.input("password").as_str().unwrap_or("any");
    let opened = envelope::open(password, vector.text("envelope"));
    match (vector.expected("plaintext").as_str(), vector.expected("error").as_str()) {
        (Some(text), _) => assert_eq!(opened.expect("opened").expose(), text, "{}", vector.name()),
        (_, Some("ccm: tag doesn't match")) => {
            assert_eq!(opened.err(), Some(OpenError::WrongPassword));
        }
        (_, Some("decrypt: unknown envelope version 3")) => {
            assert_eq!(opened.err(), Some(OpenError::UnknownVersion(3)));
        }
        (_, Some(error)) => {
            assert!(error.ends_with("memorySize: expected integer in [1, 262144], got 262145"), "{error}");
            let Err(OpenError::Field(error)) = opened else { panic!("{}: {opened:?}", vector.name()) };
            assert_eq!(error.to_string(), "`m` must be from 1 to 262144, not 262145");
        }
        (None, None) => {
            assert_eq!(vector.expected("fails"), true, "{}", vector.name());
            assert_eq!(opened.err(), Some(OpenError::WrongPassword), "{}", vector.name());
        }
    }
}

pub(crate) fn ecdh_issuance(vector: &Vector) {
    let path = vector.text("derivationPath");
    if let Some(normal) = vector.expected("normalisedPath").as_str() {
        assert_eq!(ecdh::NormalPath::read(path).expect("a path").to_string(), normal, "{}", vector.name());
    }
    if vector.input("encryptedToken").is_string() {
        return opens_issued(vector);
    }
    let server = Secret::new(vector.text("serverXprv").to_owned());
    let client = vector.text("clientEcdhXpub");
    let shared = ecdh::shared_secret(client, &server, path);
    if vector.expected("sdkError") == "Missing private key for hardened child key" {
        assert_eq!(shared.err(), Some(ecdh::IssueError::HardenedStep), "{}", vector.name());
        return;
    }
    let shared = shared.expect("shared");
    vector.check_text("sharedSecretHex", shared.expose());
    vector.check_text("envelopePassword", shared.expose());
    // The client reaches the same point from its side.
    let from_client =
        ecdh::shared_secret(vector.text("serverXpub"), &Secret::new(vector.text("clientEcdhXprv").to_owned()), path);
    assert_eq!(from_client.expect("shared").expose(), shared.expose(), "{}", vector.name());

    // The vectors' tokens have no checksum, so they are sealed as text.
    let token = vector.text("token");
    let (salt, iv) = (vector.bytes("tokenEnvelopeSaltHex"), vector.bytes("tokenEnvelopeIvHex"));
    let sealed = sjcl::seal(shared.expose(), token, salt, iv, "").expect("sealed");
    vector.check_text("encryptedToken", &sealed);

    let xprv = envelope::open(vector.text("loginPassword"), vector.expected_text("encryptedECDHXprv")).expect("opened");
    let decrypted = vector.expected("sdkDecryptsTo");
    assert_eq!(decrypted["ecdhXprv"], xprv.expose().as_str(), "{}", vector.name());
    let opened = ecdh::shared_secret(vector.text("serverXpub"), &xprv, path).expect("shared");
    let opened = envelope::open(opened.expose(), &sealed).expect("opened");
    assert_eq!(decrypted["token"], opened.expose().as_str(), "{}", vector.name());
}

fn opens_issued(vector: &Vector) {
    let client = Secret::new(vector.text("clientEcdhXprv").to_owned());
    let shared = ecdh::shared_secret(vector.text("serverXpub"), &client, vector.text("derivationPath"));
    let shared = shared.expect("shared");
    vector.check_text("sharedSecretHex", shared.expose());
    let opened = envelope::open(shared.expose(), vector.text("encryptedToken")).expect("opened");
    assert_eq!(vector.expected("sdkDecryptsTo")["token"], opened.expose().as_str(), "{}", vector.name());
}

pub(crate) fn extend_token(vector: &Vector) {
    let timestamp = vector.input("timestampMs").to_string();
    let duration = vector.input("duration").as_u64();
    let message = extend::message_over(&timestamp, vector.text("token"), duration);
    vector.check_text("message", message.expose());

    // The address is that of the client's key.
    let key: bitcoin::PrivateKey = vector.text("wif").parse().expect("a key");
    let public = key.public_key(&bitcoin::secp256k1::Secp256k1::new());
    vector.check_text("extensionAddress", &bitcoin::Address::p2pkh(public, bitcoin::Network::Testnet).to_string());

    let signature = vector.expected_text("signatureHex");
    assert_eq!(vector.expected("verifiesAgainstTestnetAddress"), true);
    let testnet = extend::ExtensionAddress::read(vector.expected_text("extensionAddress")).expect("an address");
    assert_eq!(testnet.verify(&message, signature), Ok(()), "{}", vector.name());
    let mainnet = bitcoin::Address::p2pkh(public, bitcoin::Network::Bitcoin).to_string();
    assert_eq!(extend::ExtensionAddress::read(&mainnet), Ok(testnet), "{}", vector.name());

    let other = extend::message_over(&timestamp, vector.text("token"), Some(duration.unwrap_or_default() + 1));
    assert_eq!(testnet.verify(&other, signature), Err(extend::ExtendError::WrongSignature), "{}", vector.name());
    let stranger = extend::ExtensionAddress::read("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").expect("an address");
    assert_eq!(stranger.verify(&message, signature), Err(extend::ExtendError::WrongSignature), "{}", vector.name());
}
