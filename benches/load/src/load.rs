//! One measurement: connections that ask for a fixed time, as fast as they are answered or at a rate of their own.
//!
//! With every connection busy, latency at saturation is queueing; throughput and processor time are what counts. At a
//! rate below saturation latency is the server's. A request that had to wait because the one before it was not answered
//! yet counts from when it was due, or a server that stalls would be asked less just then, and look fast.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Problem;
use crate::connection::Connection;
use crate::figures::Figures;
use crate::requests::{Kind, Requests};
use crate::server::Server;
use crate::subject::Subject;

/// How long one answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked of whom.
pub(crate) struct Load<'a> {
    pub(crate) server: &'a Server,
    /// Whose tokens sign.
    pub(crate) subject: &'a Subject,
    pub(crate) kind: Kind,
    pub(crate) connections: u16,
    /// How many requests a second all connections ask together; as fast as they are answered if nothing is said.
    pub(crate) rate: Option<u32>,
}

impl Load<'_> {
    /// Asks for `time`; an answer that is not the expected one ends the run.
    pub(crate) async fn run(&self, time: Duration) -> Result<Figures, Problem> {
        let mut open = Vec::new();
        for number in 0..self.connections {
            let connection = Connection::open(self.server.address()).await?;
            open.push((connection, self.subject.requests(self.kind, number)));
        }
        let (before, started) = (self.server.cpu()?, Instant::now());
        let mut asking = JoinSet::new();
        let between = self.rate.map(|rate| Duration::from_secs(1) / rate);
        for (number, (connection, requests)) in (0..).zip(open) {
            let pace = between.map(|between| Pace {
                due: started + between * number,
                between: between * u32::from(self.connections),
            });
            asking.spawn(ask(connection, requests, pace, started + time));
        }
        let mut latencies = Vec::new();
        while let Some(done) = asking.join_next().await {
            latencies.extend(done??);
        }
        let (took, cpu) = (started.elapsed(), self.server.cpu()?.saturating_sub(before));
        Ok(Figures::of(latencies, took, cpu, 1))
    }
}

/// When the requests of one connection are due.
struct Pace {
    /// The next one.
    due: Instant,
    between: Duration,
}

impl Pace {
    /// Waits for the next request's turn, and says from when on its answer is waited for.
    ///
    /// A clock that wakes late is the load's fault and not the server's; a connection that is still busy is the server's.
    async fn turn(&mut self) -> Instant {
        let due = self.due;
        self.due += self.between;
        if Instant::now() >= due {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        let sent = Instant::now();
        while self.due <= sent {
            self.due += self.between;
        }
        sent
    }
}

/// The latencies of one connection, in microseconds.
async fn ask(
    mut connection: Connection,
    mut requests: Requests,
    mut pace: Option<Pace>,
    end: Instant,
) -> Result<Vec<u32>, Problem> {
    let mut latencies = Vec::new();
    loop {
        let asked = match &mut pace {
            Some(pace) => pace.turn().await,
            None => Instant::now(),
        };
        if asked >= end || Instant::now() >= end {
            return Ok(latencies);
        }
        let request = requests.next();
        let answer = tokio::time::timeout(PATIENCE, connection.ask(&request)).await??;
        latencies.push(u32::try_from(asked.elapsed().as_micros())?);
        if !requests.is_good(answer.status) {
            let body = String::from_utf8_lossy(answer.body);
            return Err(format!("the server answered {}: {body}", answer.status).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[tokio::test]
    async fn a_request_that_had_to_wait_counts_from_when_it_was_due() {
        let began = Instant::now();
        let mut pace = Pace { due: began, between: Duration::from_millis(5) };
        assert_eq!(pace.turn().await, began);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(pace.turn().await, began + Duration::from_millis(5));
        assert_eq!(pace.turn().await, began + Duration::from_millis(10));
    }

    #[tokio::test]
    async fn a_request_that_is_early_waits_and_counts_from_when_it_is_sent() {
        let due = Instant::now() + Duration::from_millis(5);
        let mut pace = Pace { due, between: Duration::from_millis(5) };
        let sent = pace.turn().await;
        assert!(due <= sent && sent <= Instant::now());
    }
}
