//! The test environment and the client commands, as a person meets them: the real program on a real port.

use std::path::Path;

use crate::support::{Home, Ran, Server, mode, set_mode};
use serde_json::{Value, json};

const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const DEV: [&str; 4] = ["dev", "--json", "--listen", "127.0.0.1:0"];

fn log_in(home: &Home, server: &Server) -> Value {
    let login = ["login", "--json", "--username", server.ready("username"), "--otp", server.ready("otp")];
    let environment = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
    home.run(&login, &environment).json()
}

fn create_token(home: &Home, more: &[&str]) -> Value {
    let create = ["token", "create", "--json", "--label", "bot", "--otp", "000000"];
    let scopes = ["--scope", "wallet_view_all", "--scope", "wallet_spend_all"];
    home.run(&[&create[..], &scopes, more].concat(), &[]).json()
}

fn spend(home: &Home, server: &Server, token: &str, amount: &str) -> Ran {
    let wallet = server.wallet("tbtc");
    let payment = ["spend", "--json", "--wallet", wallet, "--coin", "tbtc", "--to", ADDRESS, "--amount", amount];
    home.run(&payment, &[("BURSAR_TOKEN", token), ("BURSAR_URL", server.ready("url"))])
}

#[test]
fn dev_prints_one_line_of_json_and_leaves_nothing_behind() {
    let home = Home::new();
    let server = home.serve(&DEV);
    for name in ["url", "operations", "username", "password", "otp", "dataDir", "serverXpub"] {
        assert!(!server.ready(name).is_empty(), "{name}");
    }
    assert_eq!(server.ready("otp"), "000000");
    assert!(server.ready["pid"].is_u64());
    assert!(server.ready("serverXpub").starts_with("xpub"));
    for wallet in server.ready["wallets"].as_array().unwrap() {
        for name in ["id", "coin", "label", "address", "balance"] {
            assert!(wallet[name].is_string(), "{name}");
        }
    }
    assert_eq!(server.ready["rails"], json!([]));
    let data = server.ready("dataDir").to_owned();
    assert!(Path::new(&data).is_dir());
    let (status, rest) = server.stop();
    assert!(status.success());
    assert!(rest.is_empty(), "{rest:?}");
    assert!(!Path::new(&data).exists());
}

#[test]
fn dev_tells_where_clients_speak_to_other_rails() {
    let home = Home::new();
    let rails = "[rails.node]\nkind = 'evm'\nurl = 'http://127.0.0.1:9'\nchain_id = 31337\ncoin = 'hteth'\n\
                 [rails.up]\nkind = 'bitgo'\nurl = 'http://127.0.0.1:9'\ntoken_file = 'up.token'\ncoin = 'tbtc'\n";
    std::fs::write(home.path("rails.toml"), rails).unwrap();
    std::fs::write(home.path("up.token"), format!("v2x{}", "0".repeat(64))).unwrap();
    let server = home.serve(&[&DEV[..], &["--rails", "rails.toml"]].concat());
    let url = server.ready("url");
    let expected = json!([{"name": "node", "url": format!("{url}/rail/node")}, {"name": "up", "url": url}]);
    assert_eq!(server.ready["rails"], expected);
    drop(server);
    std::fs::write(home.path("rails.toml"), format!("{rails}[rail_hosts]\n'up.internal' = 'down'\n")).unwrap();
    let refused = home.run(&[&DEV[..], &["--rails", "rails.toml"]].concat(), &[]);
    assert!(refused.code() == 1 && refused.told().contains("there is no section `[rails.down]`"), "{}", refused.told());
}

