//! What can happen to the world, one step at a time.

use proptest::prelude::*;

use super::super::world::World;
use super::naive::Naive;
use crate::amount::Amount;
use crate::fixtures::{ORGANISATION, coin, destination, limit, of, over, payee};
use crate::hold::SpendKey;
use crate::id::{OrganisationId, TokenId, WalletId};
use crate::ledger::{Command, FeeCeiling, HoldRequest, Key, LimitEdit, Settler, Unlocking};
use crate::limit::{Allowed, Ceiling, Destinations, Limit, LimitSet, Measure};
use crate::time::Span;
use crate::token::LockedBy;

pub(super) const TOKENS: [TokenId; 2] = [TokenId::from_bytes([2; 16]), TokenId::from_bytes([22; 16])];
pub(super) const WALLETS: [WalletId; 2] = [WalletId::from_bytes([3; 16]), WalletId::from_bytes([33; 16])];
pub(super) const COINS: [&str; 4] = ["hteth", "hteth:usdc", "hteth:dai", "tbtc"];
pub(super) const ADDRESSES: [&str; 4] = ["a", "b", "c", "d"];
pub(super) const SERVICES: [TokenId; 2] = [TokenId::from_bytes([55; 16]), TokenId::from_bytes([56; 16])];
/// What the rail of the wallets lets fees take.
pub(super) const FEES: FeeCeiling = FeeCeiling { per_spend: Amount::power_of_two(1), per_day: Amount::power_of_two(6) };
const ELSEWHERE: OrganisationId = OrganisationId::from_bytes([44; 16]);
/// How long ago spends were settled that are let go of: longer than any window.
pub(super) const KEPT: Span = Span::from_seconds(400 * 86_400);

#[derive(Clone, Debug)]
pub(super) struct Spend {
    pub(super) token: usize,
    pub(super) wallet: Option<usize>,
    /// Whether the organisation, where no wallet says which, is one the owner belongs to.
    pub(super) of_member: bool,
    pub(super) coin: usize,
    /// To which address how much.
    pub(super) payments: Vec<(usize, u64)>,
    pub(super) fee: u64,
    pub(super) key: Option<u8>,
    pub(super) meaning: u8,
    pub(super) stepped_up: bool,
    pub(super) holder: Option<usize>,
    pub(super) patience: u8,
    /// How many requests ago its id was used before.
    pub(super) again: Option<u16>,
}

#[derive(Clone, Debug)]
pub(super) enum By {
    Rail,
    Service(usize, bool),
    Person,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Hold(Spend),
    /// The nth hold that is open; percent of the amount and of the fee.
    Capture(u16, u64, u64, By),
    Release(u16, By),
    Expire(u16),
    Unlock {
        token: usize,
        seconds: u8,
        resume: bool,
        drop_limits: bool,
    },
    Lock(usize),
    Limits {
        subject: usize,
        rules: LimitSet,
        is_stale: bool,
        stepped_up: bool,
    },
    Forget,
    /// So many milliseconds.
    Wait(u64),
}

pub(super) fn fee_coin(coin: usize) -> usize {
    if COINS[coin].starts_with("hteth") { 0 } else { coin }
}

fn spend() -> impl Strategy<Value = Spend> {
    let key = prop_oneof![5 => Just(None), 1 => (0..3u8).prop_map(Some)];
    let wallet = prop_oneof![1 => Just(None), 3 => (0..2usize).prop_map(Some)];
    let payments = prop::collection::vec((0..4usize, 0..12u64), 1..3);
    let fee = prop_oneof![Just(0), 0..4u64];
    let holder = prop_oneof![3 => Just(None), 1 => (0..2usize).prop_map(Some)];
    let again = prop_oneof![30 => Just(None), 1 => (1..10u16).prop_map(Some)];
    let flags = (prop::bool::weighted(0.95), prop::bool::weighted(0.05), 1..60u8);
    let money = (0..3usize, prop::bool::weighted(0.3), payments, fee);
    (0..2usize, wallet, money, key, 0..2u8, holder, again, flags).prop_map(
        |(
            token,
            wallet,
            (coin, is_other, payments, fee),
            key,
            meaning,
            holder,
            again,
            (of_member, stepped_up, patience),
        )| {
            // Bitcoin comes from no wallet, or hardly ever.
            let coin = if is_other && (wallet.is_none() || fee == 3) { 3 } else { coin };
            Spend { token, wallet, of_member, coin, payments, fee, key, meaning, stepped_up, holder, patience, again }
        },
    )
}

/// What tokens may spend at first.
pub(super) fn first_rules() -> LimitSet {
    let hour = |asset| over("rolling 3600s", limit(asset, 200));
    LimitSet::of(vec![hour("hteth"), hour("*erc20"), over("rolling 60s", limit("tbtc", 40))])
}

