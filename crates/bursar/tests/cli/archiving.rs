//! `bursar audit archive`, killed at any moment: no event is lost, the trail and its files stay one sound chain, and
//! the next try goes on.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::audit::{add_user, archive, audit, broken, set_up, verified};
use crate::support::{Home, Server};

/// How often it is killed, later each time; beside a server every other time.
const ROUNDS: u32 = 10;

/// Every link with its events, of the files and of the store. What is in both must be the same.
fn all(home: &Home, files: &[String]) -> BTreeMap<u64, String> {
    let texts = files.iter().map(|file| fs::read_to_string(home.path(file)).unwrap());
    let mut links = BTreeMap::new();
    for text in texts.chain([audit(home, &["export"]).text()]) {
        for line in text.lines() {
            let link: Value = serde_json::from_str(line).unwrap();
            let before = links.insert(link["number"].as_u64().unwrap(), line.to_owned());
            assert!(before.is_none_or(|before| before == line), "two links {}", link["number"]);
        }
    }
    assert!(links.keys().copied().eq(1..=links.len() as u64), "{:?}", links.keys());
    links
}

/// The chain of the files and the store is sound and has all that was there before.
fn is_whole(home: &Home, files: &[String], before: &BTreeMap<u64, String>) {
    let now = all(home, files);
    assert!(before.iter().all(|(number, line)| now.get(number) == Some(line)), "a link is gone or another");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let archives: &[&str] = if files.is_empty() { &[] } else { &["--archive"] };
    let sound = audit(home, &[&["verify", "--json"], archives, &files].concat()).json();
    assert_eq!((&sound["from"], &sound["head"]["number"]), (&1.into(), &(now.len() as u64).into()));
}

fn archived_through(home: &Home) -> u64 {
    verified(home)["from"].as_u64().unwrap() - 1
}

#[test]
fn an_archive_that_is_killed_at_any_moment_loses_nothing_and_the_next_goes_on() {
    let home = set_up();
    let begun = Instant::now();
    archive(&home, "first.jsonl");
    let takes = begun.elapsed();
    let mut files = vec!["first.jsonl".to_owned()];
    let mut killed = 0;
    for round in 0..ROUNDS {
        let server = (round % 2 == 1).then(|| home.serve(&["serve", "--json"]));
        add_user(&home, &format!("round{round}"));
        let (before, base) = (all(&home, &files), archived_through(&home));
        let name = format!("round{round}.jsonl");
        let mut archiving = home.command(&["audit", "archive", "--before", "2100-01-01T00:00:00Z", "--to", &name]);
        let mut archiving = archiving.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::park_timeout(takes * round / ROUNDS);
        archiving.kill().unwrap();
        killed += u32::from(!archiving.wait().unwrap().success());
        // With it goes what it was about to do for the command, and what it had not deleted yet.
        server.into_iter().for_each(Server::kill);
        if home.path(&name).exists() {
            files.push(name.clone());
        }
        is_whole(&home, &files, &before);
        // The same file again, unless the store was told of it.
        let through = archived_through(&home);
        let next = if through > base { format!("after{round}.jsonl") } else { name };
        assert_eq!(archive(&home, &next)["archived"]["first"], through + 1);
        if !files.contains(&next) {
            files.push(next);
        }
        is_whole(&home, &files, &before);
    }
    assert!(killed > 0, "none was killed before it ended");
}

#[test]
fn a_file_that_is_missing_between_two_others_is_named_by_its_first_link() {
    let home = set_up();
    let mut firsts = Vec::new();
    for name in ["one.jsonl", "two.jsonl", "three.jsonl"] {
        firsts.push(archive(&home, name)["archived"]["first"].as_u64().unwrap());
        add_user(&home, name);
    }
    let verify = |files: &[&str]| audit(&home, &[&["verify", "--json", "--archive"], files].concat());
    assert_eq!(verify(&["one.jsonl", "two.jsonl", "three.jsonl"]).json()["from"], 1);
    let found = broken(&verify(&["one.jsonl", "three.jsonl"]));
    assert_eq!(found, (firsts[1], "number".to_owned()));
    assert_eq!(broken(&verify(&["two.jsonl", "one.jsonl", "three.jsonl"])).0, 1, "in another order");
}
