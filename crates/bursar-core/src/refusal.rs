//! Why something may not be done, and what would make it pass (P6).

use std::net::IpAddr;

use crate::account::Freeze;
use crate::amount::Amount;
use crate::coin::Coin;
use crate::decimals::Decimals;
use crate::id::WalletId;
use crate::limit::text::{amount_of, describe_knowing};
use crate::limit::{Ceiling, Fits, LimitReport, Measure, Subject};
use crate::scope::{ScopeName, Scopes};
use crate::time::Timestamp;
use crate::token::{Lock, LockedBy};

/// A refusal: a decision, not an error. Each carries what its explanation needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No token has this id.
    TokenUnknown,
    /// The token was revoked.
    TokenRevoked {
        /// When.
        at: Timestamp,
    },
    /// The token's time is over.
    TokenExpired {
        /// Since when.
        at: Timestamp,
    },
    /// The token's owner is frozen.
    OwnerFrozen(Freeze),
    /// The token may not be used from here.
    IpNotAllowed {
        /// Where it was used from.
        address: IpAddr,
    },
    /// The grant lacks a scope.
    ScopeMissing {
        /// The scope that would do.
        required: ScopeName,
        /// The wallet it would have to be tied to, if any.
        wallet: Option<WalletId>,
        /// What the token has.
        granted: Scopes,
    },
    /// The token's owner may not do this with the wallet.
    RoleMissing {
        /// `view`, `spend` or `admin`.
        required: &'static str,
    },
    /// The wallet does not exist, or neither the token nor its owner may know that it does.
    WalletUnknown,
    /// The wallet lies outside the token's narrowing.
    WalletNotPermitted,
    /// The wallet is frozen.
    WalletFrozen(Freeze),
    /// The organisation whose money it is is frozen.
    OrganisationFrozen(Freeze),
    /// The wallet holds another coin.
    WrongCoin {
        /// The coin it holds.
        holds: Coin,
    },
    /// The token is locked: by its owner, or by the server for a reason.
    Locked(Lock),
    /// A session spends only while it is unlocked.
    NotUnlocked,
    /// The token has no limit at all and is not unlocked.
    NoLimit,
    /// The token has limits, none of which covers this coin, and is not unlocked.
    NoLimitForCoin {
        /// The coin asked for.
        coin: Coin,
    },
    /// The spend does not fit under these limits.
    LimitExceeded(Vec<LimitReport>),
    /// The fee would be paid in a coin that no limit covers.
    NoLimitForFee {
        /// That coin.
        coin: Coin,
    },
    /// The limits leave the fee out, and no rail says how much it may be.
    FeeNotCounted {
        /// The coin it would be paid in.
        coin: Coin,
    },
    /// An amount without end of a coin of which the token does not say `unlimited`, or of which somebody's limit sets a bound
    /// to the amount. It outlives every unlock, so none stands in for the word.
    NotUnlimited {
        /// That coin.
        coin: Coin,
        /// Whose limit sets the bound; nobody's, if the token does not say that there is none.
        bound_by: Option<Subject>,
    },
    /// Money may not go there.
    DestinationNotAllowed {
        /// Whose rule says so.
        subject: Subject,
        /// The address, as the request wrote it.
        address: String,
    },
    /// It would be one destination more than may be paid.
    TooManyDestinations {
        /// Whose rule says so.
        subject: Subject,
        /// How many there may be.
        at_most: u32,
    },
    /// The token's owner does not belong to the organisation whose money it is.
    NotAMember,
    /// The sum of the spend is more than any amount.
    AmountTooLarge,
    /// The service that asks on the spender's behalf may hold nothing; nothing is wrong with the spender's token.
    OfService(Box<Self>),
}

/// What would make the refused request pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// An unlock of the token, or a one-time password with the request.
    Unlock,
    /// Another token.
    AnotherToken,
    /// Someone with more rights.
    MoreRights,
    /// Time: the freeze has to end or to be lifted.
    Wait,
    /// Nothing; the request itself is at fault.
    ChangeRequest,
}

