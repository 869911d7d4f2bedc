//! Limits: how they stand, changing them, and what they would say.

use bursar_core::decimals::Decimals;
use bursar_core::id::UserId;
use bursar_core::limit::warnings::{warnings, warnings_of_token};
use bursar_core::limit::{LimitReport, Subject};
use bursar_core::time::{Span, Timestamp};
use bursar_service::limits::{Bucket, Standing, Trial, Tried};
use bursar_wire::requests::{DryRun, HistoryQuery, LimitsEdit};
use bursar_wire::shapes;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn of_token(call: Call) -> Result<Reply, Failure> {
    let (principal, id, now) = (call.principal()?, call.id("token")?, call.bursar.now());
    let standing = call.bursar.limits(principal, Subject::Token(id)).await?;
    let HistoryQuery { bucket, since } = HistoryQuery::read(&call.query, now)?;
    let usage = call.bursar.usage(principal, id, since, bucket).await?;
    let mut shown = shown(&standing, now, call.bursar.decimals());
    shown["history"] = history(&usage, bucket);
    Reply::ok(shown)
}

pub(crate) async fn set_of_token(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::Token(call.id("token")?);
    set(call, subject).await
}

pub(crate) async fn of_user(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::User(user(&call).await?);
    show(call, subject).await
}

pub(crate) async fn set_of_user(call: Call) -> Result<Reply, Failure> {
    // Before the name is looked up: a body that cannot be must not tell whether there is such a name.
    LimitsEdit::read(&call.json_with_limits()?)?;
    let subject = Subject::User(user(&call).await?);
    set(call, subject).await
}

pub(crate) async fn of_wallet(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::Wallet(call.wallet()?);
    show(call, subject).await
}

pub(crate) async fn set_of_wallet(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::Wallet(call.wallet()?);
    set(call, subject).await
}

pub(crate) async fn of_organisation(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::Organisation(call.id("organisation")?);
    show(call, subject).await
}

pub(crate) async fn set_of_organisation(call: Call) -> Result<Reply, Failure> {
    let subject = Subject::Organisation(call.id("organisation")?);
    set(call, subject).await
}

pub(crate) async fn dry_run(call: Call) -> Result<Reply, Failure> {
    let DryRun { payment, organisation, address } = DryRun::read(&call.json()?)?;
    let (coin, wallet) = (payment.coin.clone(), payment.wallet);
    let trial = Trial {
        coin: payment.coin,
        recipients: payment.recipients,
        fee: payment.fee,
        fee_coin: payment.fee_coin,
        wallet: payment.wallet,
        organisation,
        address,
    };
    let (principal, token) = (call.principal()?, call.id("token")?);
    let Tried { decided, fee_unknown } = call.bursar.dry_run(principal, token, trial).await?;
    let now = call.bursar.now();
    let mut warnings: Vec<String> = fee_unknown
        .map(|(reason, most, coin)| {
            format!("the rail does not say now what the fee would be ({reason}): counted is the most that it may take, {most} base units of {coin}")
        })
        .into_iter()
        .collect();
    // Of others' limits a token learns that there are some, and no figures (P6).
    let sees = |subject: &Subject| call.bursar.sees_figures(principal, *subject);
    match decided {
        Ok(found) => {
            let shown = |report: &LimitReport| match sees(&report.subject) {
                true => shapes::limit_report(report, now, call.bursar.decimals()),
                false => shapes::others_limit(report),
            };
            let naming = match wallet {
                Some(wallet) => call.bursar.naming_of(principal, token, wallet, &coin).await?,
                None => None,
            };
            warnings.extend(naming.map(|form| {
                format!("the token sees several wallets of this rail that hold {coin}: a request has to name this one by {form}")
            }));
            let limits: Vec<Value> = found.iter().map(shown).collect();
            Reply::ok(json!({"allowed": true, "limits": limits, "warnings": warnings}))
        }
        Err(refusal) => {
            let (status, body) = shapes::refusal_to(&refusal, call.bursar.decimals(), "", sees);
            let mut problem = crate::problem::problem(status, body.to_value());
            if let Some(fields) = problem.as_object_mut() {
                fields.remove("requestId");
            }
            Reply::ok(json!({"allowed": false, "refusal": problem, "warnings": warnings}))
        }
    }
}

async fn show(call: Call, subject: Subject) -> Result<Reply, Failure> {
    let standing = call.bursar.limits(call.principal()?, subject).await?;
    Reply::ok(shown(&standing, call.bursar.now(), call.bursar.decimals()))
}

async fn set(call: Call, subject: Subject) -> Result<Reply, Failure> {
    let edit = LimitsEdit::read(&call.json_with_limits()?)?;
    let standing = call.bursar.set_limits(call.principal()?, subject, edit).await?;
    Reply::ok(with_warnings(&standing, call.bursar.now(), call.bursar.decimals()))
}

/// `me`, an id, or a name.
async fn user(call: &Call) -> Result<UserId, Failure> {
    match call.parameter("user")? {
        "me" => Ok(call.principal()?.owner.id),
        text => match text.parse() {
            Ok(id) => Ok(id),
            Err(_) => Ok(call.bursar.user_named(text).await?.id),
        },
    }
}

/// How limits stand, with what whoever wrote them may not have meant: what a change of limits is answered.
pub fn with_warnings(standing: &Standing, now: Timestamp, decimals: &Decimals) -> Value {
    let mut shown = shown(standing, now, decimals);
    let warnings = if matches!(standing.subject, Subject::Token(_)) { warnings_of_token } else { warnings };
    shown["warnings"] = warnings(&standing.rules).iter().map(|warning| warning.sentence(decimals)).collect();
    shown
}

fn shown(standing: &Standing, now: Timestamp, decimals: &Decimals) -> Value {
    let mut shown = shapes::limit_rules(&standing.rules, standing.version, decimals);
    shown["subject"] = standing.subject.kind().into();
    shown["limits"] = reports(&standing.reports, now, decimals);
    shown["apart"] = shapes::apart(&standing.budgets);
    if let Some(paid) = standing.paid {
        shown["destinations"]["paid"] = paid.into();
    }
    shown
}

pub(super) fn reports(reports: &[LimitReport], now: Timestamp, decimals: &Decimals) -> Value {
    reports.iter().map(|report| shapes::limit_report(report, now, decimals)).collect()
}

fn history(usage: &[Bucket], length: Span) -> Value {
    let bucket = |(start, coin, usage): &Bucket| {
        json!({
            "from": start.to_string(),
            "coin": coin.as_str(),
            "amount": usage.amount.to_string(),
            "fee": usage.fee.to_string(),
            "count": usage.count,
        })
    };
    json!({"seconds": length.as_seconds_ceil(), "buckets": usage.iter().map(bucket).collect::<Vec<_>>()})
}
