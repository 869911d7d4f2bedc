//! The routes of BitGo's public API as a table: what each does, the scope it needs, and whether it is passed on, held
//! as a spend, answered here, or withheld and why.
//!
//! The table is data, in `routes.tsv`; it has every route that BitGo had published by August 2026. A route that is not
//! in it is unknown and refused. Coin and wallet are where a path has `{coin}` and `{walletId}`.

use std::sync::LazyLock;

use bursar_core::scope::{ScopeName, WalletAction};

use super::withheld::Reason;
use crate::dialect::{self, Does, Need};

/// The longest path that is looked up, in bytes.
const LONGEST_PATH: usize = 2048;
/// Where a path names its coin.
const COIN: &str = "{coin}";
/// Where a path names a wallet.
const WALLET: &str = "{walletId}";
/// Where a path names a part of a transaction request, and what the parts are called that pay.
const RESOURCE: &str = "{resource}";
const TRANSACTIONS: &str = "transactions";

static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| include_str!("routes.tsv").lines().filter_map(row).collect());

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// What kind of thing it does.
    pub operation: Operation,
    /// The scope that it needs, if it needs one.
    pub scope: Option<ScopeName>,
    /// What is done with a request to it.
    pub handling: Handling,
}

/// Kinds of things that routes do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// It shows something.
    Read,
    /// It makes a transaction that nobody has signed.
    Build,
    /// It moves money.
    Spend,
    /// It makes a signature, or a part of one.
    Sign,
    /// It changes settings, users, or what governs wallets.
    Manage,
    /// It approves or rejects.
    Approve,
}

/// What is done with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// Bursar answers it itself.
    Own,
    /// It is passed on.
    Pass,
    /// It is held: amounts are those of the recipients in its body.
    Recipients,
    /// It is held: amounts are those of the transaction in its body.
    Transaction,
    /// It is held: amounts are those of the intent in its body.
    Intent,
    /// It goes on with what was asked for by an intent, and is passed on only if that is held.
    Continues,
    /// It is carried out for no token.
    Withheld(Reason),
}

/// Every route there is.
pub fn table() -> &'static [Route] {
    &TABLE
}

/// A route, and what a path has in the places of its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found<'a> {
    /// The route.
    pub route: &'static Route,
    /// The segments of the path, and of the route's.
    pub segments: Vec<(&'static str, &'a str)>,
}

/// Looks a route up. Nothing if there is none, or if the path could be read in two ways.
pub fn find<'a>(method: &str, path: &'a str) -> Option<Found<'a>> {
    let asked = path.strip_prefix('/').filter(|_| path.len() <= LONGEST_PATH)?;
    if !asked.split('/').all(is_plain) {
        return None;
    }
    let count = asked.split('/').count();
    let fits = |route: &&Route| {
        route.method == method
            && route.segments().count() == count
            && route.segments().zip(asked.split('/')).all(|(known, asked)| is_parameter(known) || known == asked)
    };
    // Of two that fit, the one counts that says earlier what a segment is.
    let exactness = |route: &&Route| route.segments().map(|known| !is_parameter(known)).collect::<Vec<_>>();
    let route = TABLE.iter().filter(fits).max_by_key(exactness)?;
    Some(Found { route, segments: route.segments().zip(asked.split('/')).collect() })
}

impl Route {
    fn segments(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.trim_start_matches('/').split('/')
    }

    /// What is done to the wallet that its path names; nothing if it names none.
    pub fn action(&self) -> Option<WalletAction> {
        let of = |action: WalletAction| (Some(action.scope()) == self.scope).then_some(action);
        use WalletAction as A;
        let all = [A::View, A::Spend, A::Approve, A::Manage, A::Edit, A::Freeze, A::Stake];
        all.into_iter().find_map(of).filter(|_| self.segments().any(|segment| segment == WALLET))
    }
}

