//! Wallets, as an operator registers them and allows organisations to.

use bursar_core::coin::Coin;
use bursar_core::secret::Secret;
use bursar_service::Bursar;
use bursar_service::allowed_wallets::AllowedWallet;
use bursar_service::error::ServiceError;
use bursar_service::new_wallet::NewWallet;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::people::organisation;

/// A wallet to register, as an operator writes it.
pub(super) struct NewWalletTexts {
    pub(super) rail: String,
    pub(super) coin: String,
    pub(super) label: String,
    pub(super) organisation: Option<String>,
    pub(super) owner: String,
    pub(super) key: Option<Secret<String>>,
    pub(super) reference: Option<String>,
}

/// A wallet of a node that an organisation may register.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Allowed {
    pub(crate) rail: String,
    pub(crate) reference: String,
    pub(crate) coin: String,
    pub(crate) organisation: String,
    /// What it was registered as.
    pub(crate) wallet: Option<String>,
}

impl From<AllowedWallet> for Allowed {
    fn from(allowed: AllowedWallet) -> Self {
        Self {
            rail: allowed.rail,
            reference: allowed.reference,
            coin: allowed.coin.to_string(),
            organisation: allowed.organisation.to_string(),
            wallet: allowed.wallet.map(|id| id.to_string()),
        }
    }
}

pub(super) async fn add(bursar: &Bursar, new: NewWalletTexts) -> Result<Answer, ServiceError> {
    let NewWalletTexts { rail, coin, label, organisation, owner, key, reference } = new;
    let key = key.map(|text| {
        let digits = text.expose().strip_prefix("0x").unwrap_or(text.expose());
        let bytes = base16ct::mixed::decode_vec(digits);
        bytes.map(Secret::new).map_err(|_| ServiceError::invalid("key", "is not 64 hex digits"))
    });
    let organisation = self::organisation(bursar, organisation.as_deref()).await?;
    let new =
        NewWallet { rail, coin: self::coin(&coin)?, label, organisation, owner, key: key.transpose()?, reference };
    let wallet = bursar.add_wallet(new).await?;
    let is_address = bursar.is_named_by_address(&wallet);
    let (id, coin) = (wallet.id.to_string(), wallet.coin.to_string());
    Ok(Answer::Wallet { id, coin, reference: wallet.reference, is_address })
}

pub(super) async fn allow(
    bursar: &Bursar,
    rail: &str,
    reference: &str,
    coin: &str,
    organisation: Option<&str>,
) -> Result<Answer, ServiceError> {
    let (coin, organisation) = (self::coin(coin)?, self::organisation(bursar, organisation).await?);
    let allowed = bursar.allow_wallet(rail, reference, coin, organisation).await?;
    Ok(Answer::Allowed { wallets: vec![allowed.into()] })
}

pub(super) async fn disallow(bursar: &Bursar, rail: &str, reference: &str) -> Result<Answer, ServiceError> {
    Ok(Answer::Allowed { wallets: vec![bursar.disallow_wallet(rail, reference).await?.into()] })
}

pub(super) async fn allowed(bursar: &Bursar) -> Result<Answer, ServiceError> {
    let allowed = bursar.allowed_wallets().await?;
    Ok(Answer::Allowed { wallets: allowed.into_iter().map(Allowed::from).collect() })
}

fn coin(text: &str) -> Result<Coin, ServiceError> {
    Coin::parse(text).map_err(|problem| ServiceError::invalid("coin", problem.to_string()))
}
