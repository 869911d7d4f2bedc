//! Logging in and out, the presented token itself, and what needs no token (WC §1.2, §1.3, §3).

use bursar_core::secret::Secret;
use bursar_service::login::{Handed, Login, NewSession};
use bursar_service::unlock::UnlockRequest;
use bursar_wire::json::FieldError;
use bursar_wire::{header, requests, shapes};
use serde_json::{Value, json};

use super::view;
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn ping(call: Call) -> Result<Reply, Failure> {
    Reply::ok(json!({
        "status": "service is ok!",
        "environment": call.settings.environment,
        "configEnv": call.settings.environment,
        "configVersion": 1,
    }))
}

pub(crate) async fn constants(call: Call) -> Result<Reply, Failure> {
    Reply::ok(json!({"ttl": 3600, "constants": {"serverXpub": call.bursar.ecdh_public_key()}}))
}

pub(crate) async fn log_in(call: Call) -> Result<Reply, Failure> {
    let body = call.json()?;
    if let Some(passkey) = requests::Login::passkey(&body)? {
        let session = call.bursar.finish_passkey_sign_in(&passkey, call.address).await?;
        return Reply::ok(logged_in(&call, &session, "passkey"));
    }
    with_password(call, false).await
}

/// BitGo's documentation logs in here with the password in clear (WC §1.7).
pub(crate) async fn log_in_with_clear_password(call: Call) -> Result<Reply, Failure> {
    with_password(call, true).await
}

async fn with_password(call: Call, may_be_clear: bool) -> Result<Reply, Failure> {
    let request = requests::Login::read(&call.json()?)?;
    let login = Login {
        username: request.username,
        password: Secret::new(request.password.expose().clone()),
        may_be_clear,
        otp: request.otp,
        extension_address: request.extension_address,
        plain_token: request.plain_token,
    };
    let session = call.bursar.log_in(login, call.address).await?;
    Reply::ok(logged_in(&call, &session, "password"))
}

pub(crate) fn logged_in(call: &Call, session: &NewSession, grant: &str) -> Value {
    let text = match &session.handed {
        Handed::Plain(text) => Ok(text),
        Handed::Encrypted(sealed) => Err(sealed),
    };
    let user = shapes::user(&session.user, &session.factors, call.bursar.now());
    shapes::login(&session.token, text, session.encrypted_ecdh_key.as_deref(), user, grant)
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.session(call.principal()?).await?;
    Reply::named("session", shapes::session(&view(&call.bursar, &state)))
}

pub(crate) async fn lock(call: Call) -> Result<Reply, Failure> {
    let state = call.bursar.lock(call.principal()?).await?;
    Reply::named("session", shapes::session(&view(&call.bursar, &state)))
}

pub(crate) async fn unlock(call: Call) -> Result<Reply, Failure> {
    let request = requests::Unlock::read(&call.json_or_nothing()?)?;
    let request = UnlockRequest {
        otp: request.otp,
        duration: request.duration,
        resume: request.resume,
        keep_limits: request.keep_limits,
    };
    let state = call.bursar.unlock(call.principal()?, request).await?;
    Reply::named("session", shapes::session(&view(&call.bursar, &state)))
}

/// There is no SMS; the answer says what to do instead.
pub(crate) async fn send_otp(_call: Call) -> Result<Reply, Failure> {
    Reply::ok(json!({"message": "one-time passwords are not sent; take one from your authenticator app"}))
}

pub(crate) async fn log_out(call: Call) -> Result<Reply, Failure> {
    call.bursar.log_out(call.principal()?).await?;
    Reply::ok(json!({}))
}

pub(crate) async fn extend(call: Call) -> Result<Reply, Failure> {
    let request = requests::Extend::read(&call.json_or_nothing()?)?;
    let needed = |name: &'static str| {
        let problem = "the header is missing; see `extendToken` of the SDK";
        call.header(name).ok_or_else(|| FieldError { field: name.to_owned(), problem: problem.to_owned() })
    };
    let (timestamp, signature) = (needed(header::TIMESTAMP)?, needed(header::SIGNATURE)?);
    let state = call.bursar.extend(call.principal()?, request.duration, timestamp, signature).await?;
    Reply::ok(shapes::session(&view(&call.bursar, &state)))
}
