//! What the operator of the machine may do to accounts, over a socket of the server that has the data
//! directory, or on the directory itself if none has it.
//!
//! Whoever may write to the data directory is the operator; the socket in it asks for nothing else.

mod limits;
mod people;
pub(crate) mod socket;
mod wallets;

use std::collections::BTreeMap;

use bursar_core::audit::{Actor, Archived, Hash, Head};
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_service::Bursar;
use bursar_service::error::ServiceError;
use bursar_service::freezes::FreezeOrder;
use bursar_service::people::{Enrolment, NewUser};
use bursar_service::rail_credentials::CredentialName;
use bursar_store::Page;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::authz::Authz;

pub(crate) use self::limits::{Change, Declared, LimitsOf};
pub(crate) use self::wallets::Allowed;

/// Users read at once.
const PAGE: usize = 200;

/// What an operator asks for. It has passwords in it: it must not be logged.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Make an account.
    AddUser { username: String, full_name: String, password: String },
    /// Set an account's password.
    SetPassword { username: String, password: String },
    /// Replace an account's second factors.
    ResetSecondFactors { username: String },
    /// List the accounts.
    Users,
    /// Give an account an address.
    SetAddress { username: String, address: String },
    /// Invite somebody.
    Invite { address: String, organisation: Option<String>, role: String, wallets: Vec<String> },
    /// List what an account is in its organisations.
    Roles { username: String },
    /// Change what an account is in an organisation; without a role, take it out.
    SetRole { username: String, organisation: Option<String>, role: Option<String> },
    /// Make an organisation.
    AddOrganisation { name: String, owner: String },
    /// List the organisations.
    Organisations,
    /// Freeze an account.
    Freeze { username: String, reason: Option<String>, seconds: Option<u64> },
    /// Lift an account's freeze.
    Unfreeze { username: String },
    /// Lift a wallet's freeze.
    UnfreezeWallet { wallet: String },
    /// Show how limits stand.
    Limits { of: LimitsOf },
    /// Say which decimals rails declare.
    Decimals,
    /// Change limits.
    SetLimits { of: LimitsOf, change: Change },
    /// Register a wallet on a rail.
    AddWallet {
        rail: String,
        coin: String,
        label: String,
        organisation: Option<String>,
        owner: String,
        key: Option<String>,
        #[serde(default)]
        reference: Option<String>,
    },
    /// Allow an organisation to register a wallet that a rail's node has.
    AllowWallet { rail: String, reference: String, coin: String, organisation: Option<String> },
    /// Take that back.
    DisallowWallet { rail: String, reference: String },
    /// Remove a wallet from which nothing was ever spent.
    RemoveWallet { wallet: String },
    /// List the wallets that organisations may register.
    AllowedWallets,
    /// Seal a credential of a rail.
    SealCredential { rail: String, name: String, credential: String },
    /// Say which rails cannot be used now.
    CheckRails,
    /// List which credentials of rails are sealed.
    RailCredentials,
    /// Remove a sealed credential of a rail.
    RemoveCredential { rail: String, name: String },
    /// Say what rules for other proxies name that is not there.
    CheckAuthz { authz: Authz },
    /// Compare all spends with all budgets.
    CheckLedger,
    /// Take the clock's time for right, after it has jumped.
    AcceptClock,
    /// Let go of links that are in a file elsewhere.
    Archived(ArchivedForm),
}

/// A file of archived links, as the socket carries it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchivedForm {
    first: u64,
    last: u64,
    hash: Hash,
    file: String,
    sha256: Hash,
}

impl From<Archived> for ArchivedForm {
    fn from(archived: Archived) -> Self {
        let Archived { first, through, file, digest } = archived;
        Self { first, last: through.number, hash: through.hash, file, sha256: digest }
    }
}

impl From<ArchivedForm> for Archived {
    fn from(form: ArchivedForm) -> Self {
        let ArchivedForm { first, last, hash, file, sha256 } = form;
        Self { first, through: Head { number: last, hash }, file, digest: sha256 }
    }
}

