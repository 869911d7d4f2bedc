//! The audit chain as its operator and an auditor meet it: the real program, a real file, and somebody who
//! changes that file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::{Home, Ran, mode, set_mode};
use rusqlite::Connection;
use serde_json::Value;

const PASSWORD: (&str, &str) = ("BURSAR_PASSWORD", "violet harbour 31");
const DATA: [&str; 2] = ["--data", "data"];

/// A data directory with at least five links, and nobody who serves it.
pub(crate) fn set_up() -> Home {
    let home = Home::new();
    let init = ["init", "--json", "--non-interactive", "--listen", "127.0.0.1:0", "--username", "owner@example.com"];
    home.run(&init, &[PASSWORD]).json();
    for name in ["a", "b", "c", "d"] {
        add_user(&home, name);
    }
    home
}

pub(crate) fn add_user(home: &Home, name: &str) {
    home.run(&["user", "add", "--json", &format!("{name}@example.com")], &[PASSWORD]).json();
}

pub(crate) fn audit(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["audit"], arguments].concat(), &[])
}

pub(crate) fn verified(home: &Home) -> Value {
    audit(home, &["verify", "--json"]).json()
}

fn head(home: &Home) -> u64 {
    verified(home)["head"]["number"].as_u64().unwrap()
}

/// The link that is named as the first broken one, and what is wrong with it.
pub(crate) fn broken(ran: &Ran) -> (u64, String) {
    assert_eq!(ran.code(), 1, "{}", ran.told());
    let failure = ran.failure();
    assert_eq!(failure["code"], "audit_chain_broken");
    let link = failure["context"]["link"].as_u64().unwrap();
    assert!(ran.told().contains(&format!("link {link} is broken")), "{}", ran.told());
    (link, failure["context"]["fault"].as_str().unwrap().to_owned())
}

fn sql(directory: &Path, statement: &str) {
    let connection = Connection::open(directory.join("bursar.db")).unwrap();
    connection.execute_batch(statement).unwrap();
}

