//! Times, amounts, limits and scopes in plain words.

use bursar_core::account::Freeze;
use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin, Family};
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::amount_of;
use bursar_core::limit::{CalendarUnit, Ceiling, Limit, Measure, Window, Zone};
use bursar_core::refusal::Refusal;
use bursar_core::scope::{ScopeName, WalletAction};
use bursar_core::time::{Span, Timestamp};
use bursar_service::rail::Balance;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::layout::capital;

/// Units of time, the longest first, with their length in seconds.
const UNITS: [(&str, u64); 5] = [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1), ("second", 1)];

/// What lies further ahead is told by its date: a year.
const FAR: Span = Span::from_seconds(366 * 86_400);

/// Places behind the point that a column of amounts shows: as many as bitcoin has.
const PLACES: usize = 8;

fn formatted(time: Timestamp, form: &str) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(instant) => instant.to_zoned_datetime(TimeZone::UTC).strftime(form).to_string(),
        Err(_) => time.to_string(),
    }
}

/// `23 May 2027`.
pub(crate) fn date(time: Timestamp) -> String {
    formatted(time, "%-d %B %Y")
}

/// `23 May 2027, 14:05 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    formatted(time, "%-d %B %Y, %H:%M UTC")
}

/// `23 May`.
pub(crate) fn day(time: Timestamp) -> String {
    formatted(time, "%-d %b")
}

/// How long ago or in how long, with the instant for machines and as a tooltip.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> Markup {
    let text = match time > now {
        // Nobody counts in so many days.
        true if time.since(now) > FAR => format!("on {}", date(time)),
        true => format!("in {}", span(time.since(now))),
        false if now.since(time) < Span::from_seconds(60) => "just now".to_owned(),
        false => format!("{} ago", span(now.since(time))),
    };
    html! { time datetime=(time) title=(moment(time)) { (text) } }
}

/// The instant itself.
pub(crate) fn instant(time: Timestamp) -> Markup {
    html! { time datetime=(time) { (moment(time)) } }
}

/// A span in its greatest unit, rounded down: `3 hours`, `89 days`.
pub(crate) fn span(span: Span) -> String {
    let seconds = span.as_millis().checked_div(1000).unwrap_or(0);
    let fits = |(_, length): &(&str, u64)| seconds >= *length;
    let (unit, length) = UNITS.into_iter().find(fits).unwrap_or(("second", 1));
    counted(seconds.checked_div(length).unwrap_or(0), unit)
}

/// `1 spend`, `2 spends`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A message as a sentence: its first letter great, a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    // What begins with a code or a ticker stays as it is written.
    let begins_plain = text.split(' ').next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    let text = if begins_plain { capital(text) } else { text.to_owned() };
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

/// Parts of a text: what stands between two backticks is code. One without its like is a character as any other.
fn parts(text: &str) -> Vec<(&str, bool)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((before, code, after)) = rest
        .split_once('`')
        .and_then(|(before, after)| after.split_once('`').map(|(code, after)| (before, code, after)))
    {
        found.extend([(before, false), (code, true)]);
        rest = after;
    }
    found.push((rest, false));
    found
}

/// A text as pages show it, with its code set apart.
pub(crate) fn marked(text: &str) -> Markup {
    html! { @for (part, is_code) in parts(text) { @if is_code { code { (part) } } @else { (part) } } }
}

/// The same where there is no markup.
pub(crate) fn plain(text: &str) -> String {
    parts(text).into_iter().map(|(part, is_code)| if is_code { format!("“{part}”") } else { part.to_owned() }).collect()
}

/// A refusal to whoever reads it in a page, where no token is used.
pub(crate) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::OwnerFrozen(freeze) => frozen(freeze),
        Refusal::RoleMissing { required } => {
            format!("you need the role `{required}` on this wallet; ask somebody who administers it")
        }
        // No page spends, so that no refusal tells an amount here.
        other => other.sentence(&Decimals::default()),
    }
}

/// Why somebody is not let in, and whom to ask.
fn frozen(freeze: &Freeze) -> String {
    // Without a reason of its own a freeze says by whom it is.
    let why =
        freeze.reason.strip_prefix("frozen ").map_or_else(|| format!(": {}", freeze.reason), |by| format!(" {by}"));
    let until = freeze.until.map(|until| format!(", until {}", moment(until))).unwrap_or_default();
    format!("your account is frozen{why}{until}. Ask whoever runs your organisation or this server")
}

/// An amount in units of its coin: `0.5 tbtc`.
pub(crate) fn amount(amount: Amount, coin: &Coin, decimals: &Decimals) -> String {
    amount_of(amount, &Asset::Coin(coin.clone()), decimals)
}

