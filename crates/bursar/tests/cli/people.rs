//! Inviting, roles, freezes and sessions from the command line: the real program on a real port.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Home, set_mode};

const PASSWORD: (&str, &str) = ("BURSAR_PASSWORD", "violet harbour 31");

fn set_up(home: &Home) {
    let init = ["init", "--json", "--non-interactive", "--listen", "127.0.0.1:0", "--username", "owner@example.com"];
    home.run(&init, &[PASSWORD]).json();
}

#[test]
fn an_operator_invites_with_and_without_mail() {
    let home = Home::new();
    set_up(&home);
    let invited = home.run(&["user", "invite", "--json", "a@example.com", "--role", "auditor"], &[]).json();
    assert_eq!((invited["mailed"].as_bool(), invited["link"].as_str().map(str::len)), (Some(false), Some(80)));
    assert_eq!(home.run(&["user", "invite", "a@example.com"], &[]).code(), 1, "one at a time");
    assert_eq!(home.run(&["user", "invite", "b@example.com", "--role", "root"], &[]).code(), 1);
    assert_eq!(home.run(&["user", "invite", "b@example.com\r\nBcc: c@example.com"], &[]).code(), 1);

    let config = home.path("bursar.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, written.replacen("[web]", "[web]\norigin = 'https://people.example.com'", 1)).unwrap();
    let invited = home.run(&["user", "invite", "--json", "d@example.com"], &[]).json();
    let link = invited["link"].as_str().unwrap();
    assert!(link.starts_with("https://people.example.com/invitation/") && invited["mailed"] == false, "{link}");
    fs::write(&config, written).unwrap();

    let mail =
        "\n[mail]\nfrom = 'Bursar <bursar@example.com>'\nlinks = 'https://bursar.example.com'\ndirectory = 'mail'\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + mail).unwrap();
    home.run(&["doctor"], &[]).text();
    let invited = home.run(&["user", "invite", "--json", "c@example.com"], &[]).json();
    let link = invited["link"].as_str().unwrap();
    assert!(link.starts_with("https://bursar.example.com/invitation/") && invited["mailed"] == true);
    let mail = fs::read_to_string(home.path("mail/00000001.eml")).unwrap();
    assert!(mail.contains("To: c@example.com\r\n"), "{mail}");
}

#[test]
fn a_mail_password_that_systemd_hands_over_has_a_group_in_its_mode() {
    let home = Home::new();
    set_up(&home);
    let (file, nobody) = (home.path("mail.password"), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    fs::write(&file, "violet\n").unwrap();
    set_mode(&file, 0o440);
    let mail = format!(
        "\n[mail]\nfrom = 'Bursar <bursar@example.com>'\nlinks = 'https://bursar.example.com'\nserver = '127.0.0.1'\nport = {port}\n\
         username = 'bursar'\npassword_file = '{}'\n",
        file.display()
    );
    let config = home.path("bursar.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + &mail).unwrap();
    let doctor = |environment: &[(&str, &str)]| home.run(&["doctor", "--json"], environment).failure().to_string();
    assert!(doctor(&[]).contains("the password may be read by others (mode 440)"), "{}", doctor(&[]));
    let directory = file.parent().unwrap().to_str().unwrap();
    let read = doctor(&[("CREDENTIALS_DIRECTORY", directory)]);
    assert!(!read.contains("may be read by others") && read.contains("mail"), "{read}");
}

#[test]
fn an_operator_changes_roles_and_freezes() {
    let home = Home::new();
    set_up(&home);
    home.run(&["user", "add", "--json", "second@example.com"], &[PASSWORD]).json();
    let roles = |arguments: &[&str]| {
        let all = [&["user", "roles", "--json"], arguments].concat();
        home.run(&all, &[]).json()["roles"][0]["role"].as_str().map(str::to_owned)
    };
    assert_eq!(roles(&["second@example.com"]).as_deref(), Some("member"));
    assert_eq!(roles(&["second@example.com", "--set", "owner"]).as_deref(), Some("owner"));
    assert_eq!(roles(&["owner@example.com", "--remove"]), None);
    assert_eq!(home.run(&["user", "roles", "second@example.com", "--remove"], &[]).code(), 1, "the last owner stays");
    home.run(&["user", "freeze", "second@example.com", "--reason", "on leave", "--for", "12h"], &[]).text();
    assert!(home.run(&["user", "list"], &[]).text().contains("frozen: on leave"));
    home.run(&["user", "unfreeze", "second@example.com"], &[]).text();
    assert!(!home.run(&["user", "list"], &[]).text().contains("frozen"));
    let again = home.run(&["user", "unfreeze", "second@example.com"], &[]);
    assert_eq!(again.code(), 1);
    assert!(again.told().contains("the account is not frozen, so nothing was lifted"), "{}", again.told());
    let made = home.run(&["user", "add-organisation", "--json", "Acme", "--owner", "second@example.com"], &[]).json();
    assert_eq!(made["id"].as_str().map(str::len), Some(32));
    let listed = home.run(&["organisation", "list", "--json"], &[]).json()["organisations"].clone();
    let acme = listed.as_array().unwrap().iter().find(|one| one["name"] == "Acme").unwrap();
    assert_eq!(*acme, json!({"id": made["id"], "name": "Acme", "frozen": null, "members": 1, "wallets": 0}));
    let table = home.run(&["organisation", "list"], &[]).text();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "STATE", "MEMBERS", "WALLETS", "ID"]);
    assert!(lines.contains(&vec!["Acme", "active", "1", "0", made["id"].as_str().unwrap()]), "{table}");
}

#[test]
fn sessions_are_listed_and_ended_from_the_command_line() {
    let home = Home::new();
    let server = home.serve(&["dev", "--json", "--listen", "127.0.0.1:0"]);
    assert!(server.ready("mailDir").ends_with("/mail"));
    let (url, username) = (server.ready("url"), server.ready("username"));
    let password = [("BURSAR_PASSWORD", server.ready("password"))];
    let log_in = || home.run(&["login", "--url", url, "--username", username, "--otp", "000000"], &password).text();
    log_in();
    log_in();
    let sessions = || home.run(&["session", "list", "--json"], &[]).json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions().len(), 2);
    assert!(home.run(&["session", "list"], &[]).text().contains("this one"));
    home.run(&["session", "revoke", "--others"], &[]).text();
    let left = sessions();
    assert_eq!((left.len(), left[0]["current"].as_bool()), (1, Some(true)));
    home.run(&["session", "revoke", left[0]["id"].as_str().unwrap()], &[]).text();
    assert_eq!(home.run(&["session", "list"], &[]).code(), 4);
}

#[test]
fn an_operator_means_an_organisation_by_a_name_that_only_it_has() {
    let home = Home::new();
    set_up(&home);
    let add = ["user", "add-organisation", "Lab", "--owner", "owner@example.com"];
    let id = home.run(&add, &[]).text();
    let limit = ["organisation", "limits", "Lab", "--limit", "tbtc 1/day", "--json"];
    home.run(&limit, &[]).json();
    let shown = |organisation: &str| home.run(&["organisation", "limits", organisation, "--json"], &[]).json();
    assert_eq!(shown("Lab")["limits"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown("Lab"), shown(id.trim()));
    assert!(
        home.run(&["organisation", "limits", "Nowhere"], &[]).told().contains("there is no organisation `Nowhere`")
    );
    home.run(&add, &[]).text();
    let unclear = home.run(&limit, &[]).told();
    assert!(unclear.contains("is the name of several") && unclear.contains(id.trim()), "{unclear}");
}