/// The data as it was, for somebody to change.
fn copy(home: &Home, name: &str) -> String {
    let to = home.path(name);
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(home.path("data")).unwrap().map(Result::unwrap) {
        if file.file_name().to_str().unwrap().starts_with("bursar.db") {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    name.to_owned()
}

#[test]
fn a_chain_is_verified_while_the_server_runs_after_it_was_killed_and_without_one() {
    let home = set_up();
    let before = head(&home);
    assert!(before >= 5);
    let server = home.serve(&["serve", "--json"]);
    assert_eq!(verified(&home)["sound"], true);
    add_user(&home, "during");
    let during = head(&home);
    assert!(during > before);
    server.kill();
    assert_eq!(head(&home), during);
    assert!(audit(&home, &["verify"]).text().starts_with(&format!("sound: links 1 to {during}, with ")));
    home.run(&["doctor"], &[]).text();
    assert_eq!(audit(&home, &["verify", "--data", "nowhere"]).code(), 1);
    assert!(!home.path("nowhere").exists());
}

#[test]
fn whatever_is_changed_in_the_file_is_found_and_the_first_broken_link_is_named() {
    let home = set_up();
    let last = head(&home);
    for (number, (statement, link, fault)) in [
        ("UPDATE audit_events SET time = time + 1 WHERE link = 3 AND place = 0", 3, "hash"),
        ("UPDATE audit_events SET action = 'user.creatf' WHERE link = 2 AND place = 0", 2, "hash"),
        ("UPDATE audit_events SET subject = subject || 'x' WHERE link = 2 AND place = 0", 2, "hash"),
        ("UPDATE audit_events SET data = '[[\"x\",\"y\"]]' WHERE link = 4 AND place = 0", 4, "hash"),
        ("UPDATE audit_events SET actor = 'system', actor_user = NULL, actor_token = NULL WHERE link = 3", 3, "hash"),
        ("UPDATE audit_events SET data = 'x' WHERE link = 4 AND place = 0", 4, "unreadable"),
        ("UPDATE audit_events SET place = 9 WHERE link = 4 AND place = 0", 4, "unreadable"),
        ("DELETE FROM audit_events WHERE link = 3", 3, "events"),
        ("UPDATE audit_events SET link = 4, place = 9 WHERE link = 3 AND place = 0", 3, "events"),
        ("UPDATE audit_links SET events = events + 1 WHERE number = 3", 3, "events"),
        ("UPDATE audit_links SET hash = zeroblob(32) WHERE number = 3", 3, "hash"),
        ("UPDATE audit_links SET previous = zeroblob(32) WHERE number = 3", 3, "previous"),
        ("DELETE FROM audit_links WHERE number = 2", 2, "number"),
        ("DELETE FROM audit_links WHERE number = 1", 1, "number"),
        ("UPDATE audit_links SET number = 1000 WHERE number = 3", 3, "number"),
        ("UPDATE audit_links SET number = 0 WHERE number = 3", 3, "number"),
        (
            "UPDATE audit_links SET number = 1000 WHERE number = 2; UPDATE audit_links SET number = 2 WHERE number = 3;
             UPDATE audit_links SET number = 3 WHERE number = 1000",
            2,
            "previous",
        ),
        ("INSERT INTO audit_links SELECT number + 1000, previous, events, hash FROM audit_links WHERE number = 3", last + 1, "number"),
        (
            "INSERT INTO audit_events
             SELECT 1000, place, time, actor, actor_user, actor_token, action, subject, data FROM audit_events WHERE link = 3",
            1000,
            "unlinked",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = copy(&home, &format!("copy{number}"));
        sql(&home.path(&name), statement);
        let found = broken(&audit(&home, &["verify", "--json", "--data", &name]));
        assert_eq!(found, (link, fault.to_owned()), "{statement}");
    }
    assert_eq!(head(&home), last, "the original is as it was");
}

#[test]
fn a_chain_that_was_cut_or_rolled_back_is_found_by_a_checkpoint() {
    let home = set_up();
    let old = copy(&home, "old");
    let old_head = head(&home);
    add_user(&home, "later");
    let wrong = home.run(&["audit", "checkpoint", "--key", "master.key"], &[]);
    assert!(wrong.code() == 1 && wrong.told().contains("this is the master key"), "{}", wrong.told());
    audit(&home, &["checkpoint", "--out", "anchors.jsonl"]).json();
    let recorded = head(&home);
    let against = |data: &str| audit(&home, &["verify", "--json", "--checkpoint", "anchors.jsonl", "--data", data]);
    assert_eq!(against("data").json()["checkpoints"], 1);
    assert_eq!(broken(&against(&old)), (old_head + 1, "truncated".to_owned()));

    let cut = copy(&home, "cut");
    let last = format!("DELETE FROM audit_links WHERE number = {recorded}");
    sql(&home.path(&cut), &last);
    let strays = broken(&audit(&home, &["verify", "--json", "--data", &cut]));
    assert_eq!(strays, (recorded, "unlinked".to_owned()), "its events are still there");
    sql(&home.path(&cut), &format!("DELETE FROM audit_events WHERE link = {recorded}"));
    audit(&home, &["verify", "--data", &cut]).text();
    assert_eq!(broken(&against(&cut)), (recorded, "truncated".to_owned()));

    // Rolled back, and gone on from there: another link has the number that was recorded.
    fs::remove_dir_all(home.path("data")).unwrap();
    fs::rename(home.path(&old), home.path("data")).unwrap();
    set_mode(&home.path("data"), 0o700);
    let beyond = audit(&home, &["verify", "--from", &recorded.to_string()]);
    assert_eq!(beyond.code(), 2, "where it is to begin has to be there");
    let told = beyond.told();
    assert!(told.contains(&format!("there is no link {recorded}")) && !told.contains("broken"), "{told}");
    for beyond in [&["--from", &recorded.to_string()][..], &["--from", "2", "--to", "1"]] {
        let export = audit(&home, &[&["export"], beyond].concat());
        assert_eq!((export.code(), export.printed().as_str()), (2, ""), "nothing is no export of that: {beyond:?}");
    }
    let recorded_beyond = ["verify", "--json", "--from", &recorded.to_string(), "--checkpoint", "anchors.jsonl"];
    assert_eq!(broken(&audit(&home, &recorded_beyond)), (recorded, "truncated".to_owned()));
    while head(&home) < recorded {
        add_user(&home, &format!("other{}", head(&home)));
    }
    audit(&home, &["verify"]).text();
    assert_eq!(broken(&against("data")), (recorded, "checkpoint".to_owned()));
    let anchors = fs::read(home.path("anchors.jsonl")).unwrap();
    let refused = audit(&home, &["checkpoint", "--out", "anchors.jsonl"]);
    assert_eq!(refused.code(), 1, "a contradiction is not written over");
    assert_eq!(fs::read(home.path("anchors.jsonl")).unwrap(), anchors);
}

#[test]
fn a_signed_checkpoint_passes_with_its_key_and_with_no_other() {
    let home = set_up();
    let key = audit(&home, &["keygen", "audit.key"]).text();
    let key = key.trim_end();
    assert_eq!(mode(&home.path("audit.key")), 0o600);
    assert_eq!(audit(&home, &["keygen", "audit.key"]).code(), 1, "a key is never replaced");
    let other = audit(&home, &["keygen", "--json", "other.key"]).json();
    let other = other["publicKey"].as_str().unwrap();
    let verify = |key: &str| audit(&home, &["verify", "--checkpoint", "anchors", "--public-key", key]);

    audit(&home, &["checkpoint", "--key", "audit.key", "--out", "anchors"]).json();
    add_user(&home, "later");
    audit(&home, &["checkpoint", "--key", "audit.key", "--out", "anchors"]).json();
    assert!(verify(key).text().contains("checkpoints that agree: 2"));
    assert!(verify(other).told().contains("another key"));
    assert_eq!(verify("00").code(), 2);
    audit(&home, &["verify", "--checkpoint", "anchors"]).text();

    let signed = fs::read_to_string(home.path("anchors")).unwrap();
    let first: Value = serde_json::from_str(signed.lines().next().unwrap()).unwrap();
    let time = first["time"].as_i64().unwrap();
    fs::write(home.path("anchors"), signed.replacen(&time.to_string(), &(time + 1).to_string(), 1)).unwrap();
    for arguments in [&["--public-key", key][..], &[]] {
        let ran = audit(&home, &[&["verify", "--checkpoint", "anchors"], arguments].concat());
        assert_eq!(ran.code(), 1);
        assert!(ran.told().contains("line 1: its signature is not good"), "{}", ran.told());
    }
    fs::remove_file(home.path("anchors")).unwrap();
    audit(&home, &["checkpoint", "--out", "anchors"]).json();
    assert!(verify(key).told().contains("not signed"));
    fs::write(home.path("anchors"), "").unwrap();
    assert_eq!(verify(key).code(), 1, "no checkpoint is not one that agrees");

    fs::rename(home.path("audit.key"), home.path("data/audit.key")).unwrap();
    let inside = audit(&home, &["checkpoint", "--key", "data/audit.key"]);
    assert!(inside.told().contains("must not be in the data directory"), "{}", inside.told());
    set_mode(&home.path("other.key"), 0o644);
    assert!(audit(&home, &["checkpoint", "--key", "other.key"]).told().contains("chmod 600"));
}

#[test]
fn an_export_that_broke_off_is_told_from_a_whole_one() {
    let home = set_up();
    let last = head(&home);
    let whole = audit(&home, &["export"]);
    let export = whole.text();
    let so = format!("--file FILE --to {last}`");
    assert!(
        whole.told().contains(&format!("whole: links 1 to {last};")) && whole.told().contains(&so),
        "{}",
        whole.told()
    );

    let part = audit(&home, &["export", "--from", "2", "--to", "3"]).told();
    assert!(part.contains("whole: links 2 to 3;") && part.contains("--file FILE --from 2 --to 3`"), "{part}");

    // A pipe that its reader closed, and a disk that is full.
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    for out in [Stdio::from(closed), Stdio::from(full)] {
        let child = home.command(&["audit", "export"]).stdout(out).stderr(Stdio::piped()).spawn().unwrap();
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{told}");
        assert!(told.contains("broke off behind link 0, and is not whole") && !told.contains("whole: links"), "{told}");
    }

    // Wherever it was killed: at the end of a line, or within one.
    let elsewhere = Home::new();
    let ends = || export.match_indices('\n').map(|(at, _)| at);
    for cut in ends().rev().skip(1).map(|at| at + 1).chain(ends().map(|at| at - 9)) {
        fs::write(elsewhere.path("export"), &export[..cut]).unwrap();
        let short = audit(&elsewhere, &["verify", "--file", "export", "--to", &last.to_string()]);
        assert_eq!(short.code(), 1, "{cut}: {}", short.printed());
    }
    fs::write(elsewhere.path("export"), &export).unwrap();
    audit(&elsewhere, &["verify", "--file", "export", "--to", &last.to_string()]).text();
}

#[test]
fn an_export_is_verified_without_the_store() {
    let home = set_up();
    let last = head(&home);
    let export = audit(&home, &["export"]).text();
    assert_eq!(export.lines().count() as u64, last);
    audit(&home, &["checkpoint", "--out", "anchors"]).json();
    let elsewhere = Home::new();
    let verify = |text: &str, more: &[&str]| {
        fs::write(elsewhere.path("export"), text).unwrap();
        fs::copy(home.path("anchors"), elsewhere.path("anchors")).unwrap();
        audit(&elsewhere, &[&["verify", "--json", "--file", "export"], more].concat())
    };
    let sound = verify(&export, &["--checkpoint", "anchors"]).json();
    assert_eq!(sound["head"], verified(&home)["head"]);
    assert_eq!((&sound["from"], &sound["checkpoints"]), (&1.into(), &1.into()));

    let lines: Vec<&str> = export.split_inclusive('\n').collect();
    let without = |place: usize| [&lines[..place], &lines[place + 1..]].concat().concat();
    assert_eq!(broken(&verify(&without(1), &[])), (2, "number".to_owned()));
    assert_eq!(broken(&verify(&without(0), &[])), (1, "number".to_owned()));
    let cut = without(lines.len() - 1);
    verify(&cut, &[]).json();
    assert_eq!(broken(&verify(&cut, &["--checkpoint", "anchors"])), (last, "truncated".to_owned()));
    assert_eq!(broken(&verify(&export[..export.len() - 9], &[])), (last, "unreadable".to_owned()));
    let changed = lines[2].replacen("\"action\":\"", "\"action\":\"x", 1);
    let changed = [&lines[..2], &[changed.as_str()], &lines[3..]].concat().concat();
    assert_eq!(broken(&verify(&changed, &[])), (3, "hash".to_owned()));
    assert_eq!(verify("", &[]).code(), 1);

    let part = audit(&home, &["export", "--from", "2", "--to", "3"]).text();
    assert_eq!(part, lines[1..3].concat());
    assert_eq!(broken(&verify(&part, &[])).0, 1, "where it begins has to be said");
    verify(&part, &["--from", "2", "--to", "3"]).json();
    let short = verify(&part, &["--from", "2", "--to", "99"]);
    assert_eq!((short.code(), &short.failure()["code"]), (1, &"audit_chain_ends".into()));
    assert!(short.told().contains("ends with link 3: there is no link 99"), "{}", short.told());
    assert!(!short.told().contains("broken"), "{}", short.told());
    let cut = verify(&part, &["--from", "2", "--to", "99", "--checkpoint", "anchors"]);
    assert_eq!(broken(&cut), (4, "truncated".to_owned()), "a checkpoint says that it once went on");

    sql(&home.path("data"), "UPDATE audit_events SET data = 'x' WHERE link = 3");
    let unreadable = audit(&home, &["export"]);
    assert_eq!(unreadable.code(), 1);
    assert!(unreadable.told().contains("link 3 cannot be read"), "{}", unreadable.told());
}

#[test]
fn the_newest_events_are_shown_and_followed() {
    let home = set_up();
    let table = audit(&home, &["tail", "-n", "2", DATA[0], DATA[1]]).text();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines[0].contains("ACTION"), "{table}");
    assert_eq!(lines.len(), 3, "{table}");
    let all = audit(&home, &["tail", "-n", "1000", "--json"]).text();
    let events: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len() as u64, verified(&home)["events"].as_u64().unwrap());
    assert!(events.is_sorted_by_key(|event| event["link"].as_u64().unwrap()), "the newest last");
    let last = events.last().unwrap();
    assert!(
        lines[2].contains(last["action"].as_str().unwrap()) && lines[2].contains(last["subject"].as_str().unwrap())
    );
    for secret in ["violet", PASSWORD.1] {
        assert!(!all.contains(secret));
    }

    let mut follow = home.command(&["audit", "tail", "-n", "1", "--follow", "--json"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&told.next().unwrap().unwrap()).unwrap()["link"].as_u64().unwrap();
    let shown = next();
    add_user(&home, "later");
    assert_eq!(next(), shown + 1);
    follow.kill().unwrap();
    follow.wait().unwrap();
}

/// Everything up to now into a file, and an event more.
pub(crate) fn archive(home: &Home, to: &str) -> Value {
    audit(home, &["archive", "--json", "--before", "2100-01-01T00:00:00Z", "--to", to]).json()
}

#[test]
fn what_is_archived_is_proved_by_its_files_and_the_store_together() {
    let home = set_up();
    let last = head(&home);
    audit(&home, &["checkpoint", "--out", "anchors"]).json();
    let nothing = audit(&home, &["archive", "--json", "--older-than", "1d", "--to", "none"]).json();
    assert!(nothing["archived"].is_null() && !home.path("none").exists());
    let first = archive(&home, "one.jsonl");
    assert_eq!((&first["archived"]["first"], &first["archived"]["last"]), (&1.into(), &last.into()));
    assert_eq!(mode(&home.path("one.jsonl")), 0o600);
    let kept = verified(&home);
    assert_eq!((&kept["from"], &kept["head"]["number"]), (&(last + 1).into(), &(last + 1).into()));

    let server = home.serve(&["serve", "--json"]);
    add_user(&home, "during");
    archive(&home, "two.jsonl");
    add_user(&home, "after");
    server.kill();
    let again = audit(&home, &["archive", "--before", "2100-01-01T00:00:00Z", "--to", "one.jsonl"]);
    assert!(again.told().contains("it begins with link 1, and links up to "), "{}", again.told());
    assert!(again.told().contains("are archived already; nothing was let go of"), "{}", again.told());

    let whole = |more: &[&str]| audit(&home, &[&["verify", "--json", "--archive"], more].concat());
    let sound = whole(&["one.jsonl", "two.jsonl", "--checkpoint", "anchors"]).json();
    assert_eq!((&sound["from"], &sound["checkpoints"]), (&1.into(), &1.into()));
    assert_eq!(sound["head"], verified(&home)["head"]);
    let without = audit(&home, &["verify", "--checkpoint", "anchors"]);
    assert!(without.told().contains("1 checkpoints lie in the archive"), "{}", without.told());
    assert!(audit(&home, &["verify", "--from", "1"]).told().contains("are archived"));
    assert!(audit(&home, &["verify", "--to", "1"]).told().contains("are archived"), "and not sound");
    assert!(audit(&home, &["export", "--to", "1"]).told().contains("are archived"));
    assert!(audit(&home, &["tail", "-n", "1000"]).told().contains("are archived"));
    assert!(audit(&home, &["export"]).told().contains("are archived, and not in this export"));
    let later = audit(&home, &["export", "--from", &(last + 3).to_string()]).told();
    assert!(later.starts_with("whole: links") && !later.contains("archived"), "{later}");

    assert_eq!(broken(&whole(&["one.jsonl"])), (last + 1, "number".to_owned()), "a file is missing at the end");
    assert_eq!(broken(&whole(&["two.jsonl"])), (1, "number".to_owned()), "a file is missing at the start");
    let text = fs::read_to_string(home.path("one.jsonl")).unwrap();
    fs::write(home.path("changed.jsonl"), text.replacen("user.create", "user.creatf", 1)).unwrap();
    assert_eq!(broken(&whole(&["changed.jsonl", "two.jsonl"])).1, "hash");

    for (number, (statement, fault)) in [
        ("UPDATE position SET base = base + 1", "previous"),
        ("UPDATE position SET base = base - 1", "number"),
        ("UPDATE position SET base_hash = zeroblob(32)", "previous"),
        ("UPDATE position SET base = 0, base_version = 0", "number"),
        (
            "UPDATE position SET base = (SELECT max(number) - 1 FROM audit_links), base_hash =
             (SELECT hash FROM audit_links ORDER BY number DESC LIMIT 1 OFFSET 1)",
            "base",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = copy(&home, &format!("copy{number}"));
        sql(&home.path(&name), statement);
        assert_eq!(broken(&audit(&home, &["verify", "--json", "--data", &name])).1, fault, "{statement}");
    }
}

#[test]
fn a_file_that_the_store_was_not_told_of_is_made_use_of_by_the_next_try() {
    let home = set_up();
    let export = audit(&home, &["export", "--to", "3"]).text();
    fs::write(home.path("left.jsonl"), &export).unwrap();
    audit(&home, &["verify", "--archive", "left.jsonl"]).text();
    assert_eq!(archive(&home, "left.jsonl")["archived"]["last"], 3);
    assert_eq!(fs::read_to_string(home.path("left.jsonl")).unwrap(), export);
    assert_eq!(verified(&home)["from"], 4);
    fs::write(home.path("bad.jsonl"), "{}\n").unwrap();
    let refused = audit(&home, &["archive", "--before", "2100-01-01T00:00:00Z", "--to", "bad.jsonl"]);
    assert!(refused.told().contains("nothing was let go of"), "{}", refused.told());
    assert_eq!(verified(&home)["from"], 4);
}