/// The same for a column of a table: places that no eye compares are left out, and a tooltip has them all.
pub(crate) fn brief(number: Amount, coin: &Coin, decimals: &Decimals) -> Markup {
    let text = amount(number, coin, decimals);
    match shortened(&text) {
        Some(short) => html! { span title=(text) { (short) } },
        None => html! { (text) },
    }
}

/// A figure without its last places, and what stands behind it; nothing if it is short, or if only naughts were left of it.
fn shortened(text: &str) -> Option<String> {
    let (figure, unit) = text.split_once(' ')?;
    let (whole, places) = figure.split_once('.')?;
    let (shown, rest) = places.split_at_checked(PLACES)?;
    let is_something = || whole.bytes().chain(shown.bytes()).any(|digit| digit != b'0');
    (!rest.is_empty() && is_something()).then(|| format!("{whole}.{shown}… {unit}"))
}

/// What a wallet holds, as far as its rail says.
pub(crate) fn balance(balance: Option<Balance>, coin: &Coin, decimals: &Decimals) -> String {
    let told = |held: Balance| amount(held.confirmed, coin, decimals);
    balance.map_or_else(|| "an unknown balance (its rail does not tell)".to_owned(), told)
}

/// The same as a line of its own: large where there is a figure.
pub(crate) fn balance_line(held: Option<Balance>, coin: &Coin, decimals: &Decimals) -> Markup {
    html! {
        @if held.is_some() { p class="balance" { (balance(held, coin, decimals)) } }
        @else { p class="muted" { "What it holds is not known here: its rail does not tell." } }
    }
}

/// A figure of a limit, in its measure.
pub(crate) fn figure(number: Amount, limit: &Limit, decimals: &Decimals) -> String {
    match (limit.measure, number.as_u64()) {
        (Measure::Count, Some(number)) => counted(number, "spend"),
        (Measure::Count, None) => format!("{number} spends"),
        _ => amount_of(number, &limit.asset, decimals),
    }
}

/// The same with what it counts, where base units alone do not tell.
pub(crate) fn whole(number: Amount, limit: &Limit, decimals: &Decimals) -> String {
    let of = match limit.asset {
        Asset::Family(Family::Erc20) => " of all ERC-20 tokens together",
        Asset::Any => " of all coins together",
        _ => "",
    };
    let of = if limit.measure == Measure::Count { "" } else { of };
    format!("{}{of}", figure(number, limit, decimals))
}

/// The same as a title says it; tickers stay as they are written.
pub(crate) fn counted_thing(limit: &Limit) -> String {
    let is_ticker = limit.is_of_amounts() && matches!(limit.asset, Asset::Coin(_) | Asset::Chain(_));
    if is_ticker { measured(limit) } else { capital(&measured(limit)) }
}

/// What a limit counts: `tbtc`, `fees in hteth`, `number of spends`.
pub(crate) fn measured(limit: &Limit) -> String {
    match limit.measure {
        Measure::Amount => asset(&limit.asset),
        Measure::AmountWithoutFee => format!("{} without fees", asset(&limit.asset)),
        Measure::Fee => format!("fees in {}", asset(&limit.asset)),
        Measure::Count if limit.asset == Asset::Any => "number of spends".to_owned(),
        Measure::Count => format!("number of spends of {}", asset(&limit.asset)),
    }
}

fn asset(asset: &Asset) -> String {
    match asset {
        Asset::Coin(coin) => coin.to_string(),
        Asset::Family(Family::Bitcoin) => "bitcoin".to_owned(),
        Asset::Family(Family::Erc20) => "any ERC-20 token".to_owned(),
        Asset::Chain(coin) => format!("{coin} and its tokens"),
        Asset::Any => "any coin".to_owned(),
    }
}

/// Over which time: `in any 24 hours`, `each day (UTC)`.
pub(crate) fn window(limit: &Limit, decimals: &Decimals) -> String {
    match &limit.window {
        Window::Spend => "in each spend".to_owned(),
        Window::Lifetime => "in total, for good".to_owned(),
        Window::Rolling(length) => format!("in any {}", period(*length)),
        Window::Calendar(unit, zone) => {
            let zone = if *zone == Zone::UTC { "UTC" } else { zone.name() };
            format!("each {} ({zone})", calendar(*unit))
        }
        Window::Fixed { period: length, from } => format!("in each {} since {}", period(*length), moment(*from)),
        Window::Accrual { rate, period: length } => {
            format!("at once, of which {} wears off in any {}", figure(*rate, limit, decimals), period(*length))
        }
    }
}