#[test]
fn a_rail_of_dev_may_have_a_host_of_its_own() {
    use std::io::{Read as _, Write as _};
    let home = Home::new();
    let rails = "[rails.node]\nkind = 'evm'\nurl = 'http://127.0.0.1:9'\nchain_id = 31337\ncoin = 'hteth'\n\
                 [rail_hosts]\n'node.internal' = 'node'\n";
    std::fs::write(home.path("rails.toml"), rails).unwrap();
    let server = home.serve(&[&DEV[..], &["--rails", "rails.toml"]].concat());
    let answer = |host: &str| {
        let place = server.ready("url").trim_start_matches("http://");
        let mut socket = std::net::TcpStream::connect(place).unwrap();
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
        let head = "content-type: application/json\r\nconnection: close";
        let length = call.len();
        write!(socket, "POST / HTTP/1.1\r\nhost: {host}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{call}").unwrap();
        let mut read = String::new();
        socket.read_to_string(&mut read).unwrap();
        read
    };
    assert!(answer("node.internal").starts_with("HTTP/1.1 401"), "{}", answer("node.internal"));
    assert!(!answer("elsewhere.internal").starts_with("HTTP/1.1 401"), "{}", answer("elsewhere.internal"));
}

#[test]
fn a_token_spends_within_its_limit_and_not_beyond() {
    let home = Home::new();
    let server = home.serve(&DEV);
    let login = log_in(&home, &server);
    assert_eq!(login["username"], "user@example.com");
    assert!(!login.to_string().contains("v2x"), "the login prints its token");
    assert_eq!(mode(&home.path("xdg/bursar/credentials.toml")), 0o600);
    assert_eq!(mode(&home.path("xdg/bursar")), 0o700);

    let created = create_token(&home, &["--limit", "tbtc=1000", "--duration", "30d"]);
    let (id, token) = (created["id"].as_str().unwrap(), created["token"].as_str().unwrap());
    let sent = spend(&home, &server, token, "600").json();
    assert!(sent["txid"].is_string());

    let over = spend(&home, &server, token, "401");
    assert_eq!(over.code(), 3);
    assert!(over.told().starts_with("error: "), "{}", over.told());
    let as_bot = [("BURSAR_TOKEN", token), ("BURSAR_URL", server.ready("url"))];
    assert_eq!(over.failure()["code"], "limit_exceeded");
    assert_eq!(over.failure()["context"]["remaining"], "400");
    home.run(&["token", "unlock", "--otp", "000000", "--duration", "5m"], &as_bot).text();
    spend(&home, &server, token, "401").json();
    let shorter = home.run(&["token", "unlock", "--otp", "000000", "--duration", "1m"], &as_bot);
    assert_eq!(shorter.code(), 3);
    assert!(shorter.told().contains("hint: until "), "{}", shorter.told());
    home.run(&["token", "lock"], &as_bot).text();
    assert_eq!(spend(&home, &server, token, "1").code(), 3);

    let list = home.run(&["token", "list", "--json"], &[]).json();
    assert_eq!(list["accessTokens"][0]["id"], id);
    assert!(home.run(&["token", "list"], &[]).text().contains(id));
    assert!(home.run(&["token", "show", id], &[]).text().contains("locked since"));
    let wallets = home.run(&["wallet", "list", "--json"], &[]).json();
    assert_eq!(wallets["wallets"].as_array().unwrap().len(), 2);
    assert!(home.run(&["wallet", "list", "--coin", "tbtc"], &[]).text().contains("sandbox"));
    assert_eq!(home.run(&["whoami", "--json"], &[]).json()["user"]["username"], "user@example.com");

    home.run(&["token", "revoke", id], &[]).text();
    assert_eq!(spend(&home, &server, token, "1").code(), 4);
    home.run(&["logout"], &[]).text();
    assert!(!home.path("xdg/bursar/credentials.toml").exists());
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let home = Home::new();
    let server = home.serve(&DEV);
    let at = ("BURSAR_URL", server.ready("url"));
    assert_eq!(home.run(&["whoami"], &[at]).code(), 4, "nobody is logged in");
    assert_eq!(home.run(&["whoami"], &[at, ("BURSAR_TOKEN", "v2xnone")]).code(), 4);
    let login = ["login", "--username", "user@example.com", "--otp", "000000"];
    assert_eq!(home.run(&login, &[at, ("BURSAR_PASSWORD", "wrong")]).code(), 4);
    assert_eq!(home.run(&login, &[at]).code(), 2, "no password");
    assert_eq!(home.run(&["spend"], &[at]).code(), 2);
    log_in(&home, &server);
    let unknown = ["token", "create", "--label", "x", "--scope", "nonsense", "--otp", "000000"];
    let unknown = home.run(&unknown, &[]);
    assert_eq!(unknown.code(), 2, "a flag that only the server can read");
    assert!(unknown.told().contains("invalid scope"), "{}", unknown.told());
    server.kill();
    assert_eq!(home.run(&["whoami"], &[]).code(), 5);
}

