//! The rails of this server and whether they answer, for those who run an organisation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::account::MemberRole;
use bursar_core::id::WalletId;
use bursar_core::time::Timestamp;
use bursar_store::Page;
use tokio::task::JoinSet;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::rail::{Memory, NewNote, Rail, RailError};

/// How long a rail may take to answer before it counts as one that does not.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most of the caller's wallets that are looked at.
const MOST_WALLETS: usize = 1000;

/// A rail as those who run an organisation see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RailView {
    /// Its name in the configuration.
    pub name: String,
    /// What kind of rail it is.
    pub kind: &'static str,
    /// Whether it moves play money.
    pub is_sandbox: bool,
    /// How many of the caller's wallets are on it.
    pub wallets: usize,
    /// What those who rely on it should know.
    pub caveat: Option<&'static str>,
    /// What it answered.
    pub health: Health,
}

/// What a rail answered when it was asked for the balance of a wallet of the caller's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// The balance.
    Answers,
    /// The balance, but it is not as far as it was, or on another chain: it takes no spends until it is.
    Behind,
    /// That it knows no such wallet, or cannot read its name.
    WalletUnknown,
    /// That it does not take the credential that this server shows it.
    CredentialRefused,
    /// Nothing, or not in time; an API that tells no balance is not there.
    Silent,
    /// It was not asked: the caller has no wallet on it, or it is an API that tells no balance.
    NotAsked,
}

impl Health {
    /// As interfaces write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Behind => "behind",
            Self::WalletUnknown => "wallet_unknown",
            Self::CredentialRefused => "credential_refused",
            Self::Silent => "silent",
            Self::NotAsked => "not_asked",
        }
    }
}

/// Whether a rail answers, as it was found when it was asked last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answering {
    /// Whether it did.
    pub answers: bool,
    /// When it last did; never since the start, if there is none.
    pub last: Option<Timestamp>,
}

/// A rail that takes the name of one of another kind, while spends of that are not settled: it would be asked what became of
/// what it never had, and would say that nothing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherKind {
    /// Its name in the configuration.
    pub name: String,
    /// What kind of rail had it.
    pub was: String,
    /// What kind of rail has it.
    pub is: &'static str,
    /// How many spends are not settled.
    pub unsettled: u64,
}

/// The note of what kind a rail is.
const KIND: &str = "kind";

/// What was found of each rail that was asked.
#[derive(Default)]
pub(crate) struct Found(Mutex<BTreeMap<String, Answering>>);