impl Refusal {
    /// The stable code; codes are only ever added.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TokenUnknown => "token_unknown",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::TokenExpired { .. } => "token_expired",
            Self::OwnerFrozen(_) => "owner_frozen",
            Self::IpNotAllowed { .. } => "ip_not_allowed",
            Self::ScopeMissing { .. } => "scope_missing",
            Self::RoleMissing { .. } => "role_missing",
            Self::WalletUnknown => "wallet_unknown",
            Self::WalletNotPermitted => "wallet_not_permitted",
            Self::WalletFrozen(_) => "wallet_frozen",
            Self::OrganisationFrozen(_) => "organisation_frozen",
            Self::WrongCoin { .. } => "wrong_coin",
            Self::Locked(_) => "locked",
            Self::NotUnlocked => "not_unlocked",
            Self::NoLimit => "no_limit",
            Self::NoLimitForCoin { .. } => "no_limit_for_coin",
            Self::LimitExceeded(_) => "limit_exceeded",
            Self::NoLimitForFee { .. } => "no_limit_for_fee",
            Self::FeeNotCounted { .. } => "fee_not_counted",
            Self::NotUnlimited { .. } => "not_unlimited",
            Self::DestinationNotAllowed { .. } => "destination_not_allowed",
            Self::TooManyDestinations { .. } => "too_many_destinations",
            Self::NotAMember => "not_a_member",
            Self::AmountTooLarge => "amount_too_large",
            Self::OfService(refusal) => refusal.code(),
        }
    }

    /// What would make the request pass.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::TokenUnknown | Self::TokenRevoked { .. } | Self::TokenExpired { .. } | Self::IpNotAllowed { .. } => {
                Remedy::AnotherToken
            }
            Self::ScopeMissing { .. } | Self::WalletNotPermitted => Remedy::AnotherToken,
            Self::RoleMissing { .. } | Self::NotAMember => Remedy::MoreRights,
            Self::DestinationNotAllowed { .. } | Self::TooManyDestinations { .. } => Remedy::MoreRights,
            // An unlock of the spender's token lifts nothing of the service's.
            Self::OfService(refusal) => match refusal.remedy() {
                Remedy::Unlock => Remedy::Wait,
                other => other,
            },
            Self::OwnerFrozen(_) | Self::WalletFrozen(_) | Self::OrganisationFrozen(_) => Remedy::Wait,
            Self::WalletUnknown | Self::WrongCoin { .. } | Self::AmountTooLarge | Self::NotUnlimited { .. } => {
                Remedy::ChangeRequest
            }
            // Whoever runs this server has to look.
            Self::Locked(Lock { by: LockedBy::Ledger, .. }) => Remedy::Wait,
            Self::Locked(_)
            | Self::NotUnlocked
            | Self::NoLimit
            | Self::NoLimitForCoin { .. }
            | Self::NoLimitForFee { .. }
            | Self::FeeNotCounted { .. } => Remedy::Unlock,
            // An unlock lifts the token's own limits only.
            Self::LimitExceeded(reports) => {
                let own = |report: &LimitReport| matches!(report.subject, Subject::Token(_));
                if in_the_way(reports).all(own) { Remedy::Unlock } else { Remedy::MoreRights }
            }
        }
    }

    /// When the request fits by itself, if that is known: when the last of the limits in its way has room.
    pub fn fits(&self) -> Option<Fits> {
        match self {
            Self::LimitExceeded(reports) => reports.iter().map(|report| report.fits).max(),
            _ => None,
        }
    }

    /// The refusal in words, for people; amounts in units of the coin where its decimals are known.
    pub fn sentence(&self, decimals: &Decimals) -> String {
        match self {
            Self::TokenUnknown => "no token has this id".to_owned(),
            Self::TokenRevoked { at } => format!("the token was revoked at {at}"),
            Self::TokenExpired { at } => format!("the token expired at {at}"),
            Self::OwnerFrozen(freeze) => format!("the token's owner is frozen{}", until(freeze)),
            Self::IpNotAllowed { address } => format!("the token may not be used from {address}"),
            Self::ScopeMissing { required, wallet: Some(wallet), .. } => {
                format!("the token lacks the scope `{}` for wallet {wallet}", required.as_str())
            }
            Self::ScopeMissing { required, .. } => format!("the token lacks the scope `{}`", required.as_str()),
            Self::RoleMissing { required } => format!("the token's owner lacks the role `{required}` on this wallet"),
            Self::WalletUnknown => "there is no such wallet".to_owned(),
            Self::WalletNotPermitted => "the token is not permitted to use this wallet".to_owned(),
            Self::WalletFrozen(freeze) => format!("the wallet is frozen{}", until(freeze)),
            Self::OrganisationFrozen(freeze) => format!("the organisation is frozen{}", until(freeze)),
            Self::WrongCoin { holds } => format!("the wallet holds {holds}"),
            Self::Locked(Lock { since, by: LockedBy::Ledger }) => format!(
                "the token has been locked since {since} by the check of the ledger: {}; no one-time password lifts that \
                 while it is so, and whoever runs this server has to look",
                LockedBy::Ledger.reason().unwrap_or_default()
            ),
            Self::Locked(Lock { since, by }) => {
                let why = by.reason().map(|reason| format!(" because {reason}")).unwrap_or_default();
                format!(
                    "the token has been locked since {since}{why}; its owner unlocks it with a one-time password, or resumes it"
                )
            }
            Self::NotUnlocked => "a session spends only while it is unlocked with a one-time password".to_owned(),
            Self::NoLimit => {
                "the token has no spending limit; unlock it with a one-time password, or use a token with a limit"
                    .to_owned()
            }
            Self::NoLimitForCoin { coin } => {
                format!(
                    "the token has no spending limit for {coin}; give it one, or unlock it with a one-time password"
                )
            }
            Self::LimitExceeded(reports) => {
                in_the_way(reports).map(|report| exceeded(report, decimals)).collect::<Vec<_>>().join("; ")
            }
            Self::NoLimitForFee { coin } => format!(
                "the fee would be paid in {coin}, for which the token has no limit; it needs one on {coin} or on fees"
            ),
            Self::FeeNotCounted { coin } => format!(
                "the token's limits leave the fee in {coin} out, and nothing else bounds it; it needs a limit on fees, \
                 or one on {coin} that counts them"
            ),
            Self::NotUnlimited { coin, bound_by } => {
                let why = match bound_by {
                    None => format!("a token needs `{coin} unlimited` to spend an amount of {coin} without end"),
                    Some(subject) => format!(
                        "the {} has a limit on amounts of {coin}, and under that no amount without end is spent",
                        subject.kind()
                    ),
                };
                format!("{why}; no unlock stands in for that; name the amount that is to be spent")
            }
            Self::DestinationNotAllowed { subject, address } => {
                format!("`{address}` is not among the destinations that the {} allows", subject.kind())
            }
            Self::TooManyDestinations { subject: Subject::Token(_), at_most } => {
                format!("the token may pay {at_most} destinations, and this would be one more")
            }
            Self::TooManyDestinations { subject, .. } => {
                format!("the {} allows no more destinations", subject.kind())
            }
            Self::NotAMember => "the token's owner does not belong to the organisation".to_owned(),
            Self::AmountTooLarge => "the sum of the spend is more than any coin has".to_owned(),
            Self::OfService(refusal) => of_service(refusal, decimals),
        }
    }
}