impl Request {
    /// Whether it is done without rails: a rail may not open before its credential is set.
    pub(crate) const fn is_of_credentials(&self) -> bool {
        matches!(self, Self::SealCredential { .. } | Self::RailCredentials | Self::RemoveCredential { .. })
    }
}

/// What an operator is answered. It may have second factors in it: it must not be logged.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// New second factors, to be shown once.
    Enrolled { factors: Factors },
    /// All accounts.
    Users { users: Vec<Account> },
    /// Somebody is invited; the link opens an account, once. It is only the end of one where nothing says the address.
    Invited { invitation: String, link: String, is_address: bool, address: String, expires: String, mailed: bool },
    /// What an account is where.
    Roles { roles: Vec<Place> },
    /// An organisation was made.
    Organisation { id: String },
    /// All organisations.
    Organisations { organisations: Vec<Organisation> },
    /// How limits stand, and how they stood before they were changed.
    Limits { before: Option<Value>, limits: Value, declared: Declared },
    /// Which decimals rails declare.
    Decimals { declared: Declared },
    /// A wallet was registered.
    Wallet { id: String, coin: String, reference: String, is_address: bool },
    /// Wallets that organisations may register; or the one that was allowed, or was until now.
    Allowed { wallets: Vec<Allowed> },
    /// Which credentials of rails are sealed: rail and name.
    Credentials { credentials: Vec<(String, String)> },
    /// The rails that there are, and which of them cannot be used now: rail and why.
    Rails { rails: Vec<String>, unusable: BTreeMap<String, String> },
    /// What is wrong with rules for other proxies.
    Authz { problems: Vec<String> },
    /// The ledger was looked at.
    Ledger { differences: Vec<String> },
    /// It was not done.
    Failed { message: String },
}

/// Second factors as they are shown once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Factors {
    pub(crate) totp_uri: String,
    pub(crate) totp_secret: String,
    pub(crate) qr: String,
    pub(crate) recovery_codes: Vec<String>,
}

/// What an account is in an organisation.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) organisation: String,
    pub(crate) name: String,
    pub(crate) role: String,
}

/// An organisation in a list.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organisation {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Why it is frozen.
    pub(crate) frozen: Option<String>,
    pub(crate) members: u64,
    pub(crate) wallets: u64,
}

/// An account in a list.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) created: String,
    pub(crate) frozen: Option<String>,
    pub(crate) seeded: bool,
}

