//! Wallets of rails' nodes that the operator allowed an organisation to register.
//!
//! A wallet is allowed one organisation at a time. Nothing is registered by it, and taking it back leaves what is.

use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::id::{OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Document, DocumentKey, DocumentKind, Key, Record, Trace, Versioned, Write};
use bursar_store::Page;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::new_wallet::{check_coin, of_node, registered};

/// The most wallets that are allowed at a time, of all organisations.
const MOST_ALLOWED: usize = 1000;

const NOBODY: UserId = UserId::from_bytes([0; 16]);

/// A wallet of a rail's node that an organisation may register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedWallet {
    /// Its rail.
    pub rail: String,
    /// What the rail calls it, in its one spelling.
    pub reference: String,
    /// Its coin.
    pub coin: Coin,
    /// Who may register it.
    pub organisation: OrganisationId,
    /// The wallet that it was registered as.
    pub wallet: Option<WalletId>,
}

impl AllowedWallet {
    fn body(&self) -> Vec<u8> {
        format!("{} {}", self.organisation, self.coin).into_bytes()
    }

    fn read(key: &DocumentKey, body: &[u8]) -> Option<Self> {
        let (rail, reference) = key.name.split_once('/')?;
        let (organisation, coin) = std::str::from_utf8(body).ok()?.split_once(' ')?;
        let (organisation, coin) = (organisation.parse().ok()?, Coin::parse(coin).ok()?);
        Some(Self { rail: rail.to_owned(), reference: reference.to_owned(), coin, organisation, wallet: None })
    }

    fn trace(&self, action: &'static str) -> Option<Trace> {
        let data =
            vec![("rail", self.rail.clone()), ("reference", self.reference.clone()), ("coin", self.coin.to_string())];
        Some(Trace::of(action, "organisation", self.organisation, data))
    }
}

/// Where it is kept that a wallet is allowed.
pub(crate) fn key(rail: &str, reference: &str) -> DocumentKey {
    DocumentKey { user: NOBODY, kind: DocumentKind::AllowedWallet, name: format!("{rail}/{reference}") }
}

fn unreadable() -> ServiceError {
    ServiceError::Unavailable("what wallet is allowed to whom cannot be read".to_owned())
}

impl Bursar {
    /// Allows an organisation to register a wallet that a rail's node has, as the operator of the machine. That it is allowed
    /// already changes nothing.
    ///
    /// # Errors
    /// There is no such rail or organisation, the node has no such wallet or cannot spend from it, the coin is not that of
    /// the chain, the wallet is registered, or allowed to another organisation or with another coin.
    pub async fn allow_wallet(
        &self,
        rail: &str,
        reference: &str,
        coin: Coin,
        organisation: OrganisationId,
    ) -> Result<AllowedWallet, ServiceError> {
        let found = self.rails.get(rail).ok_or(ServiceError::NotFound("rail"))?.as_ref();
        self.stored_organisation(organisation)?;
        check_coin(found, &coin)?;
        let reference = of_node(found, found.wallet_name(reference)?).await?;
        if self.wallet_called(rail, &reference).await?.is_some() {
            return Err(registered("reference"));
        }
        if self.allowed_wallets().await?.len() >= MOST_ALLOWED {
            let problem = format!("{MOST_ALLOWED} wallets are allowed already; take some back with `wallet disallow`");
            return Err(ServiceError::Conflict(problem));
        }
        let wanted = AllowedWallet { rail: rail.to_owned(), reference, coin, organisation, wallet: None };
        self.decide(Actor::Operator, || {
            if self.taken(&wanted.rail, &wanted.reference)?.is_some() {
                return Err(registered("reference"));
            }
            match self.allowed_wallet(&wanted.rail, &wanted.reference)? {
                None => {}
                Some(same) if same.value == wanted => return Ok((Write::default(), wanted.clone())),
                Some(Versioned { value: AllowedWallet { organisation, coin, .. }, .. }) => {
                    let problem =
                        format!("is allowed organisation {organisation}, as one of {coin}; take that back first");
                    return Err(ServiceError::invalid("reference", problem));
                }
            }
            let key = key(&wanted.rail, &wanted.reference);
            let found = self.stored_organisation(organisation)?.version;
            let write = Write {
                read: vec![(Key::Document(key.clone()), 0), (Key::Organisation(organisation), found)],
                put: vec![Record::Document(key, Document { title: None, body: wanted.body() })],
                trace: wanted.trace("wallet.allow"),
                ..Write::default()
            };
            Ok((write, wanted.clone()))
        })
        .await
    }

    /// Takes back that a wallet may be registered, as the operator of the machine. One that was registered by it stays.
    ///
    /// # Errors
    /// It is not allowed.
    pub async fn disallow_wallet(&self, rail: &str, reference: &str) -> Result<AllowedWallet, ServiceError> {
        // A rail that is not configured any more spells nothing.
        let spelled = self.rails.get(rail).and_then(|found| found.wallet_name(reference).ok());
        let reference = spelled.unwrap_or_else(|| reference.to_owned());
        self.decide(Actor::Operator, || {
            let Versioned { version, mut value } =
                self.allowed_wallet(rail, &reference)?.ok_or(ServiceError::NotFound("allowed wallet"))?;
            value.wallet = self.taken(rail, &reference)?;
            let key = Key::Document(key(rail, &reference));
            let trace = value.trace("wallet.disallow");
            let write = Write { read: vec![(key.clone(), version)], delete: vec![key], trace, ..Write::default() };
            Ok((write, value))
        })
        .await
    }

    /// All wallets that are allowed, and what they were registered as.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn allowed_wallets(&self) -> Result<Vec<AllowedWallet>, ServiceError> {
        let page = Page { limit: MOST_ALLOWED, after: None::<String>, newest_first: false };
        let found = self.reads.run(move |reader| reader.documents(NOBODY, DocumentKind::AllowedWallet, &page)).await?;
        let read = |(key, document): &(DocumentKey, Versioned<Document>)| {
            let allowed = AllowedWallet::read(key, &document.value.body).ok_or_else(unreadable)?;
            let wallet = self.taken(&allowed.rail, &allowed.reference)?;
            Ok(AllowedWallet { wallet, ..allowed })
        };
        found.iter().map(read).collect()
    }

    /// The wallets that an organisation may register and has not, for whoever runs it.
    ///
    /// # Errors
    /// The caller does not run it.
    pub async fn wallets_to_register(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<Vec<AllowedWallet>, ServiceError> {
        self.may_make_wallets(principal, organisation)?;
        let mut allowed = self.allowed_wallets().await?;
        let is_open = |one: &AllowedWallet| one.wallet.is_none() && self.rails.contains_key(&one.rail);
        allowed.retain(|one| one.organisation == organisation && is_open(one));
        Ok(allowed)
    }

    pub(crate) fn allowed_wallet(
        &self,
        rail: &str,
        reference: &str,
    ) -> Result<Option<Versioned<AllowedWallet>>, ServiceError> {
        let key = key(rail, reference);
        let Some(found) = self.reads.look_up(|reader| reader.document(&key))? else { return Ok(None) };
        let value = AllowedWallet::read(&key, &found.value.body).ok_or_else(unreadable)?;
        Ok(Some(Versioned { version: found.version, value }))
    }
}
