//! Setting up a server, running it, and its operator's commands: the real program on a real port.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Home, Ran, mode, set_mode};
use bursar_core::time::Timestamp;
use bursar_identity::totp::TotpSecret;
use serde_json::Value;

const PASSWORD: (&str, &str) = ("BURSAR_PASSWORD", "violet harbour 31");
const SERVE: [&str; 2] = ["serve", "--json"];

fn set_up(home: &Home) -> Value {
    let init = ["init", "--json", "--non-interactive", "--listen", "127.0.0.1:0", "--username", "owner@example.com"];
    home.run(&init, &[PASSWORD]).json()
}

/// The code an authenticator app shows now.
fn code(factors: &Value) -> String {
    let bytes = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, factors["totpSecret"].as_str().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the app has a clock of its own, and so has this test")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(now.as_millis().try_into().unwrap());
    TotpSecret::new(bytes.unwrap().try_into().unwrap()).code_at(now)
}

fn log_in(home: &Home, url: &str, username: &str, otp: &str) -> Ran {
    home.run(&["login", "--url", url, "--username", username, "--otp", otp], &[PASSWORD])
}

#[test]
fn the_first_user_logs_in_with_what_init_showed() {
    let home = Home::new();
    let made = set_up(&home);
    assert_eq!(made["recoveryCodes"].as_array().unwrap().len(), 10);
    assert!(made["totpUri"].as_str().unwrap().starts_with("otpauth://totp/"));
    for (path, bits) in [("master.key", 0o600), ("data", 0o700)] {
        assert_eq!(mode(&home.path(path)), bits, "{path}");
    }
    let server = home.serve(&SERVE);
    let url = server.ready("url");
    assert_eq!(log_in(&home, url, "owner@example.com", "000000").code(), 4, "no fixed one-time password here");
    let otp = code(&made);
    log_in(&home, url, "owner@example.com", &otp).text();
    let again = log_in(&home, url, "owner@example.com", &otp);
    assert_eq!(again.code(), 4, "each code passes once");
    assert!(again.told().contains("used before"), "{}", again.told());
    let recovery = made["recoveryCodes"][0].as_str().unwrap();
    log_in(&home, url, "owner@example.com", recovery).text();
    let (status, _) = server.stop();
    assert!(status.success());
    home.run(&["doctor"], &[]).text();
}

