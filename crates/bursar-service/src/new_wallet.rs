//! Registering wallets: with a key that is made or taken in here, or by reference, where the rail's node has the wallet.
//!
//! Whoever may name a wallet of the node can spend what is in it. The operator names any; whoever runs an organisation
//! those that the operator allowed it ([`crate::allowed_wallets`]).

use bursar_core::account::{MemberRole, Wallet, WalletRole};
use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::id::{OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Document, DocumentKey, Key, Record, Trace, Write};
use bursar_core::secret::Secret;
use bursar_wire::requests::CreateWallet;

use crate::Bursar;
use crate::accounts::check_name;
use crate::allowed_wallets;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::memory::note_key;
use crate::people::DEFAULT_ORGANISATION;
use crate::rail::{Rail, RailError};
use crate::step_up::Action;
use crate::stored::Rests;
use crate::wallets::WalletView;

/// A wallet to register.
#[derive(Debug)]
pub struct NewWallet {
    /// Its rail.
    pub rail: String,
    /// Its coin: the chain's own; tokens on the chain are spent from the same wallet.
    pub coin: Coin,
    /// What people call it.
    pub label: String,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Who gets every role in it, by username.
    pub owner: String,
    /// Its private key; a new one, if absent.
    pub key: Option<Secret<Vec<u8>>>,
    /// What its rail calls it, where wallets and their keys are the node's.
    pub reference: Option<String>,
}

/// How many wallets are looked at whose references are near one another.
const NEAR_WALLETS: usize = 200;

impl Bursar {
    /// Registers a wallet on a rail, as the operator of the machine, and gives its owner every role in it. Its key is kept
    /// by the rail, the one that is given or a new one; or by the node, which calls the wallet by `reference`.
    ///
    /// # Errors
    /// There is no such rail, owner or organisation, the rail keeps no keys or does not have this coin, the owner does not
    /// belong to the organisation, or there is a wallet of this key or reference already.
    pub async fn add_wallet(&self, new: NewWallet) -> Result<Wallet, ServiceError> {
        let NewWallet { rail: name, coin, label, organisation, owner, key, reference } = new;
        check_name("label", &label)?;
        let rail = self.rails.get(&name).ok_or(ServiceError::NotFound("rail"))?.as_ref();
        let owner = self.user_named(&owner).await?.id;
        self.may_own(organisation, owner)?;
        check_coin(rail, &coin)?;
        let is_of_node = reference.is_some();
        let reference = match (&reference, key) {
            (Some(_), Some(_)) => {
                return Err(ServiceError::invalid("reference", "is given beside a key; one names the wallet"));
            }
            (Some(reference), None) => of_node(rail, rail.wallet_name(reference)?).await?,
            (None, key) => {
                let key = key.unwrap_or_else(|| Secret::new(self.random.bytes::<32>().to_vec()));
                rail.keep_key(key, &self.memory(&name)).await?
            }
        };
        let keeper = if is_of_node { Keeper::Node } else { Keeper::Bursar };
        let registered = || registered(if is_of_node { "reference" } else { "key" });
        if self.wallet_called(&name, &reference).await?.is_some() {
            return Err(registered());
        }
        let wallet = self.new_wallet(coin, label, organisation, name, reference);
        self.decide(Actor::Operator, || {
            if self.taken(&wallet.rail, &wallet.reference)?.is_some() {
                return Err(registered());
            }
            let read = self.may_own(organisation, owner)?;
            Ok((self.registration(&wallet, owner, keeper, read), wallet.clone()))
        })
        .await
    }

