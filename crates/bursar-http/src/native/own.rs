//! A token about itself, and its rotation.

use bursar_service::rotate::VOID;
use bursar_wire::requests::Rotate;
use bursar_wire::shapes;

use super::tokens::shown;
use crate::bitgo::view;
use crate::call::{Call, Reply};
use crate::failure::Failure;

/// Every token may ask what it is and what it has left, whatever its scopes.
pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.session(call.principal()?).await?;
    Ok(Reply::ok(shown(&call, &state))?.with_limits(&state.standing, call.bursar.now()))
}

pub(crate) async fn rotate(call: Call) -> Result<Reply, Failure> {
    let request = Rotate::read(&call.json_or_nothing()?)?;
    let (principal, id) = (call.principal()?, call.id("token")?);
    let rotated = call.bursar.rotate(principal, id, request.overlap, request.otp.as_deref()).await?;
    let sooner =
        format!("the old secret ends at {}, as a rotation before this said; none makes that later", rotated.old_ends);
    let mut warnings = if rotated.ends_sooner { vec![sooner] } else { Vec::new() };
    if rotated.replaced {
        warnings.push(VOID.to_owned());
    }
    let mut shown = shapes::created_token(&view(&call.bursar, &rotated.state), Ok(&rotated.text), &warnings);
    shown.insert("oldEnds".to_owned(), rotated.old_ends.to_string().into());
    Reply::ok(shown)
}

/// Ends the old secret of a rotation now.
pub(crate) async fn end_old_secret(call: Call) -> Result<Reply, Failure> {
    let (state, has_ended) = call.bursar.end_old_secret(call.principal()?, call.id("token")?).await?;
    let mut shown = shown(&call, &state);
    shown["oldSecretEnded"] = has_ended.into();
    Reply::ok(shown)
}