#[test]
fn an_operator_adds_users_with_and_without_a_running_server() {
    let home = Home::new();
    set_up(&home);
    home.run(&["user", "add", "--json", "before@example.com"], &[PASSWORD]).json();
    let server = home.serve(&SERVE);
    assert_eq!(mode(&home.path("data/operator.sock")), 0o600);
    let added =
        home.run(&["user", "add", "--json", "during@example.com", "--full-name", "Du Ring"], &[PASSWORD]).json();
    log_in(&home, server.ready("url"), "during@example.com", &code(&added)).text();
    let list = home.run(&["user", "list", "--json"], &[]).json();
    let names: Vec<&str> =
        list["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["owner@example.com", "before@example.com", "during@example.com"]);
    let twice = home.run(&["user", "add", "during@example.com"], &[PASSWORD]);
    assert_eq!(twice.code(), 1);
    assert!(twice.told().contains("already"), "{}", twice.told());

    home.run(&["user", "passwd", "during@example.com"], &[("BURSAR_PASSWORD", "another harbour 32")]).text();
    let reset = home.run(&["user", "reset-2fa", "--json", "during@example.com"], &[]).json();
    let login = ["login", "--url", server.ready("url"), "--username", "during@example.com", "--otp", &code(&reset)];
    assert_eq!(home.run(&login, &[PASSWORD]).code(), 4, "the old password");
    home.run(&login, &[("BURSAR_PASSWORD", "another harbour 32")]).text();
    assert!(home.run(&["doctor"], &[]).text().contains("a server has it"));
    let second = home.run(&SERVE, &[]);
    assert_eq!(second.code(), 1, "one server at a time");
    home.run(&["user", "freeze", "during@example.com"], &[]).text();
    server.kill();
    home.run(&["user", "unfreeze", "during@example.com"], &[]).text();
}

#[test]
fn the_operators_socket_answers_nonsense_and_goes_on() {
    let home = Home::new();
    set_up(&home);
    let _server = home.serve(&SERVE);
    let endless = "x".repeat(64 * 1024);
    for nonsense in
        ["nonsense\n", "{}\n", r#"{"command":"unfreeze","username":"owner@example.com","more":1}"#, endless.as_str()]
    {
        let mut stream = UnixStream::connect(home.path("data/operator.sock")).unwrap();
        // Of what is too long the rest is not read, so writing it may fail.
        stream.write_all(nonsense.as_bytes()).ok();
        stream.shutdown(Shutdown::Write).ok();
        let mut answer = String::new();
        match stream.read_to_string(&mut answer) {
            Ok(_) => assert!(answer.starts_with(r#"{"answer":"failed""#), "{nonsense}: {answer}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    home.run(&["user", "list"], &[]).text();
}

#[test]
fn a_server_tells_its_operators_how_it_is_on_a_listener_of_its_own() {
    let home = Home::new();
    set_up(&home);
    let server = home.serve(&[&SERVE[..], &["--operations", "127.0.0.1:0"]].concat());
    let get = |root: &str, path: &str| match ureq::get(format!("{root}{path}")).call() {
        Ok(mut answer) => (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap()),
        Err(ureq::Error::StatusCode(status)) => (status, String::new()),
        Err(error) => panic!("{error}"),
    };
    let operations = server.ready("operations");
    assert_eq!(get(operations, "/healthz"), (200, r#"{"alive":true}"#.to_owned()));
    assert_eq!(get(operations, "/readyz"), (200, r#"{"ready":true}"#.to_owned()));
    assert!(get(operations, "/metrics").1.contains("bursar_ledger_commit_seconds_count"));
    // Neither is where the other is.
    for (root, path) in [(server.ready("url"), "/metrics"), (operations, "/api/v2/ping")] {
        assert_eq!(get(root, path).0, 404, "{path}");
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let home = Home::new();
    set_up(&home);
    set_mode(&home.path("master.key"), 0o640);
    for command in [&["serve"][..], &["doctor"], &["user", "list"]] {
        let refused = home.run(command, &[]);
        assert_eq!(refused.code(), 1, "{command:?}");
    }
    assert!(home.run(&["serve"], &[]).told().contains("chmod 600"));
}

#[test]
fn another_key_opens_nothing() {
    let home = Home::new();
    set_up(&home);
    fs::write(home.path("master.key"), "00".repeat(32)).unwrap();
    let refused = home.run(&["serve"], &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("master key is not the one"), "{}", refused.told());
}

#[test]
fn a_mistyped_setting_is_an_error() {
    let home = Home::new();
    set_up(&home);
    let text = fs::read_to_string(home.path("bursar.toml")).unwrap().replace("per_user", "per_usr");
    fs::write(home.path("bursar.toml"), text).unwrap();
    let refused = home.run(&["serve"], &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("per_usr"), "{}", refused.told());
}

#[test]
fn a_rule_for_proxies_that_names_no_wallet_is_told_of_by_the_doctor_with_and_without_a_server() {
    let home = Home::new();
    set_up(&home);
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    let rule = written.replacen("trusted_proxies = []", "trusted_proxies = ['127.0.0.1/32']", 1)
        + "\n[[authz.rules]]\noperation = 'spend'\nhost = 'api.example.com'\nmethod = 'POST'\npath = '/pay/{to}'\n\
           wallet = '07070707070707070707070707070707'\ncoin = 'tbtc'\namount = 'query.amount'\ndestination = '{to}'\n\
           key = 'header.Idempotency-Key'\n";
    fs::write(home.path("bursar.toml"), rule).unwrap();
    let told = "authz.rules[0]: wallet: there is no wallet 07070707070707070707070707070707";
    let alone = home.run(&["doctor"], &[]);
    assert!(alone.code() == 1 && alone.printed().contains(told), "{}", alone.printed());
    let server = home.serve(&SERVE);
    server.ready("url");
    let served = home.run(&["doctor"], &[]);
    assert!(served.code() == 1 && served.printed().contains(told), "{}", served.printed());
    server.stop();
}

#[test]
fn a_rule_for_proxies_with_other_decimals_than_its_coin_is_refused_at_the_start() {
    let home = Home::new();
    set_up(&home);
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    let rail = "\n[rails.shop]\nkind = 'http'\nurl = 'https://shop.example.com'\nassets = { credits = 3 }\n\n\
                [[rails.shop.rules]]\nmethod = 'GET'\npath = '/v1'\noperation = 'read'\n";
    let rule = "\n[[authz.rules]]\noperation = 'spend'\nhost = 'api.example.com'\nmethod = 'POST'\npath = '/pay/{to}'\n\
                wallet = '07070707070707070707070707070707'\ncoin = 'credits'\nunit = 'decimal'\ndecimals = 2\n\
                amount = 'query.amount'\ndestination = '{to}'\nkey = 'header.Idempotency-Key'\n";
    let both = written.replacen("trusted_proxies = []", "trusted_proxies = ['127.0.0.1/32']", 1) + rail + rule;
    fs::write(home.path("bursar.toml"), both).unwrap();
    let refused = home.run(&["serve"], &[]);
    let told = "authz.rules[0]: decimals: is 2, and a rail declares 3 for credits; write 3";
    assert!(refused.code() == 1 && refused.told().contains(told), "{}", refused.told());
}

#[test]
fn a_key_in_the_data_directory_is_refused() {
    let home = Home::new();
    set_up(&home);
    fs::rename(home.path("master.key"), home.path("data/master.key")).unwrap();
    let text = fs::read_to_string(home.path("bursar.toml")).unwrap().replace("\"master.key\"", "\"data/master.key\"");
    fs::write(home.path("bursar.toml"), text).unwrap();
    assert!(home.run(&["serve"], &[]).told().contains("must not be in the data directory"));
}

#[test]
fn test_users_are_not_served_in_production() {
    let home = Home::new();
    home.serve(&["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir", "play"]).stop();
    let text = "listen = '127.0.0.1:0'\ndata_directory = 'play'\nkey_file = 'play.key'\n";
    fs::write(home.path("bursar.toml"), text).unwrap();
    let refused = home.run(&["serve"], &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("test environment"), "{}", refused.told());
}

#[test]
fn init_never_replaces_what_is_there_and_asks_nothing_unasked() {
    let home = Home::new();
    let init = ["init", "--non-interactive", "--username", "owner@example.com"];
    assert_eq!(home.run(&init, &[]).code(), 2, "no password");
    assert_eq!(home.run(&init, &[("BURSAR_PASSWORD", "short")]).code(), 1);
    assert!(!home.path("master.key").exists(), "nothing is half done");
    set_up(&home);
    let key = fs::read(home.path("master.key")).unwrap();
    assert_eq!(home.run(&init, &[PASSWORD]).code(), 1);
    assert_eq!(fs::read(home.path("master.key")).unwrap(), key);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(Home::new().run(&["completions", shell], &[]).text().contains("bursar"), "{shell}");
    }
}

#[test]
fn after_a_change_of_the_master_key_the_new_one_opens_everything_and_the_old_one_nothing() {
    let home = Home::new();
    let made = set_up(&home);
    let change = ["key", "change", "--to", "new.key"];
    let server = home.serve(&SERVE);
    let running = home.run(&change, &[]);
    assert!(running.code() == 1 && running.told().contains("another process"), "{}", running.told());
    assert!(server.stop().0.success());
    let inside = home.run(&["key", "change", "--to", "data/new.key"], &[]);
    assert!(inside.told().contains("must not be in the data directory"), "{}", inside.told());

    let told = home.run(&change, &[]).text();
    assert!(told.contains("key_file = \"new.key\""), "{told}");
    assert_eq!(mode(&home.path("new.key")), 0o600);
    let old = home.run(&["user", "list"], &[]);
    assert!(old.code() == 1 && old.told().contains("not the one"), "{}", old.told());
    // Whoever was cut off before the end asks again.
    home.run(&change, &[]).text();

    let file = home.path("bursar.toml");
    let configuration =
        fs::read_to_string(&file).unwrap().replace("key_file = \"master.key\"", "key_file = \"new.key\"");
    fs::write(&file, configuration).unwrap();
    let server = home.serve(&SERVE);
    log_in(&home, server.ready("url"), "owner@example.com", &code(&made)).text();
    assert!(server.stop().0.success());
    let trail = home.run(&["audit", "tail"], &[]).text();
    assert!(trail.contains("key.change"), "{trail}");

    fs::remove_file(home.path("new.key")).unwrap();
    let lost = home.run(&SERVE, &[]);
    assert!(lost.code() == 1 && lost.told().contains("there is no master key here"), "{}", lost.told());
}

#[test]
fn an_archive_that_is_still_to_be_made_lies_outside_the_data_too() {
    let home = Home::new();
    set_up(&home);
    let file = home.path("bursar.toml");
    let configuration = fs::read_to_string(&file).unwrap();
    fs::write(&file, configuration.replace("[audit]\n", "[audit]\narchive_directory = \"data/new/archive\"\n"))
        .unwrap();
    assert_eq!(home.run(&["doctor"], &[]).code(), 1);
    let refused = home.run(&SERVE, &[]);
    assert!(refused.told().contains("must not be in the data directory"), "{}", refused.told());
    assert!(!home.path("data/new").exists());
}

#[test]
fn a_level_of_the_log_that_is_none_silences_nothing() {
    let home = Home::new();
    set_up(&home);
    let told = home.run(&["user", "list"], &[("BURSAR_LOG", "warning")]).told().to_owned();
    assert!(told.contains("BURSAR_LOG is no level"), "{told}");
}