/// The limits that have no room, of all that were looked at.
fn in_the_way(reports: &[LimitReport]) -> impl Iterator<Item = &LimitReport> {
    reports.iter().filter(|report| !report.fits())
}

/// Why a service may hold nothing for the token that it presents.
fn of_service(refusal: &Refusal, decimals: &Decimals) -> String {
    let what = match refusal {
        Refusal::Locked(Lock { since, by }) if *by != LockedBy::Ledger => {
            let why = by.reason().map(|reason| format!(" because {reason}")).unwrap_or_default();
            format!("it has been locked since {since}{why}, and its owner resumes it")
        }
        Refusal::NotAMember => "its owner does not run the organisation any more".to_owned(),
        Refusal::OwnerFrozen(freeze) => format!("its owner is frozen{}", until(freeze)),
        other => other.sentence(decimals),
    };
    format!(
        "the credential of the service that asks may hold nothing: {what}; nothing is wrong with the spender's token"
    )
}

fn until(freeze: &Freeze) -> String {
    freeze.until.map_or_else(String::new, |end| format!(" until {end}"))
}

/// Figures are told of the token's own limits only; of others' it is told that they are in the way.
fn exceeded(report: &LimitReport, decimals: &Decimals) -> String {
    let asset = &report.limit.asset;
    let to = report.destination.as_ref().map_or_else(String::new, |address| format!(" for `{address}`"));
    let when = match report.fits {
        Fits::Now => String::new(),
        Fits::At(at) => format!("; it fits from {at} on"),
        Fits::OnceSettled => "; it may fit once spends that are under way have ended".to_owned(),
        Fits::Never => "; no waiting makes it fit".to_owned(),
    };
    match (report.subject, report.limit.ceiling) {
        (Subject::Token(_), Ceiling::At(_)) => {
            // The figures stand beside the sentence in base units; people know the coin's own.
            let figure = |number| match report.limit.measure {
                Measure::Count => format!("{number}"),
                _ => amount_of(number, asset, decimals),
            };
            let (left, amount) = (report.remaining().unwrap_or_default(), report.asked.saturating_sub(report.fee));
            let [remaining, asked, fee] = [left, report.asked, report.fee].map(figure);
            let rule = describe_knowing(&report.limit, decimals);
            // Who sees only a sum looks for the fault in the amount.
            let asked = match (report.fee > Amount::ZERO && amount <= left, amount > Amount::ZERO) {
                (false, _) => format!("{asked} asked"),
                (true, true) => {
                    format!("room for the {} asked but not for a fee of up to {fee} besides", figure(amount))
                }
                (true, false) => format!("not enough for a fee of up to {fee}"),
            };
            format!("the token's limit of {rule}{to} leaves {remaining}, {asked}{when}")
        }
        (subject, _) => {
            let what = match report.limit.measure {
                Measure::Amount | Measure::AmountWithoutFee => "",
                Measure::Fee => " for fees",
                Measure::Count => " on the number of spends",
            };
            format!("the {}'s limit{what} of {asset} has no room for this spend{when}", subject.kind())
        }
    }
}