    /// Makes a wallet on a rail, for an organisation that the caller runs: with a new key; or by reference, of a wallet that
    /// the rail's node has and that the operator allowed the organisation. The caller has every role in it.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, there is no such rail, it keeps no keys, or the reference
    /// is not the organisation's to register: the node has no such wallet, it is not allowed, or another organisation has
    /// it. Which of these is not told.
    pub async fn make_wallet(&self, principal: &Principal, wanted: &CreateWallet) -> Result<WalletView, ServiceError> {
        let CreateWallet { organisation, rail: name, label, reference, otp } = wanted;
        self.may_make_wallets(principal, *organisation)?;
        check_name("label", label)?;
        let stepping_up = self.step_up(principal, Action::Administer(*organisation), otp.as_deref());
        let (coin, reference, keeper) = if let Some(reference) = reference {
            let rail = self.rails.get(name).ok_or_else(|| ServiceError::invalid("rail", "is none of this server"))?;
            let reference = rail.wallet_name(reference)?;
            let (coin, _) = self.may_register(*organisation, name, &reference)?;
            // What was allowed before the rail's rules were changed may be of a coin that it has no more.
            check_coin(rail.as_ref(), &coin)?;
            if let Some(wallet) = self.wallet_called(name, &reference).await? {
                return Err(taken_by(*organisation, &wallet));
            }
            stepping_up.await?;
            (coin, of_node(rail.as_ref(), reference).await?, Keeper::Node)
        } else {
            let makes = self.rails.get(name).and_then(|found| Some((found, found.coin()?)));
            let (rail, coin) = makes.ok_or_else(|| ServiceError::invalid("rail", "is none that makes wallets"))?;
            stepping_up.await?;
            let key = Secret::new(self.random.bytes::<32>().to_vec());
            (coin, rail.keep_key(key, &self.memory(name)).await?, Keeper::Bursar)
        };
        let wallet = self.new_wallet(coin, label.clone(), *organisation, name.clone(), reference);
        let made = self
            .decide(principal.actor(), || {
                let mut read = self.may_make_wallets(principal, *organisation)?;
                if keeper == Keeper::Node {
                    let (coin, rests) = self.may_register(*organisation, name, &wallet.reference)?;
                    if coin != wallet.coin {
                        return Err(not_allowed());
                    }
                    read.extend(rests);
                }
                Ok((self.registration(&wallet, principal.user(), keeper, read), wallet.clone()))
            })
            .await?;
        Ok(self.view(made, WalletRole::ALL, &mut Vec::new()).await)
    }

