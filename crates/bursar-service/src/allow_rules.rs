//! Whether what rules for other proxies name is there: what is not is refused with each request, and nobody knows why.

use std::fmt::Display;

use bursar_core::coin::Coin;
use bursar_core::id::{TokenId, WalletId};

use crate::Bursar;
use crate::allow::Purse;
use crate::error::ServiceError;

impl Bursar {
    /// Whether there is a wallet.
    ///
    /// # Errors
    /// There is none; the field `wallet` says so. Or the store does not answer.
    pub fn check_rules_wallet(&self, wallet: WalletId) -> Result<(), ServiceError> {
        self.stored_wallet(wallet).map(drop).map_err(|error| missing("wallet", wallet, error))
    }

    /// Whether such a spend could pass, whoever asked.
    ///
    /// # Errors
    /// The field of a rule that names what is not there or does not go together, and why. Or the store does not answer.
    pub fn check_rules_spend(&self, purse: Purse, coin: &Coin, service: Option<TokenId>) -> Result<(), ServiceError> {
        let (organisation, wallet) = match purse {
            Purse::Wallet(id) => {
                let wallet = self.stored_wallet(id).map_err(|error| missing("wallet", id, error))?.value;
                if !wallet.may_hold(coin) {
                    let problem = format!("`{coin}` is not in the wallet, which is for {}", wallet.coin);
                    return Err(ServiceError::invalid("coin", problem));
                }
                (wallet.organisation, Some(id))
            }
            Purse::Organisation(id) => {
                self.stored_organisation(id).map_err(|error| missing("organisation", id, error))?;
                (id, None)
            }
        };
        service.map_or(Ok(()), |service| self.may_settle(service, organisation, wallet))
    }
}

fn missing(field: &'static str, id: impl Display, error: ServiceError) -> ServiceError {
    match error {
        ServiceError::NotFound(what) => ServiceError::invalid(field, format!("there is no {what} {id}")),
        error => error,
    }
}
