//! One's second factors, and step-up.

use bursar_service::factors::AddedFactor;
use bursar_service::step_up::Action;
use bursar_wire::requests::{AskStepUp, ChangeFactor, PasskeyAnswer};
use bursar_wire::shapes;
use serde_json::json;

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let found = call.bursar.factors(call.principal()?).await?;
    let recovery = found.recovery.map(|set| {
        json!({
            "id": set.id.to_string(),
            "made": set.created.to_string(),
            "lastUsed": set.last_used.map(|at| at.to_string()),
            "left": found.recovery_codes_left,
        })
    });
    let factors: Vec<_> = found.factors.iter().map(shapes::factor).collect();
    Reply::ok(json!({"factors": factors, "recoveryCodes": recovery, "passkeys": found.passkeys}))
}

pub(crate) async fn enrol_totp(call: Call) -> Result<Reply, Failure> {
    let ChangeFactor { label, otp } = ChangeFactor::read_named(&call.json()?)?;
    let enrolment = call.bursar.enrol_totp(call.principal()?, label.unwrap_or_default(), otp.as_deref()).await?;
    Reply::created(json!({
        "id": enrolment.id.to_string(),
        "secret": enrolment.secret.expose(),
        "uri": enrolment.uri.expose(),
        "svg": enrolment.svg.expose(),
        "expires": enrolment.ends.to_string(),
    }))
}

pub(crate) async fn confirm_totp(call: Call) -> Result<Reply, Failure> {
    let request = ChangeFactor::read(&call.json()?)?;
    let code = request.otp.unwrap_or_default();
    added(&call.bursar.confirm_totp(call.principal()?, call.id("factor")?, &code).await?)
}

pub(crate) async fn begin_passkey(call: Call) -> Result<Reply, Failure> {
    let request = ChangeFactor::read(&call.json_or_nothing()?)?;
    Reply::ok(call.bursar.begin_passkey(call.principal()?, request.otp.as_deref()).await?)
}

pub(crate) async fn finish_passkey(call: Call) -> Result<Reply, Failure> {
    let request = PasskeyAnswer::read_new(&call.json()?)?;
    let label = request.label.unwrap_or_default();
    added(&call.bursar.finish_passkey(call.principal()?, label, &request.passkey).await?)
}

pub(crate) async fn rename(call: Call) -> Result<Reply, Failure> {
    let label = ChangeFactor::read_label(&call.json()?)?;
    let renamed = call.bursar.rename_factor(call.principal()?, call.id("factor")?, label).await?;
    Reply::ok(shapes::factor(&renamed))
}

/// No DELETE: the proof that stands behind it has to be in the body.
pub(crate) async fn remove(call: Call) -> Result<Reply, Failure> {
    let request = ChangeFactor::read(&call.json_or_nothing()?)?;
    call.bursar.remove_factor(call.principal()?, call.id("factor")?, request.otp.as_deref()).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn regenerate_recovery_codes(call: Call) -> Result<Reply, Failure> {
    let request = ChangeFactor::read(&call.json_or_nothing()?)?;
    let codes = call.bursar.regenerate_recovery_codes(call.principal()?, request.otp.as_deref()).await?;
    Reply::created(json!({"recoveryCodes": shapes::recovery_code_texts(&codes)}))
}

/// A challenge for the caller's passkeys; what they answer goes where a one-time password would.
pub(crate) async fn step_up(call: Call) -> Result<Reply, Failure> {
    let AskStepUp { action, target } = AskStepUp::read(&call.json()?)?;
    let action = Action::parse(&action, target.as_deref())?;
    Reply::ok(call.bursar.begin_step_up(call.principal()?, action).await?)
}

fn added(added: &AddedFactor) -> Result<Reply, Failure> {
    Reply::created(shapes::added_factor(&added.factor, added.recovery_codes.as_deref()))
}
