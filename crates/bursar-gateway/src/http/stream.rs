//! Answers that go to the client while they come: streams of events, some of which say what the spend came to, and whatever is
//! read.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::id::HoldId;
use bursar_rails::exchange::Answered;
use bursar_rails::http::Events;
use bursar_service::flow::Flow;

use crate::upstream::{NoAnswer, Opened};

/// Whether an answer is one that goes on while it comes. Of what is refused, all of it is short.
pub(super) fn is_stream(head: &Answered) -> bool {
    (200..300).contains(&head.status) && Events::are_in(head)
}

/// Passes a stream on, and gives what it comes to: its head with the events alone that hold its answer. A client that is gone, or takes
/// nothing, does not end the reading: whoever could end it could keep what it costs from being known.
pub(super) async fn passed_on(
    mut opened: Opened,
    mut flow: Flow,
    names: &[Box<str>],
    longest: Duration,
) -> Result<Answered, NoAnswer> {
    let head = opened.head().clone();
    let mut events = Events::new(opened.most()).named(names);
    flow.begin(head.clone());
    let mut client = Some(flow);
    while let Some(piece) = opened.piece(longest).await? {
        events.push(&piece);
        if let Some(flow) = &mut client
            && !flow.pass(&piece).await
        {
            client = None;
        }
    }
    // The end of a connection may be the end of an answer, or not: only a whole event tells.
    let alone = events.alone().ok_or_else(|| NoAnswer::Lost("its stream of events broke off".to_owned()))?;
    if let Some(flow) = client {
        flow.is_whole();
    }
    Ok(Answered { body: alone, ..head })
}

/// Gives the answer to a read if it is there already; else it goes on by the flow, for as long as its client is there.
pub(super) fn read_on(mut opened: Opened, mut flow: Flow) -> Result<Option<Answered>, NoAnswer> {
    if let Some(answered) = opened.at_once()? {
        return Ok(Some(answered));
    }
    let mut head = opened.head().clone();
    head.headers.extend(opened.length().map(|length| ("content-length".into(), length.to_string().into())));
    flow.begin(head);
    tokio::spawn(async move {
        loop {
            let piece = tokio::select! {
                piece = opened.piece(Duration::MAX) => piece,
                () = flow.gone() => return,
            };
            match piece {
                Ok(Some(piece)) if flow.pass(&piece).await => {}
                Ok(None) => return flow.end().await,
                Ok(Some(_)) | Err(_) => return,
            }
        }
    });
    Ok(None)
}

/// The spends whose answers are coming now. That they take longer than others says nothing about them.
#[derive(Default)]
pub(super) struct Coming(Mutex<HashSet<HoldId>>);

/// One of them, until this is dropped.
pub(super) struct Comes<'a>(&'a Coming, HoldId);

impl Coming {
    pub(super) fn begin(&self, hold: HoldId) -> Comes<'_> {
        self.lock().insert(hold);
        Comes(self, hold)
    }

    pub(super) fn has(&self, hold: HoldId) -> bool {
        self.lock().contains(&hold)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<HoldId>> {
        // A set is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Comes<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}