    /// The names of the rails that make wallets, for whoever runs an organisation.
    ///
    /// # Errors
    /// The caller runs none.
    pub fn rails_with_wallets(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<Vec<String>, ServiceError> {
        self.may_make_wallets(principal, organisation)?;
        let makes = self.rails.iter().filter(|(_, rail)| rail.coin().is_some());
        Ok(makes.map(|(name, _)| name.clone()).collect())
    }

    /// Registers a wallet of the default organisation and gives a user every role in it.
    ///
    /// # Errors
    /// There is a wallet of this id already, or the ledger does not answer.
    pub async fn register_wallet(
        &self,
        id: WalletId,
        coin: Coin,
        label: String,
        rail: &str,
        owner: UserId,
    ) -> Result<Wallet, ServiceError> {
        let made = self.new_wallet(coin, label, DEFAULT_ORGANISATION, rail.to_owned(), id.to_string());
        let wallet = Wallet { id, ..made };
        self.must_write(Actor::Operator, self.registration(&wallet, owner, Keeper::Bursar, Vec::new())).await?;
        Ok(wallet)
    }

    /// Whether what its rail calls a wallet is the address that it is paid at.
    pub fn is_named_by_address(&self, wallet: &Wallet) -> bool {
        self.rails.get(&wallet.rail).is_some_and(|rail| rail.names_wallets_by_address())
    }

    /// Whether this server keeps the key of a wallet.
    pub(crate) fn keeps_key_of(&self, wallet: &Wallet) -> Result<bool, ServiceError> {
        let key = Keeper::Bursar.mark(&wallet.rail, &wallet.reference);
        Ok(self.reads.look_up(|reader| reader.document(&key))?.is_some())
    }

    /// The notes that say which wallet here has this reference, whoever keeps its key.
    pub(crate) fn marks_of(wallet: &Wallet) -> [DocumentKey; 2] {
        Keeper::ALL.map(|keeper| keeper.mark(&wallet.rail, &wallet.reference))
    }

    /// The wallet here that its rail calls so, or another rail that has the same wallets, whoever keeps its key.
    pub(crate) fn taken(&self, rail: &str, reference: &str) -> Result<Option<WalletId>, ServiceError> {
        for key in
            self.rails_with_wallets_of(rail).flat_map(|name| Keeper::ALL.map(|keeper| keeper.mark(name, reference)))
        {
            let Some(mark) = self.reads.look_up(|reader| reader.document(&key))? else { continue };
            let id = <[u8; 16]>::try_from(mark.value.body).map(WalletId::from_bytes);
            let unreadable = |_| ServiceError::Unavailable("the mark of a wallet cannot be read".to_owned());
            return id.map(Some).map_err(unreadable);
        }
        Ok(None)
    }

    /// The wallet that a rail calls so, whoever keeps its key: the limits of two would count half of its spends each. Another
    /// rail of the same chain, where wallets are addresses, has the same wallets.
    pub(crate) async fn wallet_called(&self, rail: &str, reference: &str) -> Result<Option<Wallet>, ServiceError> {
        for name in self.rails_with_wallets_of(rail) {
            if let Some(wallet) = self.wallet_on(name, reference).await? {
                return Ok(Some(wallet));
            }
        }
        Ok(None)
    }

    /// A rail, and those that have the same wallets: of one chain, where wallets are addresses.
    fn rails_with_wallets_of<'a>(&'a self, rail: &'a str) -> impl Iterator<Item = &'a str> {
        let chain = |name: &str| self.rails.get(name).filter(|rail| rail.names_wallets_by_address())?.coin();
        let own = chain(rail);
        let of_chain = self.rails.keys().filter(move |name| *name != rail && own.is_some() && chain(name) == own);
        std::iter::once(rail).chain(of_chain.map(String::as_str))
    }

    async fn wallet_on(&self, rail: &str, reference: &str) -> Result<Option<Wallet>, ServiceError> {
        let (rail, wanted) = (rail.to_owned(), reference.to_owned());
        let mut shorter = reference.to_owned();
        // Wallets come by their reference, and this is before the one that is looked for.
        shorter.pop();
        let near = self.reads.run(move |reader| reader.wallets_on(&rail, &shorter, NEAR_WALLETS)).await?;
        Ok(near.into_iter().map(|found| found.value).find(|wallet| wallet.reference == wanted))
    }

    /// The coin of a wallet of the node that an organisation may register, and what that rests on. Both records are looked
    /// up whatever the first says, so that all refusals take the same time.
    fn may_register(
        &self,
        organisation: OrganisationId,
        rail: &str,
        reference: &str,
    ) -> Result<(Coin, Rests), ServiceError> {
        let allowed = self.allowed_wallet(rail, reference)?;
        let taken = self.taken(rail, reference)?;
        let allowed = allowed.filter(|found| found.value.organisation == organisation).ok_or_else(not_allowed)?;
        if let Some(taken) = taken {
            return Err(taken_by(organisation, &self.stored_wallet(taken)?.value));
        }
        Ok((allowed.value.coin, vec![(Key::Document(allowed_wallets::key(rail, reference)), allowed.version)]))
    }

    /// Whether the caller runs an organisation: the version of what says so.
    pub(crate) fn may_make_wallets(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<Rests, ServiceError> {
        let (version, role) = self.own_place(principal, organisation)?;
        match role.administers() {
            true => Ok(vec![(Key::Membership((organisation, principal.user())), version)]),
            false => Err(ServiceError::RoleNeeded { role: MemberRole::Admin }),
        }
    }

    /// Whether somebody may be given a wallet of an organisation: the versions of what says so.
    fn may_own(&self, organisation: OrganisationId, owner: UserId) -> Result<Rests, ServiceError> {
        let found = self.stored_organisation(organisation)?;
        let place = self.place(organisation, owner)?;
        if place.value.is_none() {
            return Err(ServiceError::invalid("owner", "does not belong to the organisation; take them in first"));
        }
        let (organisation, place_of) = (Key::Organisation(organisation), Key::Membership((organisation, owner)));
        Ok(vec![(organisation, found.version), (place_of, place.version)])
    }

    /// What is written of a new wallet, whose owner gets every role in it.
    fn registration(&self, wallet: &Wallet, owner: UserId, keeper: Keeper, mut read: Rests) -> Write {
        let mark = Document { title: None, body: wallet.id.as_bytes().to_vec() };
        let put = vec![
            Record::Wallet(wallet.id, wallet.clone()),
            Record::Role((wallet.id, owner), WalletRole::ALL),
            Record::Document(keeper.mark(&wallet.rail, &wallet.reference), mark),
        ];
        read.push((Key::Wallet(wallet.id), 0));
        // INVARIANT: one wallet of a rail is one wallet here, so that its limits count all its spends.
        for name in self.rails_with_wallets_of(&wallet.rail) {
            read.extend(Keeper::ALL.map(|keeper| (Key::Document(keeper.mark(name, &wallet.reference)), 0)));
        }
        let data = vec![
            ("coin", wallet.coin.to_string()),
            ("rail", wallet.rail.clone()),
            ("reference", wallet.reference.clone()),
            ("organisation", wallet.organisation.to_string()),
        ];
        Write { read, put, trace: Some(Trace::of("wallet.register", "wallet", wallet.id, data)), ..Write::default() }
    }

    fn new_wallet(
        &self,
        coin: Coin,
        label: String,
        organisation: OrganisationId,
        rail: String,
        reference: String,
    ) -> Wallet {
        let created = self.clock.now();
        let id = WalletId::time_ordered(created, self.random.bytes());
        Wallet { id, coin, label, organisation, rail, reference, freeze: None, created }
    }
}

/// Who keeps the key of a wallet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keeper {
    /// The rail's node, or whoever is behind the rail.
    Node,
    /// This server.
    Bursar,
}

impl Keeper {
    const ALL: [Self; 2] = [Self::Node, Self::Bursar];

