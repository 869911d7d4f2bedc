//! Building and sending transactions (WC §8).

use bursar_service::breakers::Place;
use bursar_service::spend::{Sent, SpendRequest, What};
use bursar_wire::json::{FieldError, Json};
use bursar_wire::requests::{BuildTransaction, Particulars, Send, SendTransaction};
use bursar_wire::{header, shapes};

use super::upstream;
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn build(call: Call) -> Result<Reply, Failure> {
    if let Some(reply) = upstream::instead(&call).await {
        return reply;
    }
    let (coin, wallet) = (call.coin()?, call.wallet()?);
    let request = BuildTransaction::read(&call.json()?)?;
    let built = call.bursar.build(call.principal()?, &coin, wallet, &request.recipients).await?;
    Reply::ok(shapes::built(&built.bytes, built.fee, &request.recipients))
}

pub(crate) async fn send(call: Call) -> Result<Reply, Failure> {
    if let Some(reply) = upstream::instead(&call).await {
        return reply;
    }
    let request = read(&call, SendTransaction::read).await?;
    let what = What::Transaction { bytes: request.transaction, claimed: request.claimed };
    spend(call, what, request.particulars).await
}

pub(crate) async fn send_coins(call: Call) -> Result<Reply, Failure> {
    let request = read(&call, Send::read_one).await?;
    spend(call, What::Recipients(request.recipients), request.particulars).await
}

pub(crate) async fn send_many(call: Call) -> Result<Reply, Failure> {
    let request = read(&call, Send::read_many).await?;
    spend(call, What::Recipients(request.recipients), request.particulars).await
}

/// Reads a spend. One that cannot be read leaves the trace that every refused spend leaves.
async fn read<T>(call: &Call, read: impl FnOnce(&Json) -> Result<T, FieldError>) -> Result<T, Failure> {
    let found = call.json().and_then(|body| Ok(read(&body)?));
    noting(call, found).await
}

async fn noting<T>(call: &Call, found: Result<T, Failure>) -> Result<T, Failure> {
    match found {
        Err(Failure::Service(error)) => {
            let place = Place::Wallet(call.wallet().ok());
            Ok(call.bursar.noting_unread(call.principal()?, place, Err(error)).await?)
        }
        found => found,
    }
}

async fn spend(call: Call, what: What, particulars: Particulars) -> Result<Reply, Failure> {
    // A name that is passed over in silence would let a repeat pay twice.
    if particulars.sequence_id.is_none() && noting(&call, call.idempotency_key()).await?.is_some() {
        let problem = "names no spend here; give its name as `sequenceId` in the body".to_owned();
        return noting(&call, Err(FieldError { field: "Idempotency-Key".to_owned(), problem }.into())).await;
    }
    // BitGo Express hands a one-time password on in a header (WC §4.5).
    let otp = particulars.otp.or_else(|| call.header(header::OTP).map(str::to_owned));
    let request = SpendRequest {
        coin: noting(&call, call.coin()).await?,
        wallet: call.wallet()?,
        what,
        sequence_id: particulars.sequence_id,
        comment: particulars.comment,
        otp,
    };
    let sent = call.bursar.spend(call.principal()?, request).await?;
    reply(&call, &sent)
}

/// What a client is told of a spend that went through, or waits for an approval.
pub(super) fn reply(call: &Call, sent: &Sent) -> Result<Reply, Failure> {
    if let Some(approval) = &sent.approval {
        let reply = Reply::pending(shapes::awaiting(&sent.hold, approval))?;
        return Ok(reply.with_limits(&sent.reports, call.bursar.now()));
    }
    Ok(Reply::ok(shapes::sent(&sent.hold, &sent.reference, &sent.transaction))?
        .with_limits(&sent.reports, call.bursar.now()))
}
