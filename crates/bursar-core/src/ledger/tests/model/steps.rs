//! What can happen to the world, one step at a time.

use proptest::prelude::*;

use super::super::{World, at};
use super::subject_of;
use crate::amount::Amount;
use crate::fixtures::{coin, count_limit, limit, unlimited};
use crate::hold::SpendKey;
use crate::id::{HoldId, TokenId, WalletId};
use crate::ledger::{Command, Key, Outcome, Record, Write};
use crate::limit::Limit;

pub(super) const TOKENS: [TokenId; 2] = [TokenId::from_bytes([2; 16]), TokenId::from_bytes([22; 16])];
pub(super) const WALLETS: [WalletId; 2] = [WalletId::from_bytes([3; 16]), WalletId::from_bytes([33; 16])];
pub(super) const COINS: [&str; 3] = ["hteth", "hteth:usdc", "hteth:dai"];

#[derive(Clone, Debug)]
pub(super) struct Spend {
    pub(super) token: usize,
    pub(super) wallet: usize,
    pub(super) coin: usize,
    pub(super) amount: u64,
    pub(super) fee: u64,
    pub(super) key: Option<u8>,
    pub(super) meaning: u8,
    pub(super) stepped_up: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Hold(Spend),
    /// Of the nth hold, so many percent.
    Capture(u8, u64),
    Release(u8),
    MarkUnresolved(u8),
    Unlock {
        token: usize,
        seconds: u8,
        resume: bool,
        drop_limits: bool,
    },
    Lock(usize),
    Limits(usize, Vec<Limit>),
    Wait(u8),
}

fn spend() -> impl Strategy<Value = Spend> {
    let key = prop_oneof![3 => Just(None), 1 => (0..3u8).prop_map(Some)];
    (0..2usize, 0..2usize, 0..3usize, 0..12u64, 0..3u64, key, 0..2u8, prop::bool::weighted(0.1)).prop_map(
        |(token, wallet, coin, amount, fee, key, meaning, stepped_up)| Spend {
            token,
            wallet,
            coin,
            amount,
            fee,
            key,
            meaning,
            stepped_up,
        },
    )
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let asset = prop::sample::select(vec!["hteth", "hteth:usdc", "hteth:dai", "*erc20"]);
    let one = (asset, 0..3u8, 0..60u128).prop_map(|(asset, kind, ceiling)| match kind {
        0 => count_limit(asset, ceiling / 5),
        1 => unlimited(asset),
        _ => limit(asset, ceiling),
    });
    prop::collection::vec(one, 0..5)
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => spend().prop_map(Step::Hold),
        4 => (1..20u8, 0..=100u64).prop_map(|(hold, percent)| Step::Capture(hold, percent)),
        2 => (1..20u8).prop_map(Step::Release),
        1 => (1..20u8).prop_map(Step::MarkUnresolved),
        1 => (0..2usize, 0..20u8, any::<bool>(), prop::bool::weighted(0.05)).prop_map(
            |(token, seconds, resume, drop_limits)| Step::Unlock { token, seconds, resume, drop_limits }
        ),
        1 => (0..2usize).prop_map(Step::Lock),
        6 => (0..6usize, limits()).prop_map(|(subject, limits)| Step::Limits(subject, limits)),
        2 => (0..10u8).prop_map(Step::Wait),
    ]
}

impl Step {
    /// Takes the step in the ledger.
    pub(super) fn run(&self, world: &mut World) -> Outcome {
        let command = match self {
            Self::Hold(spend) => {
                let mut request = world.request(Amount::new(spend.amount.into()));
                let wallet = WALLETS[spend.wallet];
                request.token = TOKENS[spend.token];
                request.wallet = wallet;
                request.coin = coin(COINS[spend.coin]);
                request.fee = Amount::new(spend.fee.into());
                request.key = spend.key.map(|key| SpendKey::Sequence(wallet, key.to_string()));
                request.meaning = [spend.meaning; 32];
                request.stepped_up = spend.stepped_up;
                Command::Hold(Box::new(request))
            }
            Self::Capture(hold, percent) => {
                let amount = held_amount(world, *hold) * percent / 100;
                Command::Capture { hold: id(*hold), amount: Amount::new(amount.into()), reference: String::new() }
            }
            Self::Release(hold) => Command::Release { hold: id(*hold), reason: String::new() },
            Self::MarkUnresolved(hold) => Command::MarkUnresolved { hold: id(*hold) },
            Self::Unlock { token, seconds, resume, drop_limits } => Command::Unlock {
                token: TOKENS[*token],
                until: at((world.now.as_millis() - at(0).as_millis()) / 1000 + i64::from(*seconds)),
                resume: *resume,
                drop_limits: *drop_limits,
            },
            Self::Lock(token) => Command::Lock { token: TOKENS[*token] },
            Self::Limits(subject, limits) => {
                let subject = subject_of(*subject);
                let key = Key::Limits(subject);
                let read = vec![(key.clone(), world.version(&key))];
                let put = vec![Record::Limits(subject, limits.clone())];
                Command::Write(Write { read, put, ..Write::default() })
            }
            Self::Wait(_) => unreachable!("time is not a command"),
        };
        world.run(command).outcome
    }
}

/// Attempts are numbered from 1, granted or not.
fn id(hold: u8) -> HoldId {
    HoldId::from_bytes([hold; 16])
}

fn held_amount(world: &World, hold: u8) -> u64 {
    match world.records.get(&Key::Hold(id(hold))).map(|found| &found.value) {
        Some(Record::Hold(_, hold)) => hold.amount.as_u64().unwrap(),
        _ => 0,
    }
}

pub(super) fn answer(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Written => "written",
        Outcome::Settled { before: false, .. } => "settled",
        Outcome::Settled { before: true, .. } => "settled before",
        Outcome::NoSuchHold => "no such hold",
        Outcome::Token(_) => "token",
        Outcome::UnlockedLonger { .. } => "unlocked longer",
        Outcome::Conflict(_) => "conflict",
        other => super::super::answer(other),
    }
}