const fn calendar(unit: CalendarUnit) -> &'static str {
    match unit {
        CalendarUnit::Hour => "hour",
        CalendarUnit::Day => "day",
        CalendarUnit::Week => "week",
        CalendarUnit::Month => "month",
    }
}

fn period(length: Span) -> String {
    let seconds = length.as_seconds_ceil();
    match seconds {
        86_400 => "24 hours".to_owned(),
        604_800 => "7 days".to_owned(),
        3600 => "60 minutes".to_owned(),
        _ => {
            let whole = UNITS.into_iter().find(|(_, unit)| seconds.checked_rem(*unit) == Some(0));
            let (unit, length) = whole.unwrap_or(("second", 1));
            counted(seconds.checked_div(length).unwrap_or(seconds), unit)
        }
    }
}

/// A limit as a clause: `up to 0.5 tbtc in any 24 hours, fees included`.
pub(crate) fn limit(limit: &Limit, decimals: &Decimals) -> String {
    let over = window(limit, decimals);
    let whole = |number| whole(number, limit, decimals);
    let figure = |number| figure(number, limit, decimals);
    match (limit.ceiling, limit.measure) {
        (Ceiling::Unlimited, Measure::Amount | Measure::AmountWithoutFee) => {
            format!("any amount of {}, without a limit", asset(&limit.asset))
        }
        (Ceiling::Unlimited, _) => format!("any {}", measured(limit)),
        (Ceiling::At(number), Measure::Amount) => format!("up to {} {over}, fees included", whole(number)),
        (Ceiling::At(number), Measure::AmountWithoutFee) => {
            format!("up to {} {over}, fees not counted", whole(number))
        }
        (Ceiling::At(number), Measure::Fee) => format!("fees of at most {} {over}", whole(number)),
        (Ceiling::At(number), Measure::Count) if limit.asset == Asset::Any => {
            format!("at most {} {over}", figure(number))
        }
        (Ceiling::At(number), Measure::Count) => {
            format!("at most {} of {} {over}", figure(number), asset(&limit.asset))
        }
    }
}

/// What an action on wallets lets somebody do, and how it is explained.
pub(crate) const fn action(action: WalletAction) -> (&'static str, &'static str, &'static str) {
    match action {
        WalletAction::View => ("view", "See wallets", "Balances, addresses and transfers."),
        WalletAction::Spend => ("spend", "Send money", "As far as the limits below allow."),
        WalletAction::Approve => {
            ("approve", "Approve", "Say yes or no to pending approvals of wallets you administer.")
        }
        WalletAction::Manage => ("manage", "Change settings", "Of wallets you administer. This can let money move."),
        WalletAction::Edit => ("edit", "Comment on transfers", "Notes only; no money moves."),
        WalletAction::Freeze => ("freeze", "Freeze wallets", "Stops all spending from them."),
        WalletAction::Stake => ("stake", "Stake", "Stake and unstake coins."),
    }
}

/// Every action on wallets; those that nothing in Bursar itself asks for come last.
pub(crate) const ACTIONS: [WalletAction; 7] = [
    WalletAction::View,
    WalletAction::Spend,
    WalletAction::Edit,
    WalletAction::Manage,
    WalletAction::Freeze,
    WalletAction::Approve,
    WalletAction::Stake,
];

/// Whether something in Bursar itself asks for it, or only rules that an operator wrote may.
pub(crate) const fn is_asked_for(action: WalletAction) -> bool {
    !matches!(action, WalletAction::Approve | WalletAction::Stake)
}

