//! The end that has the book.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bursar_service::rail::Rail as _;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::super::SandboxRail;
use super::wire::{self, Question, Reply};
use super::{line_of, read_line};

/// How many connections are served at once; more have to wait.
const CONNECTIONS: usize = 1024;

/// How long no connection is accepted after one could not be.
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

/// Answers for the rail until it is told to stop. A question that was read is carried out even if whoever
/// asked is gone by then.
pub async fn serve(listener: UnixListener, rail: Arc<SandboxRail>, stopped: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::pin!(stopped);
    loop {
        // Never closed, so there is a place sooner or later.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // For want of file descriptors, most likely: asking again at once would only burn time.
            tokio::time::sleep(AFTER_A_FAILURE).await;
            continue;
        };
        let rail = Arc::clone(&rail);
        tokio::spawn(async move {
            if let Err(problem) = converse(stream, &rail).await {
                tracing::debug!(%problem, "a connection to the sandbox broke off");
            }
            drop(place);
        });
    }
}

async fn converse(stream: UnixStream, rail: &SandboxRail) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(line) = read_line(&mut read).await? {
        let question = serde_json::from_slice(&line)?;
        let Some(reply) = answer(rail, question).await else { return Ok(()) };
        write.write_all(&line_of(&reply)?).await?;
    }
    Ok(())
}

/// Asks the rail; nothing if it does not know, or if the question cannot be understood.
async fn answer(rail: &SandboxRail, question: Question) -> Option<Reply> {
    let address = |address| Reply::Address { address };
    Some(match question {
        Question::Fund { reference, coin, balance, random } => {
            let (coin, balance) = (wire::coin(&coin)?, wire::amount(&balance)?);
            Reply::of(rail.create_wallet(&reference, &coin, balance, random).await, address)
        }
        Question::Build { reference, coin, recipients, random } => {
            let (coin, recipients) = (wire::coin(&coin)?, recipients.read()?);
            Reply::of(rail.make(&reference, &coin, &recipients, random).await, |built| Reply::of_built(&built))
        }
        Question::Send { reference, order } => {
            return Reply::of_outcome(rail.carry_out(&reference, order.read()?).await);
        }
        Question::Reconcile { hold } => return Reply::of_outcome(rail.became_of(wire::hold(&hold)?).await),
        Question::Balance { reference } => Reply::of(rail.balance(&reference).await, Reply::of_balance),
        Question::Addresses { reference } => {
            Reply::of(rail.addresses(&reference).await, |addresses| Reply::Addresses { addresses })
        }
        Question::NewAddress { reference, random } => Reply::of(rail.new_address(&reference, random).await, address),
    })
}