/// Limits that come and go; what they count overlaps in every way.
fn pool() -> Vec<Limit> {
    use Measure::{Amount, AmountWithoutFee, Count, Fee};
    let all = [
        ("hteth", Amount, "lifetime"),
        ("hteth", Amount, "calendar week America/New_York"),
        ("hteth", Amount, "accrual 2 per 3s"),
        ("hteth", AmountWithoutFee, "rolling 30s"),
        ("hteth", Fee, "accrual 1 per 5s"),
        ("hteth:usdc", Amount, "lifetime"),
        ("hteth:usdc", AmountWithoutFee, "fixed 60s from 2026-09-21T14:13:27.000Z"),
        ("hteth:usdc", Count, "rolling 20s"),
        ("hteth:dai", Amount, "lifetime"),
        ("hteth:dai", Amount, "spend"),
        ("tbtc", Amount, "rolling 60s"),
        ("tbtc", Amount, "calendar month Asia/Kathmandu"),
        ("*erc20", Amount, "lifetime"),
        ("*erc20", Amount, "rolling 3600s"),
        ("*erc20", Count, "calendar day Europe/Zurich"),
        ("hteth:*", Count, "rolling 60s"),
        ("hteth:*", Fee, "calendar hour Australia/Lord_Howe"),
        ("*", Count, "accrual 1 per 7s"),
        ("*", Count, "lifetime"),
    ];
    all.into_iter().map(|(asset, measure, window)| over(window, of(measure, limit(asset, 0)))).collect()
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let scale = prop::sample::select(vec![60u128, 3000, 30_000, 300_000]);
    let ceiling = prop_oneof![
        3 => (scale, 1..30u128).prop_map(|(scale, part)| Ceiling::At(Amount::new(scale * part / 30))),
        1 => Just(Ceiling::Unlimited),
    ];
    let chosen = prop::collection::vec((prop::bool::weighted(0.35), ceiling), 19);
    chosen.prop_map(|chosen| {
        let chosen = pool().into_iter().zip(chosen).filter(|(_, (is_chosen, _))| *is_chosen);
        chosen.map(|(limit, (_, ceiling))| Limit { ceiling, ..limit }).collect()
    })
}

/// Totals of a destination begin when they are counted: spends let go of before are in none, so that limits
/// for life are left to tests without retention.
fn destinations() -> impl Strategy<Value = Destinations> {
    let allowed = prop_oneof![
        4 => Just(None),
        1 => prop::sample::subsequence(&ADDRESSES[..], 2..=4).prop_map(|addresses| {
            let allow = |address: &str| Allowed { destination: destination(address), address: address.to_owned(), coin: coin("tbtc") };
            Some(addresses.into_iter().map(allow).collect())
        }),
    ];
    let at_most = prop_oneof![5 => Just(None), 1 => (2..5u32).prop_map(Some)];
    let each = [
        ("hteth", Measure::AmountWithoutFee, "rolling 60s"),
        ("hteth", Measure::Count, "accrual 1 per 11s"),
        ("hteth:usdc", Measure::AmountWithoutFee, "calendar day UTC"),
        ("hteth:usdc", Measure::AmountWithoutFee, "spend"),
    ];
    let each = each.map(|(asset, measure, window)| over(window, of(measure, limit(asset, 0))));
    let chosen = prop::collection::vec((prop::bool::weighted(0.3), 0..60u128), 4);
    (allowed, at_most, chosen).prop_map(move |(allowed, at_most, chosen)| {
        let chosen = each.iter().zip(chosen).filter(|(_, (is_chosen, _))| *is_chosen);
        let each =
            chosen.map(|(limit, (_, ceiling))| Limit { ceiling: Ceiling::At(Amount::new(ceiling)), ..limit.clone() });
        Destinations { allowed, at_most, each: each.collect(), counted_since: None }
    })
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        4 => Just(By::Rail),
        2 => (0..2usize, any::<bool>()).prop_map(|(service, stepped_up)| By::Service(service, stepped_up)),
        1 => Just(By::Person),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let percent = || prop_oneof![20 => Just(100u64), 20 => 0..=100u64, 1 => 101..130u64];
    let fee_percent = || prop_oneof![60 => 0..=100u64, 1 => Just(300)];
    let rules = (limits(), prop_oneof![3 => Just(None), 1 => destinations().prop_map(Some)]);
    let rules = rules.prop_map(|(limits, destinations)| LimitSet { limits, destinations });
    let wait = prop_oneof![
        20 => 0..4000u64,
        8 => 0..60_000u64,
        4 => 0..7_200_000u64,
        2 => 0..3 * 86_400_000u64,
        1 => 0..500 * 86_400_000u64
    ];
    prop_oneof![
        30 => spend().prop_map(Step::Hold),
        16 => (0..3u16, percent(), fee_percent(), by()).prop_map(|(hold, amount, fee, by)| Step::Capture(hold, amount, fee, by)),
        2 => (0..6u16, by()).prop_map(|(hold, by)| Step::Release(hold, by)),
        1 => (0..6u16).prop_map(Step::Expire),
        4 => (0..2usize, 0..20u8, prop::bool::weighted(0.9), prop::bool::weighted(0.01)).prop_map(
            |(token, seconds, resume, drop_limits)| Step::Unlock { token, seconds, resume, drop_limits }
        ),
        1 => (0..2usize, any::<bool>()).prop_map(|(token, really)| if really { Step::Lock(token) } else { Step::Wait(1) }),
        3 => (0..6usize, rules, prop::bool::weighted(0.05), prop::bool::weighted(0.7)).prop_map(
            |(subject, rules, is_stale, stepped_up)| Step::Limits { subject, rules, is_stale, stepped_up }
        ),
        1 => Just(Step::Forget),
        8 => wait.prop_map(Step::Wait),
    ]
}