/// Does what the operator asks.
pub(crate) async fn answer(bursar: &Bursar, request: Request) -> Answer {
    let named = named(&request);
    let done = match request {
        Request::AddUser { username, full_name, password } => {
            let new = NewUser { username, full_name, password: Secret::new(password), seeded: false };
            people::add(bursar, new).await
        }
        Request::SetPassword { username, password } => {
            bursar.set_password(&username, &Secret::new(password)).await.map(|()| Answer::Done)
        }
        Request::ResetSecondFactors { username } => bursar.reset_second_factors(&username).await.map(enrolled),
        Request::Users => accounts(bursar).await.map(|users| Answer::Users { users }),
        Request::SetAddress { username, address } => {
            bursar.set_address(&username, &address).await.map(|()| Answer::Done)
        }
        Request::Invite { address, organisation, role, wallets } => {
            people::invite(bursar, address, organisation.as_deref(), &role, &wallets).await
        }
        Request::Roles { username } => people::roles(bursar, &username).await,
        Request::SetRole { username, organisation, role } => {
            people::set_role(bursar, &username, organisation.as_deref(), role.as_deref()).await
        }
        Request::AddOrganisation { name, owner } => bursar
            .create_organisation_for(&name, &owner)
            .await
            .map(|made| Answer::Organisation { id: made.id.to_string() }),
        Request::Organisations => {
            people::organisations(bursar).await.map(|organisations| Answer::Organisations { organisations })
        }
        Request::AddWallet { rail, coin, label, organisation, owner, key, reference } => {
            let key = key.map(Secret::new);
            let new = wallets::NewWalletTexts { rail, coin, label, organisation, owner, key, reference };
            wallets::add(bursar, new).await
        }
        Request::AllowWallet { rail, reference, coin, organisation } => {
            wallets::allow(bursar, &rail, &reference, &coin, organisation.as_deref()).await
        }
        Request::DisallowWallet { rail, reference } => wallets::disallow(bursar, &rail, &reference).await,
        Request::AllowedWallets => wallets::allowed(bursar).await,
        Request::Freeze { username, reason, seconds } => {
            let order = FreezeOrder { duration: seconds.map(Span::from_seconds), reason };
            bursar.freeze_named(&username, &order).await.map(|_| Answer::Done)
        }
        Request::Unfreeze { username } => bursar.unfreeze(&username).await.map(|()| Answer::Done),
        Request::UnfreezeWallet { wallet } => match wallet.parse() {
            Ok(id) => bursar.unfreeze_wallet(id).await.map(|()| Answer::Done),
            Err(_) => Err(ServiceError::NotFound("wallet")),
        },
        Request::RemoveWallet { wallet } => match wallet.parse() {
            Ok(id) => bursar.remove_wallet(id).await.map(|()| Answer::Done),
            Err(_) => Err(ServiceError::NotFound("wallet")),
        },
        Request::Decimals => Ok(Answer::Decimals { declared: Declared::of(bursar) }),
        Request::Limits { of } => limits::show(bursar, &of).await,
        Request::SetLimits { of, change } => limits::set(bursar, &of, change).await,
        Request::SealCredential { rail, name, credential } => match CredentialName::new(&rail, &name) {
            Ok(name) => bursar.seal_rail_credential(&name, &Secret::new(credential)).await.map(|()| Answer::Done),
            Err(error) => Err(error),
        },
        Request::CheckRails => {
            let rails = bursar.rail_names().into_iter().map(str::to_owned).collect();
            Ok(Answer::Rails { rails, unusable: bursar.unusable_rails().await })
        }
        Request::RailCredentials => bursar.rail_credentials().await.map(|names| Answer::Credentials {
            credentials: names.into_iter().map(|name| (name.rail, name.key)).collect(),
        }),
        Request::RemoveCredential { rail, name } => match CredentialName::new(&rail, &name) {
            Ok(name) => bursar.remove_rail_credential(&name).await.map(|()| Answer::Done),
            Err(error) => Err(error),
        },
        Request::CheckAuthz { authz } => match authz.rules() {
            Ok(rules) => rules.check(bursar).map(|mut problems| {
                problems.extend(rules.check_decimals(bursar.decimals()).err());
                Answer::Authz { problems }
            }),
            Err(problem) => Ok(Answer::Authz { problems: vec![problem] }),
        },
        Request::CheckLedger => bursar.compare_ledger(true).await.map(|found| {
            let unreadable = found.unreadable.iter().map(ToString::to_string);
            let differences = found.differences.iter().map(ToString::to_string);
            Answer::Ledger { differences: unreadable.chain(differences).collect() }
        }),
        Request::AcceptClock => {
            bursar.accept_clock();
            Ok(Answer::Done)
        }
        Request::Archived(form) => bursar.note_archive(Actor::Operator, form.into()).await.map(|()| Answer::Done),
    };
    done.unwrap_or_else(|error| Answer::Failed { message: told(&error, &named, &bursar.rail_names()) })
}

/// What a request names by kind, as the operator wrote it.
fn named(request: &Request) -> Vec<(&'static str, String)> {
    let organisation = |id: &Option<String>| id.clone().map(|id| ("organisation", id));
    match request {
        Request::SetPassword { username, .. }
        | Request::ResetSecondFactors { username }
        | Request::SetAddress { username, .. }
        | Request::Roles { username }
        | Request::Freeze { username, .. }
        | Request::Unfreeze { username }
        | Request::AddOrganisation { owner: username, .. } => vec![("user", username.clone())],
        Request::SetRole { username, organisation: place, .. } => {
            organisation(place).into_iter().chain([("user", username.clone())]).collect()
        }
        Request::AddWallet { rail, owner, organisation: place, .. } => {
            organisation(place).into_iter().chain([("user", owner.clone()), ("rail", rail.clone())]).collect()
        }
        Request::Invite { organisation: place, .. } => organisation(place).into_iter().collect(),
        Request::AllowWallet { rail, organisation: place, .. } => {
            organisation(place).into_iter().chain([("rail", rail.clone())]).collect()
        }
        Request::Limits { of } | Request::SetLimits { of, .. } => of.named().into_iter().collect(),
        Request::UnfreezeWallet { wallet } | Request::RemoveWallet { wallet } => vec![("wallet", wallet.clone())],
        Request::AddUser { .. }
        | Request::Users
        | Request::Organisations
        | Request::Decimals
        | Request::DisallowWallet { .. }
        | Request::AllowedWallets
        | Request::SealCredential { .. }
        | Request::CheckRails
        | Request::RailCredentials
        | Request::RemoveCredential { .. }
        | Request::CheckAuthz { .. }
        | Request::CheckLedger
        | Request::AcceptClock
        | Request::Archived(_) => Vec::new(),
    }
}

