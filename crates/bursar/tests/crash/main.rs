//! `kill -9` in the midst of spending, again and again on one data directory. Who judges is the sandbox's
//! book: a file of its own that the ledger cannot correct. Every token pays to an address of its own, so the
//! book alone tells what each of them moved. Beside them are desks, whose money the sandbox never sees: they
//! hold, capture, release and edit, and judge by what they were answered.

mod client;
mod desk;
mod memory;
mod server;
mod traffic;

use std::sync::Arc;

use crate::desk::Desk;
use crate::memory::Memory;
use crate::server::{FUNDS, Home};

/// How often the server is killed; `BURSAR_CRASH_ROUNDS` asks for more.
const ROUNDS: u64 = 5;

/// Clients that spend at the same time; `BURSAR_CRASH_CLIENTS` asks for more.
const CLIENTS: u64 = 8;

/// Tokens that spend through all rounds.
const TOKENS: u64 = 3;

/// Clients for each desk, of which there are two at least.
const CLIENTS_OF_A_DESK: usize = 8;

/// Units of each token's limit for each round and client: more than are spent before the kill, so that there
/// is always something left to spend when it comes.
const UNITS_OF_A_ROUND: u64 = 5;

#[test]
fn what_was_acknowledged_survives_every_kill_and_no_limit_is_exceeded() {
    let rounds = asked("BURSAR_CRASH_ROUNDS", ROUNDS);
    let clients = asked("BURSAR_CRASH_CLIENTS", CLIENTS);
    let spenders = usize::try_from(clients).unwrap();
    let home = Home::new();
    let mut server = home.start();
    let printed = server.printed();
    let client = server.client();
    let owner = client.log_in(&server);
    let create = |number| client.create_token(&owner, number, rounds * clients * UNITS_OF_A_ROUND).expect("an answer");
    let tokens: Vec<_> = (0..TOKENS).map(create).map(Arc::new).collect();
    let mut memory = Memory::of(&tokens);
    let (url, organisation) = (server.ready("url"), client.organisation(&owner));
    let desks = (spenders / CLIENTS_OF_A_DESK).max(2);
    let mut desks: Vec<_> = (0..desks).map(|number| Desk::open(url, &owner, &organisation, number)).collect();

    for round in 1..=rounds {
        memory.learn(traffic::until_killed(server, &owner, (&tokens, &mut desks), (round, spenders)));
        let book = home.book();
        memory.compare_with_book(&book);

        server = home.start();
        assert!(home.book() == book, "a start moves no money");
        assert_eq!(server.printed(), printed);
        assert_eq!(server.balance() + book.len() as u64, FUNDS);
        let client = server.client();
        memory.compare_with_transfers(&client.transfers(&owner), &book);
        memory.compare_with_tokens(&client, &book);
        memory.ask_again(&client);
        assert!(home.book() == book, "asking again moves no money");
        println!("round {round}: {} transfers in the book; {memory}", book.len());
        memory.retry_what_was_cut_off(&client);
        memory.compare_with_book(&home.book());
        desks.iter_mut().for_each(|desk| desk.compare(server.ready("url")));
    }
    let (done, not_done) =
        desks.iter().fold((0, 0), |(done, not_done), desk| (done + desk.interrupted.0, not_done + desk.interrupted.1));
    println!("cut off at the desks: {done} that had been done, {not_done} that had not");
    assert!(done + not_done > 0, "no kill came in the midst of anything at a desk");
    assert!(memory.has_seen_interrupted_spends(), "no kill came in the midst of a spend");

    memory.learn(traffic::until_refused(&server, &tokens, spenders));
    desks.iter_mut().for_each(|desk| desk.compare(server.ready("url")));
    drop(server);
    let book = home.book();
    memory.compare_with_book(&book);
    for token in &tokens {
        assert_eq!(memory::moved(&book, token), token.limit, "the whole limit and no more");
    }
    println!("at the end: {} transfers in the book; {memory}", book.len());
}

#[test]
fn two_servers_do_not_share_a_data_directory() {
    let home = Home::new();
    let first = home.start();
    let client = first.client();
    let owner = client.log_in(&first);
    let (status, told) = home.start_in_vain();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("another process has this data directory"), "{told}");

    // The first one is none the worse for it, and its end, however sudden, makes room.
    let token = client.create_token(&owner, 0, 1).expect("an answer");
    assert!(matches!(client.spend(&token, "one"), client::Spend::Done(_)));
    drop(first);
    assert_eq!(memory::moved(&home.book(), &token), 1);
    home.start();
}

/// A number from the environment, or the usual one.
fn asked(name: &str, usual: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test may be told to try for longer")]
    let asked = std::env::var(name);
    asked.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}