impl Found<'_> {
    /// What the path has in a parameter's place.
    pub fn place(&self, parameter: &str) -> Option<&str> {
        self.segments.iter().find(|(known, _)| *known == parameter).map(|(_, asked)| *asked)
    }

    /// The names of the path as they are upstream.
    pub fn names(&self, reference: &str) -> Vec<Box<str>> {
        let name = |(known, asked): &(&str, &str)| if *known == WALLET { reference.into() } else { (*asked).into() };
        self.segments.iter().map(name).collect()
    }

    /// What a request to it needs and does; nothing if Bursar answers it itself.
    pub fn meaning(&self) -> Option<dialect::Route> {
        let need = match (self.route.action(), self.place(WALLET), self.route.scope) {
            (Some(action), Some(wallet), _) => {
                Need::Wallet { action, wallet: wallet.into(), coin: self.place(COIN).map(Into::into) }
            }
            (_, _, Some(scope)) => Need::Scope(scope),
            (_, _, None) => Need::Nothing,
        };
        let does = match self.route.handling {
            Handling::Own => return None,
            Handling::Pass => Does::Pass,
            Handling::Recipients | Handling::Transaction | Handling::Intent => Does::Spend,
            // Of a request's parts only transactions are what its intent pays; a message may say anything.
            Handling::Continues if self.place(RESOURCE).is_some_and(|part| part != TRANSACTIONS) => {
                Does::Withheld(Reason::SignsBlindly.told())
            }
            Handling::Continues => Does::Continue,
            Handling::Withheld(reason) => Does::Withheld(reason.told()),
        };
        Some(dialect::Route { need, does })
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// A segment that every server reads alike: no escapes, nothing that leads elsewhere.
fn is_plain(segment: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@$".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_known)
}

/// A row of the table; what is none counts for nothing, and so its route is unknown.
fn row(line: &'static str) -> Option<Route> {
    let mut columns = line.split('\t');
    let (method, path, operation) = (columns.next()?, columns.next()?, columns.next()?);
    let (scope, handling) = (columns.next()?, columns.next()?);
    let operation = match operation {
        "read" => Operation::Read,
        "build" => Operation::Build,
        "spend" => Operation::Spend,
        "sign" => Operation::Sign,
        "manage" => Operation::Manage,
        "approve" => Operation::Approve,
        _ => return None,
    };
    let scope = match scope {
        "-" => None,
        name => Some(*ScopeName::ALL.iter().find(|known| known.as_str() == name)?),
    };
    let handling = match handling {
        "own" => Handling::Own,
        "pass" => Handling::Pass,
        "recipients" => Handling::Recipients,
        "transaction" => Handling::Transaction,
        "intent" => Handling::Intent,
        "continues" => Handling::Continues,
        other => Handling::Withheld(Reason::named(other.strip_prefix("no:")?)?),
    };
    Some(Route { method, path, operation, scope, handling })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const PUBLIC: &str = include_str!("../../tests/public_api.txt");

    #[test]
    fn every_route_of_the_public_api_is_in_the_table_once_and_nothing_else_is() {
        let public: BTreeSet<&str> = PUBLIC.lines().collect();
        let known: Vec<String> = table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(known.len(), include_str!("routes.tsv").lines().filter(|line| !line.starts_with('#')).count());
        assert_eq!(known.iter().map(String::as_str).collect::<BTreeSet<_>>(), public);
        assert_eq!(known.len(), public.len());
    }

    #[test]
    fn each_route_is_found_by_a_path_of_its_own() {
        for route in table() {
            let path = route.path.replace(['{', '}'], "");
            let found = find(route.method, &path).expect("a route");
            assert_eq!(found.route, route, "{path}");
        }
    }

    #[test]
    fn what_is_passed_on_or_held_names_a_wallet_and_moves_nothing_unheld() {
        for route in table() {
            let is_passive = matches!(route.operation, Operation::Read | Operation::Build);
            match route.handling {
                Handling::Pass => assert!(is_passive && route.action().is_some(), "{route:?}"),
                Handling::Continues => {
                    assert_eq!((route.operation, route.action()), (Operation::Sign, Some(WalletAction::Spend)));
                }
                Handling::Recipients | Handling::Transaction | Handling::Intent => {
                    assert_eq!((route.operation, route.action()), (Operation::Spend, Some(WalletAction::Spend)));
                }
                Handling::Own | Handling::Withheld(_) => {}
            }
            let view = route.action() == Some(WalletAction::View);
            assert!(!view || route.operation == Operation::Read, "{route:?}");
        }
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_no_route() {
        let sound = "/api/v2/tbtc/wallet/0a/unspents";
        assert!(find("GET", sound).is_some() && find("POST", sound).is_none());
        for path in [
            "api/v2/tbtc/wallet/0a/unspents",
            "/api/v2/tbtc/wallet/0a/unspents/",
            "/api/v2/tbtc/wallet//unspents",
            "/api/v2/tbtc/wallet/../unspents",
            "/api/v2/tbtc/wallet/%30a/unspents",
            "/api/v2/tbtc/wallet/0a/unspents;a=b",
            "/api/v2/tbtc/wallet/0a/Unspents",
            "/api/v2/tbtc/wallet/0a/un\\spents",
        ] {
            assert_eq!(find("GET", path), None, "{path}");
        }
    }

    #[test]
    fn the_upstreams_name_of_the_wallet_stands_where_ours_did_and_nowhere_else() {
        let found = find("GET", "/api/v2/tbtc/wallet/0a/address/0a").expect("a route");
        assert_eq!(found.names("up").join("/"), "api/v2/tbtc/wallet/up/address/0a");
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(method in "(GET|POST|[A-Z]{0,8})", path: String) {
            let _ = find(&method, &path);
        }
    }
}