/// A failure in words: of what is not there, with its name; of rails, of which there are few, with those there are.
fn told(error: &ServiceError, named: &[(&str, String)], rails: &[&str]) -> String {
    let missing = match error {
        ServiceError::NotFound(what) => named.iter().find(|(kind, _)| kind == what),
        _ => None,
    };
    let there_are = |kind: &str| match (kind, rails) {
        ("rail", []) => "; there are none".to_owned(),
        ("rail", rails) => {
            format!("; there are {}", rails.iter().map(|rail| format!("`{rail}`")).collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    };
    missing.map_or_else(|| error.to_string(), |(kind, name)| format!("there is no {kind} `{name}`{}", there_are(kind)))
}

fn enrolled(factors: Enrolment) -> Answer {
    Answer::Enrolled { factors: factors.into() }
}

impl From<Enrolment> for Factors {
    fn from(factors: Enrolment) -> Self {
        Self {
            totp_uri: factors.uri.expose().clone(),
            totp_secret: factors.secret.expose().clone(),
            qr: factors.qr.expose().clone(),
            recovery_codes: factors.recovery_codes,
        }
    }
}

/// All accounts, by age.
///
/// # Errors
/// The store does not answer.
pub(crate) async fn accounts(bursar: &Bursar) -> Result<Vec<Account>, ServiceError> {
    let now = bursar.now();
    let mut accounts = Vec::new();
    let mut after = None;
    loop {
        let users = bursar.users(Page { limit: PAGE, after, newest_first: false }).await?;
        let Some(last) = users.last() else { return Ok(accounts) };
        after = Some(last.id);
        accounts.extend(users.into_iter().map(|user| Account {
            id: user.id.to_string(),
            frozen: user.freeze.filter(|freeze| freeze.holds_at(now)).map(|freeze| freeze.reason),
            username: user.username,
            full_name: user.full_name,
            email_verified: user.email.as_ref().is_some_and(|email| email.is_verified),
            email: user.email.map(|email| email.address),
            created: user.created.to_string(),
            seeded: user.seeded,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_its_name() {
        let request = Request::SetRole {
            username: "alcie@example.com".to_owned(),
            organisation: Some("0a".to_owned()),
            role: None,
        };
        let said = |what| told(&ServiceError::NotFound(what), &named(&request), &[]);
        assert_eq!(said("user"), "there is no user `alcie@example.com`");
        assert_eq!(said("organisation"), "there is no organisation `0a`");
        assert_eq!(said("member"), "there is no such member");
        assert_eq!(told(&ServiceError::Busy, &named(&request), &[]), ServiceError::Busy.to_string());
    }

    #[test]
    fn a_rail_that_is_not_there_is_told_with_those_that_are() {
        let (rail, reference, coin) = ("chian".to_owned(), "till".to_owned(), "tbtc".to_owned());
        let request = Request::AllowWallet { rail, reference, coin, organisation: None };
        let said = |rails: &[&str]| told(&ServiceError::NotFound("rail"), &named(&request), rails);
        assert_eq!(said(&["chain", "shop"]), "there is no rail `chian`; there are `chain`, `shop`");
        assert_eq!(said(&[]), "there is no rail `chian`; there are none");
    }
}
