//! Access tokens: make, list, remove (WC §1.4).

use bursar_core::id::TokenId;
use bursar_service::issue::NewToken;
use bursar_service::limits::Rules;
use bursar_service::login::Handed;
use bursar_wire::{requests, shapes};

use super::view;
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    let mut request = requests::CreateToken::read(&call.json_with_limits()?)?;
    call.bursar.apply_template(principal, &mut request).await?;
    let new = NewToken {
        label: request.label,
        scopes: request.scopes.unwrap_or_default(),
        organisation: request.organisation,
        narrowing: request.narrowing.unwrap_or_default(),
        ips: request.ips.unwrap_or_default(),
        duration: request.duration,
        rules: Rules { limits: request.limits.unwrap_or_default(), destinations: request.destinations },
        template: request.template,
        otp: request.otp,
        key: call.idempotency_key()?,
    };
    let issued = call.bursar.issue(principal, new).await?;
    let text = match &issued.handed {
        Handed::Plain(text) => Ok(text),
        Handed::Encrypted(sealed) => Err(sealed),
    };
    Reply::ok(shapes::created_token(&view(&call.bursar, &issued.state), text, &issued.warnings))
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let page = call.page::<TokenId>(100, 200)?;
    let (states, next) = call.bursar.access_tokens(call.principal()?, page).await?;
    let list = states.iter().map(|state| shapes::session(&view(&call.bursar, state))).collect();
    Reply::ok(shapes::access_tokens(list, next))
}

pub(crate) async fn remove(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.revoke(call.principal()?, call.id("token")?).await?;
    Reply::ok(shapes::session(&view(&call.bursar, &state)))
}