    /// The note that says which wallet here has this reference. Rails look whether that of the node's is there.
    fn mark(self, rail: &str, reference: &str) -> DocumentKey {
        let kept = match self {
            Self::Node => "wallet",
            Self::Bursar => "kept-wallet",
        };
        note_key(rail, &format!("{kept}/{reference}"))
    }
}

/// The reference of a wallet that the rail's node has, and can spend from.
pub(crate) async fn of_node(rail: &dyn Rail, reference: String) -> Result<String, ServiceError> {
    match rail.check_wallet(&reference).await {
        Err(RailError::UnknownWallet) => Err(ServiceError::invalid("reference", "names no wallet that the rail has")),
        checked => Ok(checked.map(|()| reference)?),
    }
}

/// Checks that a wallet of this rail can be of this coin. A rail that knows its coins has no others.
pub(crate) fn check_coin(rail: &dyn Rail, coin: &Coin) -> Result<(), ServiceError> {
    let chain = rail.fee_coin(coin);
    let coins = rail.coins();
    if chain != *coin {
        return Err(ServiceError::invalid("coin", format!("is not the chain's own, `{chain}`")));
    }
    if coins.is_empty() || coins.contains(coin) {
        return Ok(());
    }
    let mut names: Vec<String> = coins.iter().map(|coin| format!("`{coin}`")).collect();
    names.sort_unstable();
    names.dedup();
    let problem = format!("is `{coin}`, which this rail does not have; it has {}", names.join(", "));
    Err(ServiceError::invalid("coin", problem))
}

pub(crate) fn registered(field: &'static str) -> ServiceError {
    ServiceError::invalid(field, "is that of a wallet which is registered already")
}

/// Why an organisation does not get a wallet that is registered: others' are not told from those that there are not.
fn taken_by(organisation: OrganisationId, wallet: &Wallet) -> ServiceError {
    if wallet.organisation == organisation {
        return ServiceError::Conflict(format!("the organisation has this wallet already, as {}", wallet.id));
    }
    not_allowed()
}

fn not_allowed() -> ServiceError {
    let problem =
        "is none that the organisation may register; the operator of the server allows one with `bursar wallet allow`";
    ServiceError::invalid("reference", problem)
}
