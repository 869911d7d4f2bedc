//! Reading wallets, their addresses, balances and transfers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::account::{Wallet, WalletRole};
use bursar_core::amount::Amount;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, SpendKey};
use bursar_core::id::{HoldId, WalletId};
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_store::{Page, WalletOfUser};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::outflows::SeenOutflow;
use crate::rail::{Balance, Rail, Spoken};

/// How long a rail may take to say what a wallet holds.
const RAIL_WITHIN: Duration = Duration::from_secs(3);

/// A wallet with what its rail says of it.
#[derive(Clone, Debug)]
pub struct WalletView {
    /// The wallet.
    pub wallet: Wallet,
    /// What the caller's user may do with it.
    pub role: WalletRole,
    /// What it holds; nothing while its rail does not say.
    pub balance: Option<Balance>,
    /// Where it can be paid, the newest address.
    pub address: Option<String>,
    /// Whether it holds play money.
    pub is_sandbox: bool,
    /// What kind its rail is of, such as `evm`.
    pub kind: &'static str,
    /// How clients speak to its rail.
    pub spoken: Spoken,
    /// Money that left it lately and that no spend explains, the last time.
    pub outflow: Option<SeenOutflow>,
}

impl Bursar {
    /// The wallets the caller may read, of one coin or all. Those it may not are left out, not refused.
    ///
    /// # Errors
    /// The store or a rail does not answer.
    pub async fn wallets(
        &self,
        principal: &Principal,
        coin: Option<Coin>,
        page: Page<WalletId>,
    ) -> Result<(Vec<WalletView>, Option<WalletId>), ServiceError> {
        let user = principal.user();
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut found = self.reads.run(move |reader| reader.wallets(user, coin.as_ref(), one_more)).await?;
        let next = (found.len() > page.limit).then(|| {
            found.truncate(page.limit);
            found.last().map(|last| last.wallet.id)
        });
        let (mut views, mut silent) = (Vec::with_capacity(found.len()), Vec::new());
        for WalletOfUser { wallet, role, .. } in self.readable_of(principal, found)? {
            views.push(self.view(wallet, role.unwrap_or_default(), &mut silent).await);
        }
        Ok((views, next.flatten()))
    }

    /// All wallets of a coin that the caller may read, as far as a user's wallets are looked through.
    ///
    /// # Errors
    /// The store does not answer, or the caller may read none of them.
    pub async fn all_wallets(&self, principal: &Principal, coin: &Coin) -> Result<Vec<Wallet>, ServiceError> {
        let all = self.wallets_of(principal.user()).await?;
        let of_coin = all.iter().filter(|one| one.wallet.coin == *coin).cloned();
        Ok(self.readable_of(principal, of_coin)?.into_iter().map(|one| one.wallet).collect())
    }

    /// What the wallets that the caller may read hold together, by coin, as far as a user's wallets are looked through and
    /// their rails say.
    ///
    /// # Errors
    /// The store does not answer, or the caller may read no wallet.
    pub async fn balances(&self, principal: &Principal) -> Result<BTreeMap<Coin, Amount>, ServiceError> {
        let all = self.wallets_of(principal.user()).await?;
        let (mut sums, mut silent) = (BTreeMap::new(), Vec::new());
        for WalletOfUser { wallet, role, .. } in self.readable_of(principal, all.iter().cloned())? {
            let view = self.view(wallet, role.unwrap_or_default(), &mut silent).await;
            if let Some(balance) = view.balance {
                let sum = sums.entry(view.wallet.coin).or_insert(Amount::ZERO);
                *sum = sum.saturating_add(balance.confirmed);
            }
        }
        Ok(sums)
    }

