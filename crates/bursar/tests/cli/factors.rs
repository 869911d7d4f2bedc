//! Second factors by the command line.

use bursar_core::time::Timestamp;
use bursar_identity::totp::TotpSecret;

use crate::support::Home;

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

#[test]
fn an_authenticator_app_is_enrolled_listed_and_removed_without_a_terminal() {
    let home = Home::new();
    let server = home.serve(&["dev", "--json", "--listen", "127.0.0.1:0"]);
    let login = ["login", "--json", "--username", server.ready("username"), "--otp", server.ready("otp")];
    let environment = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
    home.run(&login, &environment).json();
    assert_eq!(home.run(&["2fa", "totp", "add", "--json"], &[]).code(), 4, "the factor that is there has to be shown");
    let begun = home.run(&["2fa", "totp", "add", "--json", "--label", "phone", "--otp", "000000"], &[]).json();
    let alphabet = base32::Alphabet::Rfc4648 { padding: false };
    let secret = base32::decode(alphabet, begun["secret"].as_str().unwrap()).unwrap();
    let code = TotpSecret::new(secret.try_into().unwrap()).code_at(now());
    let id = begun["id"].as_str().unwrap();
    let added = home.run(&["2fa", "totp", "add", "--json", "--confirm", id, "--code", &code], &[]).json();
    assert_eq!(added["recoveryCodes"].as_array().unwrap().len(), 10);
    let listed = home.run(&["2fa", "list"], &[]).text();
    assert!(listed.contains("phone") && listed.contains("10 recovery codes left"), "{listed}");
    home.run(&["2fa", "rename", id, "--label", "tablet"], &[]).text();
    assert_eq!(home.run(&["2fa", "list", "--json"], &[]).json()["factors"][0]["label"], "tablet");
    let codes = home.run(&["2fa", "recovery-codes", "--otp", "000000"], &[]).text();
    assert!(codes.lines().count() >= 12, "{codes}");
    home.run(&["2fa", "remove", id, "--otp", "000000"], &[]).text();
    assert_eq!(home.run(&["2fa", "list", "--json"], &[]).json()["factors"], serde_json::json!([]));
}