#[test]
fn an_access_token_is_told_what_it_cannot_do() {
    let home = Home::new();
    let server = home.serve(&DEV);
    log_in(&home, &server);
    let created = create_token(&home, &[]);
    let padded = format!(" {}\n", created["token"].as_str().unwrap());
    let as_bot = [("BURSAR_TOKEN", padded.as_str()), ("BURSAR_URL", server.ready("url"))];
    let logout = home.run(&["logout"], &as_bot);
    assert_eq!(logout.code(), 1);
    assert!(logout.told().contains("an access token has no session to end\nhint: bursar token revoke ID"));
    let who = home.run(&["whoami", "--json"], &as_bot).json();
    assert_eq!(who["session"]["kind"], "access");
    assert_eq!(who.get("user"), None);
    assert!(!home.run(&["whoami"], &as_bot).text().contains("User "));
}

#[test]
fn a_one_time_password_is_given_or_asked_for_where_it_is_missing() {
    let home = Home::new();
    let server = home.serve(&DEV);
    let environment = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
    let login = ["login", "--json", "--username", "user@example.com"];
    let without = home.run(&login, &environment);
    assert_eq!(without.code(), 4);
    assert!(without.told().contains("hint: give --otp or BURSAR_OTP"), "{}", without.told());
    home.run(&login, &[&environment[..], &[("BURSAR_OTP", "000000")]].concat()).json();
    for command in [&["token", "unlock"][..], &["token", "create", "--label", "x", "--scope", "profile"]] {
        let without = home.run(command, &[]);
        assert!(without.told().contains("hint: give --otp or BURSAR_OTP"), "{command:?}: {}", without.told());
        home.run(command, &[("BURSAR_OTP", "000000")]).text();
    }
}

#[test]
fn what_cannot_be_is_a_mistake_of_usage_for_people_and_programs() {
    let home = Home::new();
    let cases = [
        ("BURSAR_TOKEN", "v2x one", "has a line break or blank in it"),
        ("BURSAR_TOKEN", "v2x\none", "has a line break or blank in it"),
        ("BURSAR_URL", "127.0.0.1:8080", "write http://HOST:PORT"),
        ("BURSAR_URL", "http://127.0.0.1:8080/api/v2", "give the URL without a path"),
    ];
    for (name, value, told) in cases {
        let refused = home.run(&["whoami", "--json"], &[(name, value)]);
        assert_eq!(refused.code(), 2, "{value}");
        assert!(refused.told().contains(told), "{}", refused.told());
        assert_eq!(refused.failure()["code"], "usage");
    }
    let unreadable = home.run(&["spend", "--json"], &[]);
    assert_eq!((unreadable.code(), &unreadable.failure()["code"]), (2, &Value::from("usage")));
}

#[test]
fn the_token_of_one_server_is_not_shown_to_another() {
    let home = Home::new();
    let server = home.serve(&DEV);
    log_in(&home, &server);
    let elsewhere = home.run(&["whoami", "--url", "http://127.0.0.1:1"], &[]);
    assert_eq!(elsewhere.code(), 4, "{}", elsewhere.told());
}

