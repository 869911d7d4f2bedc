//! Spends of those who move the money themselves, and spends of which nobody knows.

use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_service::breakers::Place;
use bursar_service::holding::ExternalSpend;
use bursar_service::rail::{LookedUp, SendOutcome};
use bursar_service::reconcile::Shown;
use bursar_service::resolve::Finding;
use bursar_service::services::NewService;
use bursar_wire::json::FieldError;
use bursar_wire::requests::{CaptureSpend, CreateService, CreateSpend, ReleaseSpend, ResolveSpend, SpendsQuery};
use bursar_wire::shapes;
use serde_json::Value;

use crate::bitgo::view;
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn create_service(call: Call) -> Result<Reply, Failure> {
    let request = CreateService::read(&call.json()?)?;
    let new = NewService {
        label: request.label,
        organisation: request.organisation,
        narrowing: request.narrowing,
        ips: request.ips,
        duration: request.duration,
        otp: request.otp,
        key: call.idempotency_key()?,
    };
    let (state, text, warnings) = call.bursar.create_service(call.principal()?, new).await?;
    Reply::created(shapes::created_token(&view(&call.bursar, &state), Ok(&text), &warnings))
}

pub(crate) async fn hold(call: Call) -> Result<Reply, Failure> {
    let request = match call.json().and_then(|body| Ok(CreateSpend::read(&body)?)) {
        Ok(request) => request,
        // Whose token it was to be is not known, so it is the service's own failure.
        Err(Failure::Service(error)) => {
            return Ok(call.bursar.noting_unread(call.principal()?, Place::Wallet(None), Err(error)).await?);
        }
        Err(failure) => return Err(failure),
    };
    let wanted = ExternalSpend {
        spender: request.token,
        coin: request.payment.coin,
        recipients: request.payment.recipients,
        fee: request.payment.fee,
        fee_coin: request.payment.fee_coin,
        wallet: request.payment.wallet,
        organisation: request.organisation,
        key: call.idempotency_key()?,
        address: request.address,
        patience: request.deadline,
        comment: request.comment,
    };
    let held = call.bursar.hold_for(call.principal()?, wanted).await?;
    let shown = spend(&call, &held.hold).await?;
    let reply = if held.before { Reply::ok(shown)? } else { Reply::created(shown)? };
    Ok(reply.with_limits(&held.reports, call.bursar.now()))
}

pub(crate) async fn capture(call: Call) -> Result<Reply, Failure> {
    let request = CaptureSpend::read(&call.json()?)?;
    let (service, id) = (call.principal()?, call.id("spend")?);
    let otp = request.otp.as_deref();
    let hold = call.bursar.capture(service, id, request.amount, request.fee, request.reference, otp).await?;
    Reply::ok(spend(&call, &hold).await?)
}

pub(crate) async fn release(call: Call) -> Result<Reply, Failure> {
    let request = ReleaseSpend::read(&call.json()?)?;
    let (service, id) = (call.principal()?, call.id("spend")?);
    let hold = call.bursar.release(service, id, request.reason, request.otp.as_deref()).await?;
    Reply::ok(spend(&call, &hold).await?)
}

pub(crate) async fn resolve(call: Call) -> Result<Reply, Failure> {
    let request = ResolveSpend::read(&call.json()?)?;
    let finding = match (request.moved, request.reference) {
        (true, Some(reference)) => {
            let ResolveSpend { amount, fee, more_than_held, .. } = request;
            Finding::Moved { amount, fee, reference, more_than_held }
        }
        (true, None) => {
            let problem = "is missing; say what the rail calls the spend, such as its transaction id".to_owned();
            return Err(FieldError { field: "reference".to_owned(), problem }.into());
        }
        (false, _) => Finding::NotMoved,
    };
    let (principal, id) = (call.principal()?, call.id("spend")?);
    let hold = call.bursar.resolve_spend(principal, id, finding, request.evidence, request.otp.as_deref()).await?;
    Reply::ok(spend(&call, &hold).await?)
}

pub(crate) async fn reconcile(call: Call) -> Result<Reply, Failure> {
    call.json_or_nothing()?;
    let reconciled = call.bursar.reconcile_spend(call.principal()?, call.id("spend")?).await?;
    let spend = spend(&call, &reconciled.hold).await?;
    Reply::ok(shapes::reconciled(&spend, showed(&reconciled.shown, &reconciled.hold)))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let hold = call.bursar.spend_by_id(call.principal()?, call.id("spend")?).await?;
    Reply::ok(spend(&call, &hold).await?)
}

pub(crate) async fn of_token(call: Call) -> Result<Reply, Failure> {
    let page = bursar_service::Page { newest_first: true, ..call.page::<HoldId>(50, 200)? };
    let (spends, next) = call.bursar.spends_of(call.principal()?, call.id("token")?, page).await?;
    Reply::ok(shapes::native_spends(&call.bursar.with_names(spends).await?, next))
}

pub(crate) async fn unsettled(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<HoldId>(50, 200)?;
    let (spends, next) = match SpendsQuery::read(&call.query)? {
        SpendsQuery::Unresolved => call.bursar.unresolved(call.principal()?, page).await?,
        SpendsQuery::Unsettled => call.bursar.unsettled_for(call.principal()?, page).await?,
    };
    Reply::ok(shapes::native_spends(&call.bursar.with_names(spends).await?, next))
}

/// A spend with what it is called where it was sent, and what was said of it there last.
async fn spend(call: &Call, hold: &Hold) -> Result<Value, Failure> {
    let mut shown = shapes::native_spend(hold, call.bursar.sent_as(hold).await?.as_deref());
    if let (Some(reason), Some(unresolved)) = (call.bursar.more_than_held(hold)?, shown.get_mut("unresolved")) {
        unresolved["reason"] = reason.into();
    }
    if let Some(LookedUp { at, said, back_from }) = call.bursar.looked_up(hold)? {
        shown["lookedUp"] = shapes::looked_up(at, &said, back_from);
    }
    Ok(shown)
}

/// What was shown of a spend: in a word, in a sentence, and by its name.
pub(crate) fn showed<'a>(shown: &'a Shown, hold: &Hold) -> (&'static str, &'a str, Option<&'a str>) {
    let outcome = match shown {
        Shown::NotAsked { reason } => return ("not_asked", reason, None),
        Shown::ByRail(outcome) => outcome,
    };
    match outcome {
        SendOutcome::Done { reference, .. } => ("moved", "the money moved", Some(reference)),
        SendOutcome::Charged { reference, amount } if *amount == hold.cost.amount => {
            ("moved", "the money moved", Some(reference))
        }
        SendOutcome::Charged { reference, .. } => {
            ("moved", "the money moved, and it was another amount than was held", Some(reference))
        }
        SendOutcome::Sent { reference } | SendOutcome::Unseen { reference, .. } => {
            ("under_way", "it was sent, or will be again, and is not final yet; it counts until it is", Some(reference))
        }
        SendOutcome::Awaiting { approval } => (
            "awaiting_approval",
            "somebody has to approve it where it was sent, under this name; it counts until then",
            Some(approval),
        ),
        SendOutcome::Reverted { reference, .. } => {
            ("reverted", "the recipients got nothing, and the fee was paid", Some(reference))
        }
        SendOutcome::Refused { reason } | SendOutcome::NotSent { reason } => ("not_moved", reason, None),
        SendOutcome::Exceeded { reason, .. } => ("more_than_held", reason, None),
        SendOutcome::Unknown { reason } => ("unknown", reason, None),
    }
}
