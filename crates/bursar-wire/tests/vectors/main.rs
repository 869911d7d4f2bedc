//! Every vector of `wire-vectors.json`, computed by BitGo's published packages, group by group.
//!
//! Where a vector says what the client does, the client's rule is written out here and our output is put to it.

mod callers;
mod errors;
mod sealed;
mod signatures;

use std::collections::BTreeMap;

use serde_json::Value;

/// One vector, with readers that say which field they miss.
struct Vector<'a>(&'a Value);

impl<'a> Vector<'a> {
    fn name(&self) -> &'a str {
        self.0["name"].as_str().expect("name")
    }

    fn input(&self, field: &str) -> &'a Value {
        &self.0["inputs"][field]
    }

    fn expected(&self, field: &str) -> &'a Value {
        &self.0["expected"][field]
    }

    fn text(&self, field: &str) -> &'a str {
        self.input(field).as_str().unwrap_or_else(|| panic!("{}: input {field}", self.name()))
    }

    fn expected_text(&self, field: &str) -> &'a str {
        self.expected(field).as_str().unwrap_or_else(|| panic!("{}: expected {field}", self.name()))
    }

    fn bytes<const N: usize>(&self, field: &str) -> [u8; N] {
        hex(self.text(field)).try_into().unwrap_or_else(|_| panic!("{}: length of {field}", self.name()))
    }

    fn body(&self) -> Vec<u8> {
        self.input("bodyHex").as_str().map_or_else(|| self.text("body").as_bytes().to_vec(), hex)
    }

    fn check_text(&self, field: &str, ours: &str) {
        assert_eq!(ours, self.expected_text(field), "{}: {field}", self.name());
    }
}

fn hex(text: &str) -> Vec<u8> {
    base16ct::mixed::decode_vec(text).expect("hex")
}

fn to_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

#[test]
fn every_vector_of_the_published_client_holds() {
    let file: Value = serde_json::from_str(include_str!("../wire-vectors.json")).expect("JSON");
    let mut handled = BTreeMap::<&str, u64>::new();
    for vector in file["vectors"].as_array().expect("vectors") {
        let group = vector["group"].as_str().expect("group");
        let vector = Vector(vector);
        match group {
            "request-hmac-v2" | "request-hmac-v3" => signatures::request(&vector),
            "response-hmac-v2" | "response-hmac-v3" => signatures::response(&vector),
            "response-window" => signatures::response_window(&vector),
            "request-hmac-v4" => signatures::request_v4(&vector),
            "response-hmac-v4" => signatures::response_v4(&vector),
            "token-hash" => signatures::token_hash(&vector),
            "hmac-key-equivalence" => signatures::key_equivalence(&vector),
            "auth-mode" => callers::auth_mode(&vector),
            "password-hmac" => callers::password_hmac(&vector),
            "envelope-v1" => sealed::envelope_v1(&vector),
            "envelope-v2" => sealed::envelope_v2(&vector),
            "ecdh-token-issuance" => sealed::ecdh_issuance(&vector),
            "extend-token" => sealed::extend_token(&vector),
            "error-mapping" => errors::error_mapping(&vector),
            other => panic!("{}: unknown group {other}", vector.name()),
        }
        *handled.entry(group).or_default() += 1;
    }
    let counts = file["counts"].as_object().expect("counts");
    assert_eq!(counts.len(), handled.len());
    for (group, count) in counts {
        assert_eq!(handled.get(group.as_str()).copied(), count.as_u64(), "{group}");
    }
    assert_eq!(handled.values().sum::<u64>(), 127);
}
