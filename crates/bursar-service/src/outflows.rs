//! Money that left a registered wallet and that no spend explains (P11): somebody else has the key, or the node moved it
//! by itself. It raises an alarm: in the log, in the audit trail, as a metric; and stops the wallet if the operator wants.

use std::sync::atomic::Ordering;

use bursar_core::account::{Freeze, FrozenBy, Wallet};
use bursar_core::audit::Actor;
use bursar_core::id::WalletId;
use bursar_core::ledger::{Key, Record, Trace, Versioned, Write};
use bursar_core::time::{Span, Timestamp};

use crate::Bursar;
use crate::error::ServiceError;
use crate::rail::{Memory, NewNote, Outflow};

/// Wallets looked at in one read.
const PAGE: usize = 200;

/// What is said of a wallet that is frozen because of one.
const REASON: &str = "money left it that no spend explains; whoever runs this server has to look";

/// For how long one is told of with its wallet.
const TOLD_FOR: Span = Span::from_seconds(30 * 86_400);

/// Money that left a wallet and that no spend explains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenOutflow {
    /// When it was seen.
    pub at: Timestamp,
    /// What the rail calls it.
    pub reference: String,
}

fn name(wallet: WalletId) -> String {
    format!("outflow/{wallet}")
}

impl Bursar {
    /// Looks at every wallet of rails that can tell, and says how many outflows no spend explains. Each is told once;
    /// a rail that does not answer is asked the next time.
    ///
    /// # Errors
    /// The store does not answer, or the ledger is closed.
    pub async fn watch_outflows(&self) -> Result<usize, ServiceError> {
        let mut found = 0;
        for (name, rail) in self.rails.iter().filter(|(_, rail)| !rail.is_sandbox()) {
            let memory = self.memory(name);
            let mut behind = String::new();
            loop {
                let (of_rail, after) = (name.clone(), behind.clone());
                let wallets = self.reads.run(move |reader| reader.wallets_on(&of_rail, &after, PAGE)).await?;
                let Some(last) = wallets.last() else { break };
                behind.clone_from(&last.value.reference);
                for Versioned { value: wallet, .. } in wallets {
                    let outflows = match rail.unexplained(&wallet.reference, &memory).await {
                        Ok(outflows) => outflows,
                        Err(error) => {
                            tracing::warn!(rail = name, wallet = %wallet.id, %error, "a wallet cannot be watched now");
                            continue;
                        }
                    };
                    for Outflow { reference, told } in outflows {
                        match self.raise_alarm(&wallet, &reference).await {
                            // It was removed a moment ago; the others are watched all the same.
                            Err(ServiceError::NotFound(_)) => break,
                            told => told?,
                        }
                        // Told first: whatever happens in between, it is told twice rather than never.
                        memory.write(told).await?;
                        self.keep_last(&wallet, &reference, &memory).await?;
                        found += 1;
                    }
                }
            }
        }
        Ok(found)
    }

    /// The last outflow from a wallet that no spend explains, for its owners; nothing if there was none lately.
    pub(crate) fn last_outflow(&self, wallet: &Wallet) -> Option<SeenOutflow> {
        let found = self.memory(&wallet.rail).read(&name(wallet.id));
        let note =
            found.inspect_err(|error| tracing::warn!(wallet = %wallet.id, %error, "its last outflow cannot be read"));
        let note = note.ok()??;
        let text = String::from_utf8(note.body).ok()?;
        let (at, reference) = text.split_once(' ')?;
        let at = Timestamp::from_millis(at.parse().ok()?);
        let is_late = self.clock.now().since(at) > TOLD_FOR;
        (!is_late).then(|| SeenOutflow { at, reference: reference.to_owned() })
    }

    /// Keeps the last one with the wallet: the trail is too long to be looked through for every page.
    async fn keep_last(&self, wallet: &Wallet, reference: &str, memory: &dyn Memory) -> Result<(), ServiceError> {
        let name = name(wallet.id);
        let version = memory.read(&name)?.map_or(0, |note| note.version);
        let body = Some(format!("{} {reference}", self.clock.now().as_millis()).into_bytes());
        memory.write(vec![NewNote { name, version, body }]).await?;
        Ok(())
    }

    /// How many outflows no spend explained since the start.
    pub fn unexplained_outflows(&self) -> u64 {
        self.outflows.load(Ordering::Relaxed)
    }

    async fn raise_alarm(&self, wallet: &Wallet, reference: &str) -> Result<(), ServiceError> {
        tracing::error!(wallet = %wallet.id, rail = wallet.rail, reference, "money left a wallet that no spend explains");
        self.outflows.fetch_add(1, Ordering::Relaxed);
        let (id, freezes, now) = (wallet.id, self.policy.freeze_unexplained, self.clock.now());
        self.decide(Actor::System, || {
            let found = self.stored_wallet(id)?;
            let by = FrozenBy::Ledger;
            let freeze =
                freezes.then(|| Freeze { since: now, until: None, reason: REASON.to_owned(), by, persons_from: None });
            let data = vec![("rail", found.value.rail.clone()), ("reference", reference.to_owned())];
            let write = Write {
                read: vec![(Key::Wallet(id), found.version)],
                put: vec![Record::Wallet(id, Wallet { freeze: freeze.or(found.value.freeze.clone()), ..found.value })],
                trace: Some(Trace::of("wallet.unexplained_outflow", "wallet", id, data)),
                ..Write::default()
            };
            Ok((write, ()))
        })
        .await
    }
}