impl Found {
    /// What was found; the log has it when it changes.
    fn note(&self, name: &str, problem: Option<&String>, now: Timestamp) {
        let mut found = self.lock();
        let before = found.get(name).copied();
        match problem {
            Some(problem) if before.is_none_or(|before| before.answers) => {
                tracing::warn!(rail = name, problem, "a rail cannot be used");
            }
            None if before.is_some_and(|before| !before.answers) => {
                tracing::info!(rail = name, "a rail can be used again");
            }
            _ => {}
        }
        let last = if problem.is_none() { Some(now) } else { before.and_then(|before| before.last) };
        found.insert(name.to_owned(), Answering { answers: problem.is_none(), last });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Answering>> {
        // A map is sound at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bursar {
    /// Keeps of which kind each rail is, and tells which are of another kind than what their name stood for.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rails_of_other_kinds(&self) -> Result<Vec<OtherKind>, ServiceError> {
        let (mut changed, mut others) = (Vec::new(), Vec::new());
        for (name, rail) in &self.rails {
            let note = self.memory(name).read(KIND)?;
            if note.as_ref().is_none_or(|note| note.body != rail.kind().as_bytes()) {
                changed.push((name, rail.kind(), note));
            }
        }
        if changed.is_empty() {
            return Ok(others);
        }
        let unsettled = self.unsettled_on_rails().await?;
        for (name, is, note) in changed {
            match (note, unsettled.get(name)) {
                (Some(note), Some(unsettled)) => {
                    let was = String::from_utf8_lossy(&note.body).into_owned();
                    others.push(OtherKind { name: name.clone(), was, is, unsettled: *unsettled });
                }
                (note, _) => {
                    let version = note.map_or(0, |note| note.version);
                    let note = NewNote { name: KIND.to_owned(), version, body: Some(is.into()) };
                    self.memory(name).write(vec![note]).await?;
                }
            }
        }
        Ok(others)
    }

    /// How many spends are not settled, by the names of their rails.
    async fn unsettled_on_rails(&self) -> Result<BTreeMap<String, u64>, ServiceError> {
        let mut counted = BTreeMap::new();
        let mut after = None;
        loop {
            let holds = self.next_unsettled(&mut after).await?;
            if holds.is_empty() {
                return Ok(counted);
            }
            for hold in &holds {
                if let Some(name) = self.rail_name_of(hold)? {
                    let count: &mut u64 = counted.entry(name).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Asks every rail whether it can be used, for those who watch the server.
    pub async fn ask_rails(&self) {
        let unusable = self.unusable_rails().await;
        let now = self.clock.now();
        for name in self.rails.keys() {
            self.found.note(name, unusable.get(name), now);
        }
    }

    /// Which rails answered when they were asked last.
    pub fn rails_answering(&self) -> BTreeMap<String, Answering> {
        self.found.lock().clone()
    }

    /// Which rails cannot be used now, and why, for the operator.
    pub async fn unusable_rails(&self) -> BTreeMap<String, String> {
        let mut asked = JoinSet::new();
        for (name, rail) in &self.rails {
            let (name, rail) = (name.clone(), Arc::clone(rail));
            asked.spawn(async move {
                let problem = match tokio::time::timeout(PATIENCE, rail.check()).await {
                    Ok(checked) => checked.err().map(|error| match ServiceError::from(error) {
                        ServiceError::RailUnavailable(problem) => problem,
                        other => other.to_string(),
                    }),
                    Err(_) => Some(format!("does not answer within {} s", PATIENCE.as_secs())),
                };
                (name, problem)
            });
        }
        // A rail whose question ends in a panic cannot be used either.
        let untold = "ended with a fault of this server's; its log has more";
        let mut unusable: BTreeMap<_, _> = self.rails.keys().map(|name| (name.clone(), untold.to_owned())).collect();
        while let Some(answered) = asked.join_next().await {
            match answered {
                Ok((name, Some(problem))) => drop(unusable.insert(name, problem)),
                Ok((name, None)) => drop(unusable.remove(&name)),
                Err(_) => {}
            }
        }
        unusable
    }

    /// The names of all rails, for the operator.
    #[must_use]
    pub fn rail_names(&self) -> Vec<&str> {
        self.rails.keys().map(String::as_str).collect()
    }

    /// The rails of this server, each asked for the balance of one of the caller's wallets.
    ///
    /// # Errors
    /// The caller runs no organisation.
    pub async fn rails(&self, principal: &Principal) -> Result<Vec<RailView>, ServiceError> {
        if !self.organisations(principal).await?.iter().any(|(_, role)| role.administers()) {
            return Err(ServiceError::RoleNeeded { role: MemberRole::Admin });
        }
        let (user, page) =
            (principal.user(), Page { limit: MOST_WALLETS, after: None::<WalletId>, newest_first: false });
        let wallets = self.reads.run(move |reader| reader.wallets(user, None, page)).await?;
        let mut views = BTreeMap::new();
        let mut asked = JoinSet::new();
        for (name, rail) in &self.rails {
            let on_it = || wallets.iter().filter(|found| found.wallet.rail == *name);
            if let Some(first) = on_it().next() {
                let (name, rail, reference) = (name.clone(), Arc::clone(rail), first.wallet.reference.clone());
                let memory = self.memory(&name);
                asked.spawn(async move { (name, ask(rail.as_ref(), &reference, &memory).await) });
            }
            let view = RailView {
                name: name.clone(),
                kind: rail.kind(),
                is_sandbox: rail.is_sandbox(),
                wallets: on_it().count(),
                caveat: rail.caveat(),
                health: Health::NotAsked,
            };
            views.insert(name.clone(), view);
        }
        while let Some(answered) = asked.join_next().await {
            // A rail whose question ended in a panic did not answer; the others did.
            if let Ok((name, health)) = answered
                && let Some(view) = views.get_mut(&name)
            {
                view.health = health;
            }
        }
        Ok(views.into_values().collect())
    }
}

async fn ask(rail: &dyn Rail, reference: &str, memory: &dyn Memory) -> Health {
    // An API tells no balance; what it said last of the credential is known all the same.
    let unknown = |health| if rail.refuses_credential() { Health::CredentialRefused } else { health };
    if rail.exchanges().is_some() {
        return match tokio::time::timeout(PATIENCE, rail.check()).await {
            Ok(Ok(())) => unknown(Health::NotAsked),
            Ok(Err(_)) | Err(_) => unknown(Health::Silent),
        };
    }
    match tokio::time::timeout(PATIENCE, rail.balance(reference)).await {
        Ok(Ok(_)) => match tokio::time::timeout(PATIENCE, rail.keeps_up(reference, memory)).await {
            Ok(Ok(())) => Health::Answers,
            Ok(Err(_)) => Health::Behind,
            Err(_) => unknown(Health::Silent),
        },
        Ok(Err(RailError::UnknownWallet | RailError::Invalid { .. })) => Health::WalletUnknown,
        // What it said instead may name hosts and accounts, which are the operator's to know.
        Ok(Err(RailError::Refused(_) | RailError::Unavailable(_))) | Err(_) => unknown(Health::Silent),
    }
}
