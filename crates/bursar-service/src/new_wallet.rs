//! A new wallet on a rail, made by whoever runs an organisation. Its key is made here and never shown; existing keys are
//! taken in by the operator on the machine only ([`crate::people::NewWallet`]).

use bursar_core::account::{Wallet, WalletRole};
use bursar_core::id::{OrganisationId, WalletId};
use bursar_core::ledger::{Key, Record, Write};
use bursar_core::secret::Secret;

use crate::Bursar;
use crate::accounts::check_name;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::step_up::Action;
use crate::stored::{Rests, trace};
use crate::wallets::WalletView;

impl Bursar {
    /// Makes a wallet with a new key on a rail, for an organisation that the caller runs. The caller has every role in it.
    ///
    /// # Errors
    /// The caller may not, the second factor is missing or wrong, there is no such rail, or it keeps no keys.
    pub async fn make_wallet(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
        rail: &str,
        label: &str,
        otp: Option<&str>,
    ) -> Result<WalletView, ServiceError> {
        self.may_make_wallets(principal, organisation)?;
        check_name("label", label)?;
        let makes = self.rails.get(rail).and_then(|found| Some((found, found.coin()?)));
        let (found, coin) = makes.ok_or_else(|| ServiceError::invalid("rail", "is none that makes wallets"))?;
        self.step_up(principal, Action::Administer(organisation), otp).await?;
        let key = Secret::new(self.random.bytes::<32>().to_vec());
        let reference = found.keep_key(key, &self.memory(rail)).await?;
        let now = self.clock.now();
        let id = WalletId::time_ordered(now, self.random.bytes());
        let (label, rail) = (label.to_owned(), rail.to_owned());
        let wallet = Wallet { id, coin, label, organisation, rail, reference, freeze: None, created: now };
        let owner = principal.user();
        let made = self
            .decide(principal.actor(), || {
                let mut read = self.may_make_wallets(principal, organisation)?;
                read.push((Key::Wallet(id), 0));
                let data = vec![
                    ("coin", wallet.coin.to_string()),
                    ("rail", wallet.rail.clone()),
                    ("reference", wallet.reference.clone()),
                    ("organisation", organisation.to_string()),
                ];
                let write = Write {
                    read,
                    put: vec![Record::Wallet(id, wallet.clone()), Record::Role((id, owner), WalletRole::ALL)],
                    trace: trace("wallet.register", "wallet", id, data),
                    ..Write::default()
                };
                Ok((write, wallet.clone()))
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

    /// Whether the caller runs an organisation: the version of what says so.
    fn may_make_wallets(&self, principal: &Principal, organisation: OrganisationId) -> Result<Rests, ServiceError> {
        let (version, role) = self.own_place(principal, organisation)?;
        match role.administers() {
            true => Ok(vec![(Key::Membership((organisation, principal.user())), version)]),
            false => Err(ServiceError::RoleNeeded { role: "admin" }),
        }
    }
}
