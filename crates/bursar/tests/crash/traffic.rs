//! Many clients at once, and what they saw.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::client::{Client, Spend, Token};
use crate::desk::{Desk, Done};
use crate::server::{PATIENCE, Server};

/// How many spends of a round are acknowledged before the kill, for each client.
const SPENDS_OF_A_CLIENT: usize = 5;

/// How many revocations of a round are acknowledged before the kill.
const REVOCATIONS: usize = 2;

/// How often each thing is done at the desks in a round, at least, before the kill.
const OF_EACH_KIND: usize = 2;

/// What the tokens that are made on the way may spend.
const SMALL_LIMIT: u64 = 5;

/// More tokens than are made in a round.
const TOKENS_OF_A_ROUND: u64 = 1000;

/// What a client saw.
pub(crate) enum Seen {
    /// A spend was acknowledged under this name of the rail's.
    Spent { token: Arc<Token>, name: String, txid: String },
    /// A spend was asked for and not answered.
    SpendCutOff { token: Arc<Token>, name: String },
    /// A token was made.
    Created(Arc<Token>),
    /// A token was revoked.
    Revoked(Arc<Token>),
    /// A revocation was asked for and not answered.
    RevocationCutOff(Arc<Token>),
    /// Something was done at a desk, which remembers it itself.
    AtDesk(Done),
}

/// Spends, makes tokens and revokes some, and works at the desks, all at once, and kills the server in the midst
/// of it.
pub(crate) fn until_killed(
    server: Server,
    owner: &str,
    (tokens, desks): (&[Arc<Token>], &mut [Desk]),
    (round, spenders): (u64, usize),
) -> Vec<Seen> {
    let (tell, told) = channel();
    thread::scope(|scope| {
        // Whatever happens here, it is killed before the clients are waited for; so they end.
        let server = server;
        for spender in 0..spenders {
            let (client, tell) = (server.client(), tell.clone());
            scope.spawn(move || {
                for (number, token) in tokens.iter().cycle().skip(spender).enumerate() {
                    let name = format!("{round}-{spender}-{number}");
                    match client.spend(token, &name) {
                        Spend::Done(txid) => report(&tell, Seen::Spent { token: Arc::clone(token), name, txid }),
                        Spend::Refused(code) => assert_eq!(code, "limit_exceeded", "{name}"),
                        Spend::CutOff => {
                            return report(&tell, Seen::SpendCutOff { token: Arc::clone(token), name });
                        }
                    }
                }
            });
        }
        for desk in desks {
            let (url, tell) = (server.ready("url").to_owned(), tell.clone());
            scope.spawn(move || desk.work(&url, |done| report(&tell, Seen::AtDesk(done))));
        }
        let (client, issuer) = (server.client(), tell);
        scope.spawn(move || issue(&client, owner, round, &issuer));

        let mut seen = Vec::new();
        while !is_enough(&seen, spenders) {
            seen.push(told.recv_timeout(PATIENCE).expect("the clients get on"));
        }
        drop(server);
        // Ends when the last client has seen that nobody answers.
        seen.extend(told);
        seen
    })
}

/// Whether so much was done in a round that a kill finds all of it under way.
fn is_enough(seen: &[Seen], spenders: usize) -> bool {
    let count = |is: &dyn Fn(&Seen) -> bool| seen.iter().filter(|one| is(one)).count();
    let at_desks = |done: Done| count(&|one| matches!(one, Seen::AtDesk(seen) if *seen == done));
    count(&|one| matches!(one, Seen::Spent { .. })) >= spenders * SPENDS_OF_A_CLIENT
        && count(&|one| matches!(one, Seen::Revoked(_))) >= REVOCATIONS
        && Done::ALL.into_iter().all(|done| at_desks(done) >= OF_EACH_KIND)
}

/// Makes tokens, spends once with each and revokes every other, until nobody answers.
fn issue(client: &Client, owner: &str, round: u64, tell: &Sender<Seen>) {
    for number in 0..TOKENS_OF_A_ROUND {
        let Some(token) = client.create_token(owner, round * TOKENS_OF_A_ROUND + number, SMALL_LIMIT) else { return };
        let token = Arc::new(token);
        report(tell, Seen::Created(Arc::clone(&token)));
        let name = format!("{round}-issuer-{number}");
        match client.spend(&token, &name) {
            Spend::Done(txid) => report(tell, Seen::Spent { token: Arc::clone(&token), name, txid }),
            Spend::Refused(code) => panic!("{name}: {code}"),
            Spend::CutOff => return report(tell, Seen::SpendCutOff { token, name }),
        }
        if number % 2 == 0 {
            match client.revoke(owner, &token) {
                Some(()) => report(tell, Seen::Revoked(token)),
                None => return report(tell, Seen::RevocationCutOff(token)),
            }
        }
    }
}

/// Spends with every token until it refuses, all clients at once.
pub(crate) fn until_refused(server: &Server, tokens: &[Arc<Token>], spenders: usize) -> Vec<Seen> {
    let (tell, told) = channel();
    thread::scope(|scope| {
        for spender in 0..spenders {
            let (client, tell) = (server.client(), tell.clone());
            scope.spawn(move || {
                for token in tokens {
                    // Once more than it can be.
                    for number in 0..=token.limit {
                        let name = format!("end-{}-{spender}-{number}", token.id);
                        match client.spend(token, &name) {
                            Spend::Done(txid) => report(&tell, Seen::Spent { token: Arc::clone(token), name, txid }),
                            Spend::Refused(code) => {
                                assert_eq!(code, "limit_exceeded", "{name}");
                                break;
                            }
                            Spend::CutOff => panic!("{name}: no answer"),
                        }
                    }
                }
            });
        }
    });
    drop(tell);
    told.iter().collect()
}

fn report(tell: &Sender<Seen>, seen: Seen) {
    // Nobody listens any more when the test has failed.
    tell.send(seen).ok();
}
