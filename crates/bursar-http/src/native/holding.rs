//! Spends of those who move the money themselves, and spends of which nobody knows.

use bursar_core::id::HoldId;
use bursar_service::error::ServiceError;
use bursar_service::holding::{ExternalSpend, Finding};
use bursar_service::services::NewService;
use bursar_wire::json::FieldError;
use bursar_wire::requests::{CaptureSpend, CreateService, CreateSpend, ReleaseSpend, ResolveSpend};
use bursar_wire::shapes;

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
    let (state, text) = call.bursar.create_service(call.principal()?, new).await?;
    Reply::created(shapes::created_token(&view(&call.bursar, &state), Ok(&text), &[]))
}

pub(crate) async fn hold(call: Call) -> Result<Reply, Failure> {
    let request = CreateSpend::read(&call.json()?)?;
    let spend = ExternalSpend {
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
    let held = call.bursar.hold_for(call.principal()?, spend).await.map_err(|error| match error {
        ServiceError::DuplicateSpend { hold } => Failure::KeyUsed(hold),
        other => other.into(),
    })?;
    let shown = shapes::native_spend(&held.hold);
    let reply = if held.before { Reply::ok(shown)? } else { Reply::created(shown)? };
    Ok(reply.with_limits(&held.reports, call.bursar.now()))
}

pub(crate) async fn capture(call: Call) -> Result<Reply, Failure> {
    let request = CaptureSpend::read(&call.json()?)?;
    let (service, id) = (call.principal()?, call.id("spend")?);
    let otp = request.otp.as_deref();
    let hold = call.bursar.capture(service, id, request.amount, request.fee, request.reference, otp).await?;
    Reply::ok(shapes::native_spend(&hold))
}

pub(crate) async fn release(call: Call) -> Result<Reply, Failure> {
    let request = ReleaseSpend::read(&call.json()?)?;
    let (service, id) = (call.principal()?, call.id("spend")?);
    let hold = call.bursar.release(service, id, request.reason, request.otp.as_deref()).await?;
    Reply::ok(shapes::native_spend(&hold))
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
    Reply::ok(shapes::native_spend(&hold))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let hold = call.bursar.spend_by_id(call.principal()?, call.id("spend")?).await?;
    Reply::ok(shapes::native_spend(&hold))
}

pub(crate) async fn of_token(call: Call) -> Result<Reply, Failure> {
    let page = bursar_service::Page { newest_first: true, ..call.page::<HoldId>(50, 200)? };
    let (spends, next) = call.bursar.spends_of(call.principal()?, call.id("token")?, page).await?;
    Reply::ok(shapes::native_spends(&spends, next))
}

pub(crate) async fn unresolved(call: Call) -> Result<Reply, Failure> {
    // There are no other lists here yet: whoever asks for one must not take this one for it.
    if call.query.split('&').any(|pair| pair.starts_with("unresolved") && pair != "unresolved=true") {
        return Err(FieldError { field: "unresolved".to_owned(), problem: "must be `true`".to_owned() }.into());
    }
    let page = call.page::<HoldId>(50, 200)?;
    let (spends, next) = call.bursar.unresolved(call.principal()?, page).await?;
    Reply::ok(shapes::native_spends(&spends, next))
}
