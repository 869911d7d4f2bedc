//! A data directory, the key that opens it, and what is started on it.
//!
//! The master key stays here: what comes after has the data key alone, in its sealer.

use std::path::Path;
use std::sync::Arc;

use bitcoin::NetworkKind;
use bitcoin::bip32::{Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use bursar_core::secret::Secret;
use bursar_service::mail::Post;
use bursar_service::rail_credentials::{self, CredentialName};
use bursar_service::{Bursar, Parts, Policy};
use bursar_store::seal::{MasterKey, Sealer};
use bursar_store::{Store, StoreError};
use bursar_store_sqlite::SqliteStore;

use super::Rails;
use crate::environment::{self, SystemClock, SystemRandom};
use crate::failure::Failure;
use crate::rails::{self, Described};

/// Opens a data directory and starts the use cases on it.
///
/// # Errors
/// The directory is in use, its store does not open, or the master key is not its.
pub(crate) fn open(
    directory: &Path,
    master: &MasterKey,
    rails: Rails,
    mail: Option<Post>,
    policy: Policy,
) -> Result<Bursar, Failure> {
    Data::open(directory, master)?.start(master, rails, mail, policy)
}

/// A data directory that is open: before there are use cases, as rails are opened with what is sealed in it.
pub(crate) struct Data {
    store: SqliteStore,
    sealer: Sealer,
}

impl Data {
    /// Opens a data directory.
    ///
    /// # Errors
    /// The directory is in use, its store does not open, or the master key is not its.
    pub(crate) fn open(directory: &Path, master: &MasterKey) -> Result<Self, Failure> {
        let store = store(directory)?;
        let sealer = Sealer::new(&data_key(&store, master)?).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { store, sealer })
    }

    /// Opens rails, with their secrets that are sealed here, which come to those that were opened.
    ///
    /// # Errors
    /// A secret does not open, or a rail cannot be as it is described.
    pub(crate) fn rails(&self, described: &Described, mut opened: rails::Opened) -> Result<Rails, Failure> {
        let mut reader = self.store.reader()?;
        for (rail, key, _) in rails::kept(described).filter(|(_, _, kept)| *kept == rails::Kept::Sealed) {
            let name = CredentialName::new(rail, key)?;
            if let Some(secret) = rail_credentials::open(reader.as_mut(), &self.sealer, &name)? {
                opened.add(name, secret);
            }
        }
        rails::open(described, &opened)
    }

    /// Starts the use cases on it.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn start(
        self,
        master: &MasterKey,
        rails: Rails,
        mail: Option<Post>,
        policy: Policy,
    ) -> Result<Bursar, Failure> {
        let (ecdh_key, ecdh_public_key) = ecdh_keys(master)?;
        let parts = Parts {
            store: Arc::new(self.store),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            sealer: self.sealer,
            rails,
            ecdh_key,
            ecdh_public_key,
            mail,
            policy,
            engine: bursar_ledger::Settings::default(),
        };
        Ok(Bursar::start(parts)?)
    }
}

/// Wraps the data key under another master key, in one step: one of both opens the data at every moment. Nothing is done
/// where the other opens it already.
///
/// # Errors
/// A server runs, the store does not open, or neither key is its.
pub(crate) fn rewrap(directory: &Path, before: &MasterKey, master: &MasterKey) -> Result<(), Failure> {
    let store = store(directory)?;
    let Some(wrapped) = store.wrapped_data_key()? else {
        return Err(Failure::at(directory, "nothing is sealed here yet"));
    };
    if master.unwrap(&wrapped).is_ok() {
        return Ok(());
    }
    let key = before.unwrap(&wrapped).map_err(|_| foreign())?;
    let anew = master.wrap(&key, environment::random_bytes()).map_err(|error| Failure::new(error.to_string()))?;
    Ok(store.replace_wrapped_data_key(&wrapped, &anew)?)
}

fn store(directory: &Path) -> Result<SqliteStore, Failure> {
    SqliteStore::open(directory).map_err(|error| match error {
        StoreError::InUse => Failure::at(directory, "another process has this data directory"),
        other => Failure::at(directory, other),
    })
}

fn foreign() -> Failure {
    Failure::new("the master key is not the one this data directory was made with")
        .with_hint("give the key file that belongs to it, or restore both from the same backup")
}

/// The store's data key; a fresh store gets one.
fn data_key(store: &SqliteStore, master: &MasterKey) -> Result<Secret<[u8; 32]>, Failure> {
    if let Some(wrapped) = store.wrapped_data_key()? {
        return master.unwrap(&wrapped).map_err(|_| foreign());
    }
    let key = Secret::new(environment::random_bytes());
    let wrapped = master.wrap(&key, environment::random_bytes()).map_err(|error| Failure::new(error.to_string()))?;
    store.store_wrapped_data_key(&wrapped)?;
    Ok(key)
}

/// The keys tokens are handed out under to clients with an ECDH key (WC §3.4). They follow from the master
/// key: clients are configured with the public half, so a restart must not change it.
fn ecdh_keys(master: &MasterKey) -> Result<(Secret<String>, String), Failure> {
    let seed = master.derive("ecdh server key");
    let private = Xpriv::new_master(NetworkKind::Main, seed.expose())
        .map_err(|error| Failure::new(format!("no ECDH key follows from this master key: {error}")))?;
    let public = Xpub::from_priv(&Secp256k1::new(), &private);
    Ok((Secret::new(private.to_string()), public.to_string()))
}