    /// Those of a user's wallets that the caller may read. A token that may read no wallet at all is told so, rather than
    /// shown an empty list.
    fn readable_of(
        &self,
        principal: &Principal,
        found: impl IntoIterator<Item = WalletOfUser>,
    ) -> Result<Vec<WalletOfUser>, ServiceError> {
        let (now, mut readable, mut refused) = (self.clock.now(), Vec::new(), None);
        for one in found {
            let need = Need::Wallet { action: WalletAction::View, wallet: &one.wallet, role: one.role };
            match authorize(principal.token(), &principal.owner, principal.address, need, now) {
                Ok(()) => readable.push(one),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some(refusal @ Refusal::ScopeMissing { .. }) if readable.is_empty() => Err(refusal.into()),
            _ => Ok(readable),
        }
    }

    /// One wallet.
    ///
    /// # Errors
    /// The caller may not read it, or it holds another coin.
    pub async fn wallet(
        &self,
        principal: &Principal,
        coin: Option<&Coin>,
        id: WalletId,
    ) -> Result<WalletView, ServiceError> {
        let wallet = self.readable(principal, coin, id)?;
        Ok(self.view(Arc::unwrap_or_clone(wallet.0), wallet.1, &mut Vec::new()).await)
    }

    /// A wallet's addresses, oldest first.
    ///
    /// # Errors
    /// The caller may not read it.
    pub async fn addresses(
        &self,
        principal: &Principal,
        coin: &Coin,
        id: WalletId,
    ) -> Result<Vec<String>, ServiceError> {
        let (wallet, _) = self.readable(principal, Some(coin), id)?;
        Ok(self.rail(&wallet.rail)?.addresses(&wallet.reference).await?)
    }

    /// A new address of a wallet. Changes the wallet, so reading it is not enough.
    ///
    /// # Errors
    /// The caller may not spend from it.
    pub async fn new_address(&self, principal: &Principal, coin: &Coin, id: WalletId) -> Result<String, ServiceError> {
        let (wallet, _) = self.wallet_for(principal, id, WalletAction::Spend)?;
        if wallet.coin != *coin {
            return Err(Refusal::WrongCoin { holds: wallet.coin.clone() }.into());
        }
        Ok(self.rail(&wallet.rail)?.new_address(&wallet.reference, self.random.bytes()).await?)
    }

    /// A wallet's spends.
    ///
    /// # Errors
    /// The caller may not read it.
    pub async fn transfers(
        &self,
        principal: &Principal,
        coin: &Coin,
        id: WalletId,
        page: Page<HoldId>,
    ) -> Result<(Vec<Hold>, Option<HoldId>), ServiceError> {
        self.readable(principal, Some(coin), id)?;
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let mut spends = self.reads.look(principal.looker(), move |reader| reader.spends(id, one_more)).await?;
        let next = (spends.len() > page.limit).then(|| {
            spends.truncate(page.limit);
            spends.last().map(|last| last.id)
        });
        Ok((spends, next.flatten()))
    }

    /// One of a wallet's spends.
    ///
    /// # Errors
    /// The caller may not read the wallet, or it has no such spend.
    pub async fn transfer(
        &self,
        principal: &Principal,
        coin: &Coin,
        wallet: WalletId,
        id: HoldId,
    ) -> Result<Hold, ServiceError> {
        self.readable(principal, Some(coin), wallet)?;
        let hold = self.reads.look_up(|reader| reader.hold(id))?;
        hold.filter(|hold| hold.wallet == Some(wallet)).ok_or(ServiceError::NotFound("transfer"))
    }

    /// The one of a wallet's spends that a `sequenceId` names.
    ///
    /// # Errors
    /// The caller may not read the wallet, or it has no such spend.
    pub async fn transfer_by_sequence(
        &self,
        principal: &Principal,
        coin: &Coin,
        wallet: WalletId,
        name: String,
    ) -> Result<Hold, ServiceError> {
        self.readable(principal, Some(coin), wallet)?;
        let key = SpendKey::Sequence(wallet, name);
        let hold = self.reads.look_up(|reader| match reader.hold_by_key(&key)? {
            Some(id) => reader.hold(id),
            None => Ok(None),
        })?;
        hold.ok_or(ServiceError::NotFound("transfer"))
    }

    fn readable(
        &self,
        principal: &Principal,
        coin: Option<&Coin>,
        id: WalletId,
    ) -> Result<(Arc<Wallet>, WalletRole), ServiceError> {
        let (wallet, role) = self.wallet_for(principal, id, WalletAction::View)?;
        match coin {
            Some(coin) if wallet.coin != *coin => Err(Refusal::WrongCoin { holds: wallet.coin.clone() }.into()),
            _ => Ok((wallet, role.unwrap_or_default())),
        }
    }

    /// A wallet with what its rail says of it. A rail that says nothing keeps nobody from their other wallets, and is
    /// not asked again for those beside it.
    pub(crate) async fn view(&self, wallet: Wallet, role: WalletRole, silent: &mut Vec<String>) -> WalletView {
        // An API that keeps its own books is not asked for what only it knows.
        let can_tell = |rail: &&Arc<dyn Rail>| rail.exchanges().is_none() && !silent.contains(&wallet.rail);
        let rail = self.rails.get(&wallet.rail).filter(can_tell);
        let (mut balance, mut address) = (None, None);
        if let Some(rail) = rail {
            let asked = async { (rail.balance(&wallet.reference).await, rail.addresses(&wallet.reference).await) };
            match tokio::time::timeout(RAIL_WITHIN, asked).await {
                Ok((Ok(held), Ok(mut addresses))) => (balance, address) = (Some(held), addresses.pop()),
                Ok((held, addresses)) => {
                    let problem = held.err().or(addresses.err()).map(|problem| problem.to_string());
                    tracing::warn!(rail = wallet.rail, problem, "a rail says nothing of a wallet");
                    silent.push(wallet.rail.clone());
                }
                Err(_) => silent.push(wallet.rail.clone()),
            }
        }
        let rail = self.rails.get(&wallet.rail);
        WalletView {
            is_sandbox: rail.is_some_and(|rail| rail.is_sandbox()),
            // A rail that was taken out of the configuration is not spoken to at all.
            kind: rail.map_or("other", |rail| rail.kind()),
            spoken: rail.map_or(Spoken::Only, |rail| rail.spoken()),
            outflow: self.last_outflow(&wallet),
            wallet,
            role,
            balance,
            address,
        }
    }
}