#[test]
fn a_login_is_kept_for_each_server_and_the_last_one_is_meant_where_none_is_named() {
    let home = Home::new();
    let (first, second) = (home.serve(&DEV), home.serve(&DEV));
    let file = home.path("xdg/bursar/credentials.toml");
    let asked = |named: &[&str]| home.run(&[&["whoami", "--json"], named].concat(), &[]).json()["url"].clone();
    log_in(&home, &first);
    let alone = std::fs::read_to_string(&file).unwrap();
    assert!(!alone.contains('['), "with one login the file is as it always was: {alone}");
    log_in(&home, &second);
    log_in(&home, &second);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(asked(&[]), second.ready("url"));
    assert_eq!(asked(&["--url", first.ready("url")]), first.ready("url"));
    let list = home.run(&["login", "--list", "--json"], &[]).json();
    let urls: Vec<&Value> = list["logins"].as_array().unwrap().iter().map(|login| &login["url"]).collect();
    assert_eq!(urls, [second.ready("url"), first.ready("url")]);
    assert!(!list.to_string().contains("v2x"), "the list prints a token");

    home.run(&["logout"], &[]).text();
    assert_eq!(asked(&[]), first.ready("url"));
    let gone = home.run(&["whoami", "--url", second.ready("url")], &[]);
    assert_eq!(gone.code(), 4);
    assert!(gone.told().contains("nobody is logged in to http"), "{}", gone.told());
    home.run(&["session", "revoke", "--all"], &[]).text();
    home.run(&["logout"], &[]).text();
    assert!(!file.exists(), "a session that has ended is forgotten");
    assert_eq!(home.run(&["login", "--list", "--json"], &[]).json(), json!({"logins": []}));
}

#[test]
fn credentials_that_others_may_read_are_not_used() {
    let home = Home::new();
    let server = home.serve(&DEV);
    log_in(&home, &server);
    set_mode(&home.path("xdg/bursar/credentials.toml"), 0o644);
    let refused = home.run(&["whoami"], &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("chmod 600"), "{}", refused.told());
}

#[test]
fn credentials_are_kept_in_a_regular_file_and_nobody_waits_for_another() {
    let home = Home::new();
    let server = home.serve(&DEV);
    let file = home.path("xdg/bursar/credentials.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let login = ["login", "--username", server.ready("username"), "--otp", server.ready("otp")];
    let of_server = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
    let refused = || {
        let told = home.run(&login, &of_server);
        assert_eq!((told.code(), home.run(&["whoami"], &[]).code()), (1, 1), "{}", told.told());
        assert!(told.told().contains("is no regular file"), "{}", told.told());
        assert!(told.told().contains("put it aside (mv '"), "{}", told.told());
    };
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&file).status().unwrap().success());
    refused();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    refused();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refused();
    std::fs::remove_dir(&file).unwrap();
    log_in(&home, &server);
    let sessions = home.run(&["session", "list", "--json"], &[]).json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "no other was begun: {sessions}");
}

#[test]
fn a_login_that_could_not_be_kept_is_not_begun_and_no_other_is_lost() {
    let home = Home::new();
    let server = home.serve(&DEV);
    log_in(&home, &server);
    let file = home.path("xdg/bursar/credentials.toml");
    let kept = std::fs::read_to_string(&file).unwrap();
    let broken = format!("{kept}[[others\n");
    for (text, allowed, hint) in [(&kept, 0o644, "chmod 600 '"), (&broken, 0o600, "put it aside (mv '")] {
        std::fs::write(&file, text).unwrap();
        set_mode(&file, allowed);
        let login = ["login", "--username", server.ready("username"), "--otp", server.ready("otp")];
        let of_server = [("BURSAR_URL", server.ready("url")), ("BURSAR_PASSWORD", server.ready("password"))];
        let refused = home.run(&login, &of_server);
        assert_eq!(refused.code(), 1, "{}", refused.told());
        assert!(refused.told().contains(hint), "{}", refused.told());
        assert_eq!((&std::fs::read_to_string(&file).unwrap(), mode(&file)), (text, allowed), "it is left as it is");
    }
    std::fs::write(&file, kept).unwrap();
    let sessions = home.run(&["session", "list", "--json"], &[]).json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
}

