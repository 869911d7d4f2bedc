//! Signing in by steps: the password, then what the account offers as a second factor.

use bursar_service::sign_in::Proof;
use bursar_wire::requests::{FinishSignIn, PasskeyAnswer, SignIn};
use bursar_wire::shapes;

use crate::bitgo::session::logged_in;
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn begin(call: Call) -> Result<Reply, Failure> {
    let request = SignIn::read(&call.json()?)?;
    let begun = call.bursar.begin_sign_in(&request.username, &request.password, call.address).await?;
    let offers = &begun.offers;
    let passkey = offers.passkey.as_ref();
    let ticket = begun.ticket.expose();
    Reply::ok(shapes::sign_in(ticket, begun.ends, (offers.otp, offers.recovery, offers.has_none), passkey))
}

pub(crate) async fn finish(call: Call) -> Result<Reply, Failure> {
    let request = FinishSignIn::read(&call.json()?)?;
    let proof = match (request.otp, request.passkey) {
        (Some(otp), _) => Proof::Code(otp),
        (None, Some(passkey)) => Proof::Passkey(passkey),
        (None, None) => Proof::PasswordAlone,
    };
    let session = call.bursar.finish_sign_in(request.ticket.expose(), proof, call.address).await?;
    Reply::ok(logged_in(&call, &session, "password"))
}

pub(crate) async fn passkey_challenge(call: Call) -> Result<Reply, Failure> {
    Reply::ok(call.bursar.begin_passkey_sign_in(call.address).await?)
}

pub(crate) async fn with_passkey(call: Call) -> Result<Reply, Failure> {
    let request = PasskeyAnswer::read(&call.json()?)?;
    let session = call.bursar.finish_passkey_sign_in(&request.passkey, call.address).await?;
    Reply::ok(logged_in(&call, &session, "passkey"))
}