impl Spend {
    pub(super) fn request(&self, world: &mut World) -> HoldRequest {
        let mut request = world.request(Amount::ZERO);
        if let Some(again) = self.again {
            request.id = world.id_of(world.holds.saturating_sub(again));
        }
        request.token = TOKENS[self.token];
        request.wallet = self.wallet.map(|wallet| WALLETS[wallet]);
        request.organisation = Some(if self.of_member { ORGANISATION } else { ELSEWHERE });
        request.coin = coin(COINS[self.coin]);
        request.payees = self.payments.iter().map(|(to, amount)| payee(ADDRESSES[*to], (*amount).into())).collect();
        request.fee_coin = coin(COINS[fee_coin(self.coin)]);
        request.fee = Amount::new(self.fee.into());
        request.fee_ceiling = request.wallet.map(|_| FEES);
        request.key = self.key.map(|key| match request.wallet {
            Some(wallet) => SpendKey::Sequence(wallet, key.to_string()),
            None => SpendKey::Client(request.token, key.to_string()),
        });
        request.meaning = [self.meaning; 32];
        request.stepped_up = self.stepped_up;
        request.holder = self.holder.map(|service| SERVICES[service]);
        request.patience = Span::from_seconds(self.patience.into());
        request
    }
}

impl By {
    fn settler(&self) -> Settler {
        match self {
            Self::Rail => Settler::Rail,
            Self::Service(service, stepped_up) => {
                Settler::Service { token: SERVICES[*service], stepped_up: *stepped_up }
            }
            Self::Person => Settler::Person { evidence: "seen".to_owned() },
        }
    }
}

impl Step {
    /// The step as the ledger is asked for it. `target` is the spend that it is about, and `paid` what is
    /// captured of that.
    pub(super) fn command(&self, world: &mut World, target: u16, paid: (u64, u64)) -> Command {
        let target = world.id_of(target);
        match self {
            Self::Hold(spend) => Command::Hold(Box::new(spend.request(world))),
            Self::Capture(_, _, _, by) => {
                let [amount, fee] = [paid.0, paid.1].map(|units| Amount::new(units.into()));
                Command::Capture { hold: target, amount, fee, reference: String::new(), by: by.settler() }
            }
            Self::Release(_, by) => Command::Release { hold: target, reason: String::new(), by: by.settler() },
            Self::Expire(_) => Command::Expire { hold: target, overdue: false, reason: String::new() },
            Self::Unlock { token, seconds, resume, drop_limits } => Command::Unlock {
                token: TOKENS[*token],
                duration: Span::from_seconds((*seconds).into()),
                how: Unlocking { resume: *resume, drop_limits: *drop_limits, agrees: false },
            },
            Self::Lock(token) => Command::Lock { token: TOKENS[*token], by: LockedBy::Owner },
            Self::Limits { subject, rules, is_stale, stepped_up } => {
                let subject = Naive::subjects()[*subject];
                let seen = world.version(&Key::Limits(subject)) + u64::from(*is_stale);
                let edit = LimitEdit { subject, seen, rules: rules.clone(), stepped_up: *stepped_up };
                Command::SetLimits(Box::new(edit))
            }
            Self::Forget => Command::Forget { holds: world.spends().map(|hold| hold.id).collect(), kept: KEPT },
            Self::Wait(_) => unreachable!("time is not a command"),
        }
    }
}