#[test]
fn a_killed_server_comes_back_with_its_user_wallets_and_tokens() {
    let home = Home::new();
    let kept = [&DEV[..], &["--data-dir", "data"]].concat();
    let server = home.serve(&kept);
    log_in(&home, &server);
    let created = create_token(&home, &["--limit", "tbtc=1000"]);
    let token = created["token"].as_str().unwrap();
    spend(&home, &server, token, "600").json();
    let before = server.ready.clone();
    server.kill();

    assert_eq!(mode(&home.path("data")), 0o700);
    assert_eq!(mode(&home.path("data.key")), 0o600);
    let server = home.serve(&kept);
    for name in ["username", "password", "serverXpub"] {
        assert_eq!(server.ready[name], before[name], "{name}");
    }
    assert_eq!(server.wallet("tbtc"), before["wallets"][0]["id"]);
    assert_eq!(server.ready["wallets"][0]["balance"], "9999999400");
    assert_eq!(spend(&home, &server, token, "401").code(), 3);
    spend(&home, &server, token, "400").json();
    log_in(&home, &server);
}

#[test]
fn it_does_not_listen_beyond_this_machine_unasked() {
    for listener in ["--listen", "--operations"] {
        let refused = Home::new().run(&["dev", "--json", listener, "0.0.0.0:0"], &[]);
        assert_eq!(refused.code(), 2);
        assert!(refused.told().contains("--allow-remote"), "{}", refused.told());
    }
}

#[test]
fn a_data_directory_without_its_key_gets_no_new_one() {
    let home = Home::new();
    let kept = [&DEV[..], &["--data-dir", "data"]].concat();
    home.serve(&kept).stop();
    std::fs::remove_file(home.path("data.key")).unwrap();
    let refused = home.run(&kept, &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("data.key"), "{}", refused.told());
    assert!(!home.path("data.key").exists());
}

#[test]
fn a_wallet_is_frozen_and_freed_by_whoever_runs_it_and_organisations_go_by_their_names() {
    let home = Home::new();
    let server = home.serve(&DEV);
    log_in(&home, &server);
    let listed = home.run(&["wallet", "list", "--json", "--coin", "tbtc"], &[]).json()["wallets"][0].clone();
    assert_eq!((&listed["rail"], &listed["railPath"]), (&json!("sandbox"), &Value::Null));
    assert!(listed["reference"].is_string(), "{listed}");
    assert!(home.run(&["wallet", "list"], &[]).text().contains("REFERENCE"));
    let none = home.run(&["wallet", "list", "--coin", "btc"], &[]).told();
    assert!(none.contains("you have a part in no wallet of btc"), "{none}");

    let wallet = server.wallet("tbtc");
    let frozen = home.run(&["wallet", "freeze", wallet, "--reason", "audit", "--for", "1h"], &[]).text();
    assert!(frozen.contains("bursar wallet unfreeze"), "{frozen}");
    let token = create_token(&home, &["--limit", "tbtc 0.5/day", "--duration", "1d"]);
    let refused = spend(&home, &server, token["token"].as_str().unwrap(), "250");
    assert_eq!(refused.failure()["code"], "wallet_frozen");
    home.run(&["wallet", "unfreeze", wallet, "--otp", "000000"], &[]).text();
    assert_eq!(spend(&home, &server, token["token"].as_str().unwrap(), "250").code(), 0);

    // There is no configuration here, so they are one's own.
    let own = home.run(&["organisation", "list", "--json"], &[]).json()["organisations"][0].clone();
    let name = own["name"].as_str().unwrap();
    let create = ["service", "create", "--label", "shop", "--otp", "000000", "--json", "--organisation"];
    let made = home.run(&[&create[..], &[name]].concat(), &[]);
    assert!(
        made.json()["warnings"][0].as_str().unwrap().contains("the credential lasts 3650 days, until "),
        "{}",
        made.printed()
    );
    let unknown = home.run(&[&create[..], &["Nowhere"]].concat(), &[]);
    assert!(unknown.code() == 2 && unknown.told().contains("bursar organisation list"), "{}", unknown.told());
}