/// What a scope lets its holder do: `see all your wallets`.
pub(crate) const fn scope(name: ScopeName) -> &'static str {
    use ScopeName as S;
    match name {
        S::All => "do everything you may do (test environments only)",
        S::Openid => "learn who you are",
        S::Profile => "read your profile",
        S::UserManage => "administer your account",
        S::EnterpriseViewAll => "read your organisations",
        S::EnterpriseManageAll => "administer your organisations",
        S::AuditlogsViewAll => "read audit logs",
        S::WalletView => "see this wallet",
        S::WalletViewAll => "see all your wallets",
        S::WalletViewEnterprise => "see the wallets of its organisation",
        S::WalletCreate => "create wallets",
        S::WalletSpend => "send money from this wallet",
        S::WalletSpendAll => "send money from all your wallets",
        S::WalletSpendEnterprise => "send money from the wallets of its organisation",
        S::WalletApprove => "approve in this wallet",
        S::WalletApproveAll => "approve in all wallets you administer",
        S::WalletApproveEnterprise => "approve in the wallets of its organisation",
        S::WalletManage => "change the settings of this wallet",
        S::WalletManageAll => "change the settings of all wallets you administer",
        S::WalletManageEnterprise => "change the settings of the wallets of its organisation",
        S::WalletEdit => "comment on transfers of this wallet",
        S::WalletEditAll => "comment on transfers of all your wallets",
        S::WalletEditEnterprise => "comment on transfers of its organisation",
        S::WalletFreeze => "freeze this wallet",
        S::WalletFreezeAll => "freeze all your wallets",
        S::WalletStake => "stake from this wallet",
        S::WalletStakeAll => "stake from all your wallets",
        S::PendingApprovalUpdate => "approve or reject pending approvals",
        S::TradeView => "read the trading API",
        S::TradeTrade => "trade",
        S::TradeFix => "trade over FIX",
        S::SettlementNetworkRead => "read settlement network data",
        S::SettlementNetworkWrite => "write settlement network data",
        S::PortfolioView => "do nothing more by `portfolio_view`, which is out of use",
        S::MetamaskInstitutional => "do nothing more by `metamask_institutional`, which is out of use",
        S::CryptoCompare => "read market data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::limit::text::parse;

    #[test]
    fn limits_read_as_clauses() {
        for (text, words) in [
            ("tbtc 0.5/day", "up to 0.5 tbtc in any 24 hours, fees included"),
            ("tbtc 5", "up to 5 tbtc in total, for good, fees included"),
            ("hteth:usdc 100 per spend", "up to 100 hteth:usdc in each spend, fees included"),
            ("tbtc 1/30 days", "up to 1 tbtc in any 30 days, fees included"),
            (
                "tbtc 0.1/hour burst 0.5",
                "up to 0.5 tbtc at once, of which 0.1 tbtc wears off in any 60 minutes, fees included",
            ),
            ("20 spends/hour", "at most 20 spends in any 60 minutes"),
            ("eth fees 0.01/calendar day", "fees of at most 0.01 eth each day (UTC)"),
            ("tbtc unlimited", "any amount of tbtc, without a limit"),
        ] {
            assert_eq!(limit(&parse(text).unwrap(), &Decimals::default()), words);
        }
    }

    #[test]
    fn a_limit_of_a_family_says_of_what_its_base_units_are() {
        let of_coin = parse("hteth:usdc 5000000 base units in total").unwrap();
        let of_family = Limit { asset: Asset::Family(Family::Erc20), ..of_coin };
        let said = "up to 5000000 base units of all ERC-20 tokens together in total, for good, fees included";
        assert_eq!(limit(&of_family, &Decimals::default()), said);
    }

    #[test]
    fn a_table_shows_amounts_of_many_places_in_short_and_has_them_in_full() {
        let shown =
            |units: u128| brief(Amount::new(units), &Coin::parse("hteth").unwrap(), &Decimals::default()).into_string();
        let full = "1.500000000000021000 hteth";
        assert_eq!(
            shown(1_500_000_000_000_021_000),
            format!("<span title=\"{}\">1.50000000… hteth</span>", full.replace("000 ", " "))
        );
        assert_eq!(shown(1_500_000_000_000_000_000), "1.5 hteth");
        // Of what is less than its last place nothing would be left.
        assert_eq!(shown(250), "0.00000000000000025 hteth");
    }

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_else_is_markup() {
        assert_eq!(marked("write `a<b`, or <c>").into_string(), "write <code>a&lt;b</code>, or &lt;c&gt;");
        assert_eq!(marked("one ` alone").into_string(), "one ` alone");
        assert_eq!(plain("write `tbtc 5`"), "write “tbtc 5”");
    }

    #[test]
    fn times_read_as_people_write_them() {
        let time = Timestamp::from_millis(1_790_000_000_120);
        assert_eq!(date(time), "21 September 2026");
        assert_eq!(moment(time), "21 September 2026, 14:13 UTC");
        let ahead = |days: u64| relative(time.plus(Span::from_seconds(days * 86_400)), time).into_string();
        assert!(
            ahead(90).contains(">in 90 days<") && ahead(3650).contains(">on 18 September 2036<"),
            "{}",
            ahead(3650)
        );
        assert_eq!(span(Span::from_seconds(89 * 86_400 + 5)), "89 days");
        assert_eq!(span(Span::from_seconds(3600)), "1 hour");
        assert_eq!(span(Span::from_millis(5)), "0 seconds");
    }

    #[test]
    fn messages_become_sentences_and_tickers_stay() {
        assert_eq!(sentence("there is no such token"), "There is no such token.");
        assert_eq!(sentence("tbtc:x 5 is odd"), "tbtc:x 5 is odd.");
        assert_eq!(sentence(""), "");
    }
}
