//! Second factors in the dialect (WC §1.7): the same use cases as Bursar's own routes under BitGo's names. Where a
//! proof has to stand behind a request that has no body, it comes in a header.

use bursar_core::id::FactorId;
use bursar_service::step_up::Action;
use bursar_wire::header::OTP;
use bursar_wire::json::FieldError;
use bursar_wire::requests::{AddDevice, AskStepUp, NewDevice};
use bursar_wire::shapes;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

/// The name of a device that nobody has named yet: the name comes with its first code.
const UNNAMED: &str = "authenticator";

pub(crate) async fn enrol_totp(call: Call) -> Result<Reply, Failure> {
    let enrolment = call.bursar.enrol_totp(call.principal()?, UNNAMED.to_owned(), call.header(OTP)).await?;
    Reply::ok(json!({
        "url": enrolment.uri.expose(),
        "hmac": enrolment.id.to_string(),
        "key": enrolment.secret.expose(),
        "svg": enrolment.svg.expose(),
    }))
}

pub(crate) async fn register(call: Call) -> Result<Reply, Failure> {
    let mut options = call.bursar.begin_passkey(call.principal()?, call.header(OTP)).await?;
    // BitGo's clients read the options themselves.
    Reply::ok(options.get_mut("publicKey").map(Value::take).unwrap_or_default())
}

pub(crate) async fn add(call: Call) -> Result<Reply, Failure> {
    let AddDevice { label, shown } = AddDevice::read(&call.json()?)?;
    let principal = call.principal()?;
    let added = match shown {
        NewDevice::Totp { code, enrolment } => {
            let id: FactorId = enrolment.parse().map_err(|_| {
                let problem = "must be what `GET /user/otp/totp` answered".to_owned();
                FieldError { field: "hmac".to_owned(), problem }
            })?;
            call.bursar.confirm_totp_as(principal, id, &code, Some(label)).await?
        }
        NewDevice::Passkey { answer } => call.bursar.finish_passkey(principal, label, &answer).await?,
    };
    let (user, factors) = call.bursar.user(principal, None).await?;
    let mut shown = json!({"user": shapes::user(&user, &factors, call.bursar.now())});
    if let (Some(codes), Some(fields)) = (&added.recovery_codes, shown.as_object_mut()) {
        fields.insert("recoveryCodes".to_owned(), shapes::recovery_code_texts(codes));
    }
    Reply::ok(shown)
}

/// A challenge for unlocking the presented token, or for the action that the query names.
pub(crate) async fn challenge(call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    let action = match AskStepUp::read_query(&call.query)? {
        None => Action::Unlock(principal.token().id),
        Some(AskStepUp { action, target }) => Action::parse(&action, target.as_deref())?,
    };
    let mut options = call.bursar.begin_step_up(principal, action).await?;
    Reply::ok(options.get_mut("publicKey").map(Value::take).unwrap_or_default())
}

pub(crate) async fn remove(call: Call) -> Result<Reply, Failure> {
    call.bursar.remove_factor(call.principal()?, call.id("factor")?, call.header(OTP)).await?;
    Reply::ok(json!({}))
}

/// Which codes of a set are used. Their texts are not kept, so they cannot be shown again.
pub(crate) async fn recovery_codes(call: Call) -> Result<Reply, Failure> {
    let (set, states) = call.bursar.recovery_codes(call.principal()?, call.id("factor")?).await?;
    let codes: Vec<Value> = states.iter().map(|is_active| json!({"code": "", "isActive": is_active})).collect();
    let note = "the texts of codes are shown once, when they are made: only hashes are kept. Whoever has lost them makes new \
                ones with `POST /bursar/v1/factors/recovery-codes`";
    Reply::ok(json!({"id": set.id.to_string(), "created": set.created.to_string(), "codes": codes, "note": note}))
}
