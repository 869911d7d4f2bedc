//! One measurement: connections that ask as fast as they are answered, for a fixed time.
//!
//! With every connection busy, latency at saturation is queueing; throughput and processor time are what counts.

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
        for (connection, requests) in open {
            asking.spawn(ask(connection, requests, started + time));
        }
        let mut latencies = Vec::new();
        while let Some(done) = asking.join_next().await {
            latencies.extend(done??);
        }
        let (took, cpu) = (started.elapsed(), self.server.cpu()?.saturating_sub(before));
        Ok(Figures::of(latencies, took, cpu, 1))
    }
}

/// The latencies of one connection, in microseconds.
async fn ask(mut connection: Connection, mut requests: Requests, end: Instant) -> Result<Vec<u32>, Problem> {
    let mut latencies = Vec::new();
    loop {
        let request = requests.next();
        let asked = Instant::now();
        if asked >= end {
            return Ok(latencies);
        }
        let answer = tokio::time::timeout(PATIENCE, connection.ask(&request)).await??;
        latencies.push(u32::try_from(asked.elapsed().as_micros())?);
        if !requests.is_good(answer.status) {
            let body = String::from_utf8_lossy(answer.body);
            return Err(format!("the server answered {}: {body}", answer.status).into());
        }
    }
}
