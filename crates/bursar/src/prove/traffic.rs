//! Many connections at once, until a kill or until all is asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bursar_client::{Bearer, Client, Payments};

use super::plan::{Plan, Spend};
use super::process::Process;
use super::witness::{Answer, Told};

/// How often whoever drives looks at the clock.
const BEAT: Duration = Duration::from_millis(50);

/// Where a server is, and from which wallet it pays.
pub(super) struct Place {
    pub(super) url: String,
    pub(super) wallet: String,
}

/// When asking ends.
pub(super) struct Limits<'a> {
    /// No spend is asked for after this.
    pub(super) until: Instant,
    /// Somebody has had enough.
    pub(super) enough: &'a AtomicBool,
    /// How many answers come before the kill, if there is one.
    pub(super) kill_after: Option<usize>,
}

/// Asks for what is in the queue over so many connections, and notes what is answered. With a kill, ends when
/// it has come; otherwise when the queue is empty, and then the server is handed back.
pub(super) fn run(
    (server, place): (Process, &Place),
    (plan, tokens): (&Plan, &[Bearer]),
    queue: &Mutex<VecDeque<usize>>,
    connections: usize,
    limits: &Limits<'_>,
    told: &mut [Told],
) -> Option<Process> {
    let (tell, heard) = channel();
    let over = AtomicBool::new(false);
    let killed = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..connections {
            let (tell, over, killed) = (tell.clone(), &over, &killed);
            scope.spawn(move || {
                let ask = Asking::new(place, plan, tokens);
                while !over.load(Ordering::Relaxed) {
                    let Some(number) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return };
                    let answer = ask.spend(number);
                    let is_over = answer == Answer::None;
                    // Without a kill, no answer is no accident.
                    let is_strange = is_over && !killed.load(Ordering::SeqCst);
                    report(&tell, number, answer);
                    if is_strange {
                        report(&tell, number, Answer::Strange("no answer, and nobody killed the server".to_owned()));
                    }
                    if is_over {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let mut server = Some(server);
        let mut answers = 0;
        loop {
            let is_time = limits.enough.load(Ordering::Relaxed) || Instant::now() >= limits.until;
            if is_time {
                over.store(true, Ordering::Relaxed);
            }
            if limits.kill_after.is_some_and(|after| answers >= after || is_time)
                && let Some(server) = server.take()
            {
                killed.store(true, Ordering::SeqCst);
                server.kill();
            }
            match heard.recv_timeout(BEAT) {
                Ok((number, answer)) => {
                    answers += 1;
                    if let Some(told) = told.get_mut(number) {
                        told.answers.push(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The last connection has ended.
                Err(RecvTimeoutError::Disconnected) => return server,
            }
        }
    })
}

fn report(tell: &Sender<(usize, Answer)>, number: usize, answer: Answer) {
    // Whoever drives listens until the last connection has ended.
    tell.send((number, answer)).ok();
}

/// One connection, over which all tokens ask in turn.
struct Asking<'a> {
    place: &'a Place,
    plan: &'a Plan,
    clients: Vec<Client>,
}

impl<'a> Asking<'a> {
    fn new(place: &'a Place, plan: &'a Plan, tokens: &[Bearer]) -> Self {
        let connection = Client::new(&place.url, None);
        let clients = tokens.iter().map(|token| connection.on_behalf_of(token.clone())).collect();
        Self { place, plan, clients }
    }

    fn spend(&self, number: usize) -> Answer {
        let spend = self.plan.spends.get(number);
        let asked = spend.and_then(|spend| Some((spend, self.clients.get(spend.token)?)));
        let Some((spend, client)) = asked else { return Answer::Strange("nobody planned it".to_owned()) };
        Answer::read(client.spend_many(&Payments {
            wallet: &self.place.wallet,
            coin: super::COIN,
            recipients: &Spend::recipients(spend),
            sequence_id: Some(&spend.name()),
        }))
    }
}
