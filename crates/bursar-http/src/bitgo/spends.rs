//! Building and sending transactions (WC §8).

use bursar_service::spend::{Sent, SpendRequest, What};
use bursar_wire::json::FieldError;
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
    let request = SendTransaction::read(&call.json()?)?;
    let what = What::Transaction { bytes: request.transaction, claimed: request.claimed };
    spend(call, what, request.particulars).await
}

pub(crate) async fn send_coins(call: Call) -> Result<Reply, Failure> {
    let request = Send::read_one(&call.json()?)?;
    spend(call, What::Recipients(request.recipients), request.particulars).await
}

pub(crate) async fn send_many(call: Call) -> Result<Reply, Failure> {
    let request = Send::read_many(&call.json()?)?;
    spend(call, What::Recipients(request.recipients), request.particulars).await
}

async fn spend(call: Call, what: What, particulars: Particulars) -> Result<Reply, Failure> {
    // A name that is passed over in silence would let a repeat pay twice.
    if particulars.sequence_id.is_none() && call.idempotency_key()?.is_some() {
        let problem = "names no spend here; give its name as `sequenceId` in the body".to_owned();
        return Err(FieldError { field: "Idempotency-Key".to_owned(), problem }.into());
    }
    // BitGo Express hands a one-time password on in a header (WC §4.5).
    let otp = particulars.otp.or_else(|| call.header(header::OTP).map(str::to_owned));
    let request = SpendRequest {
        coin: call.coin()?,
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
