//! What requests mean: rules of the configuration, checked when they are read. A request fits one rule or none.

use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::id::{TokenId, WalletId};
use bursar_core::scope::{Scope, ScopeName};
use bursar_core::time::Span;
use bursar_service::Bursar;
use bursar_service::allow::Purse;
use bursar_service::error::ServiceError;

use super::asked::Asked;
use super::values::{BodyKind, Source, Unit};

/// The most rules of one server.
const MOST_RULES: usize = 1000;
/// The longest that a service may take to say what became of a spend.
const LONGEST_WAIT: Span = Span::from_seconds(7 * 86_400);

/// A rule as a configuration writes it.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// The host that was asked, in small letters, with its port unless it is the usual one.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path, with variables in braces: `/orders/{order}/pay`.
    pub path: String,
    /// What such a request does.
    pub does: Does,
}

/// What a request does.
#[derive(Clone, Debug)]
pub enum Does {
    /// It moves no money.
    Read {
        /// The scope that it takes.
        scope: Option<String>,
        /// The wallet that has to be seen.
        wallet: Option<String>,
    },
    /// It spends.
    Spend(Box<NewSpend>),
}

/// What a request spends, and where that stands in it.
#[derive(Clone, Debug)]
pub struct NewSpend {
    /// The wallet whose money it is.
    pub wallet: Option<String>,
    /// The organisation whose money it is, if it is in no wallet.
    pub organisation: Option<String>,
    /// The coin.
    pub coin: String,
    /// Where the amount stands.
    pub amount: String,
    /// Whether it is written in the coin rather than in base units.
    pub is_decimal: bool,
    /// How many places the coin has, if Bursar does not know it.
    pub decimals: Option<u8>,
    /// How the body is written, if something stands in it, or could beside a query in which something stands.
    pub body: Option<BodyKind>,
    /// Where it stands who is paid.
    pub destination: String,
    /// Where the client's name for the spend stands.
    pub key: String,
    /// The service that may say what became of it: the id of its credential.
    pub service: Option<String>,
    /// Until when it may.
    pub release_within: Option<Span>,
    /// Whether a request passes again whose key was used for the same request before.
    pub repeats_pass: bool,
}

/// All rules of a server.
#[derive(Clone, Default, Debug)]
pub struct Rules(Vec<Rule>);

/// A rule that was read.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    host: String,
    method: String,
    path: Vec<Part>,
    pub(super) meaning: Meaning,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    Variable(String),
}

/// What a request means.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Read { scope: Option<ScopeName>, wallet: Option<WalletId> },
    Spend(Spend),
}

/// A spend as a rule describes it.
#[derive(Clone, Debug)]
pub(super) struct Spend {
    pub(super) purse: Purse,
    pub(super) coin: Coin,
    pub(super) amount: Source,
    pub(super) unit: Unit,
    /// How the body is written, if it is looked at.
    pub(super) body: Option<BodyKind>,
    pub(super) destination: Source,
    pub(super) key: Source,
    pub(super) settles: Option<(TokenId, Span)>,
    pub(super) repeats_pass: bool,
}

impl Rules {
    /// Reads rules.
    ///
    /// # Errors
    /// Which rule cannot be, and why; also of two that one request could fit.
    pub fn new(rules: Vec<NewRule>) -> Result<Self, String> {
        if rules.len() > MOST_RULES {
            return Err(format!("authz.rules: there are more than {MOST_RULES}"));
        }
        let mut read: Vec<Rule> = Vec::with_capacity(rules.len());
        for (number, rule) in rules.into_iter().enumerate() {
            let rule = Rule::read(rule).map_err(|problem| format!("authz.rules[{number}]: {problem}"))?;
            if let Some(other) = read.iter().position(|other| other.meets(&rule)) {
                return Err(format!("authz.rules[{number}]: a request could fit it and authz.rules[{other}]"));
            }
            read.push(rule);
        }
        Ok(Self(read))
    }

    /// What they name that is not there, or does not go together: which rule, which field, and why. Such a rule refuses every
    /// request that fits it.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn check(&self, bursar: &Bursar) -> Result<Vec<String>, ServiceError> {
        let mut problems = Vec::new();
        for (number, rule) in self.0.iter().enumerate() {
            let checked = match &rule.meaning {
                Meaning::Read { wallet, .. } => wallet.map_or(Ok(()), |wallet| bursar.check_rules_wallet(wallet)),
                Meaning::Spend(spend) => {
                    let service = spend.settles.map(|(service, _)| service);
                    bursar.check_rules_spend(spend.purse, &spend.coin, service)
                }
            };
            match checked {
                Ok(()) => {}
                Err(ServiceError::Invalid(wrong)) => {
                    problems.push(format!("authz.rules[{number}]: {}: {}", wrong.field, wrong.problem));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(problems)
    }

    /// Whether amounts of coins are read with as many decimals as rails declare for them: in others they would be another sum
    /// than limits say.
    ///
    /// # Errors
    /// They are not: which rule, and what to write.
    pub fn check_decimals(&self, declared: &Decimals) -> Result<(), String> {
        for (number, rule) in self.0.iter().enumerate() {
            if let Meaning::Spend(spend) = &rule.meaning
                && let Unit::Decimal(said) = spend.unit
                && let Some(places) = declared.of(&spend.coin).filter(|places| *places != said)
            {
                let coin = &spend.coin;
                return Err(format!(
                    "authz.rules[{number}]: decimals: is {said}, and a rail declares {places} for {coin}; write {places}"
                ));
            }
        }
        Ok(())
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, asked: &Asked) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.fits(asked))
    }
}

impl Rule {
    fn read(new: NewRule) -> Result<Self, String> {
        let NewRule { host, method, path, does } = new;
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(format!("host: `{host}` is no host in small letters"));
        }
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("method: `{method}` is no method in capitals"));
        }
        let path = parts(&path)?;
        let variable = |name: &str| path.iter().position(|part| *part == Part::Variable(name.to_owned()));
        let meaning = match does {
            Does::Read { scope, wallet } => Meaning::Read {
                scope: scope.map(|name| scope_of(&name)).transpose()?,
                wallet: wallet.map(|id| id.parse().map_err(|_| format!("wallet: `{id}` is no id"))).transpose()?,
            },
            Does::Spend(spend) => Meaning::Spend(read_spend(&spend, variable)?),
        };
        Ok(Self { host, method, path, meaning })
    }

    fn fits(&self, asked: &Asked) -> bool {
        let fits = |(part, text): (&Part, &String)| match part {
            Part::Literal(literal) => literal == text,
            Part::Variable(_) => !text.is_empty(),
        };
        self.method == asked.method
            && self.host == asked.host
            && self.path.len() == asked.path.len()
            && self.path.iter().zip(&asked.path).all(fits)
    }

    /// Whether there is a request that fits both.
    fn meets(&self, other: &Self) -> bool {
        let meet = |(one, other): (&Part, &Part)| match (one, other) {
            (Part::Literal(one), Part::Literal(other)) => one == other,
            (Part::Literal(text), Part::Variable(_)) | (Part::Variable(_), Part::Literal(text)) => !text.is_empty(),
            (Part::Variable(_), Part::Variable(_)) => true,
        };
        self.method == other.method
            && self.host == other.host
            && self.path.len() == other.path.len()
            && self.path.iter().zip(&other.path).all(meet)
    }
}

fn scope_of(name: &str) -> Result<ScopeName, String> {
    let scope = name.parse::<Scope>().ok().map(Scope::name).filter(|scope| scope.as_str() == name);
    scope.ok_or_else(|| format!("scope: `{name}` is no scope that speaks of no wallet; name a `wallet` beside it"))
}

fn parts(path: &str) -> Result<Vec<Part>, String> {
    let problem = |why: &str| format!("path: `{path}` {why}");
    let rest = path.strip_prefix('/').ok_or_else(|| problem("does not begin with `/`"))?;
    let mut parts: Vec<Part> = Vec::new();
    let last = rest.split('/').count().saturating_sub(1);
    for (place, text) in rest.split('/').enumerate() {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let is_literal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte));
        let part = match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) if is_name(name) => Part::Variable(name.to_owned()),
            None if is_literal && !matches!(text, "." | "..") && (!text.is_empty() || place == last) => {
                Part::Literal(text.to_owned())
            }
            _ => return Err(problem("has parts that are neither plain nor a {variable}")),
        };
        if matches!(part, Part::Variable(_)) && parts.contains(&part) {
            return Err(problem("has two variables of one name"));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn read_spend(new: &NewSpend, variable: impl Fn(&str) -> Option<usize>) -> Result<Spend, String> {
    let source =
        |name: &str, written: &str| Source::read(written, &variable).map_err(|problem| format!("{name}: {problem}"));
    let no_id = |name: &'static str, id: &str| format!("{name}: `{id}` is no id");
    let purse = match (&new.wallet, &new.organisation) {
        (Some(id), None) => Purse::Wallet(id.parse().map_err(|_| no_id("wallet", id))?),
        (None, Some(id)) => Purse::Organisation(id.parse().map_err(|_| no_id("organisation", id))?),
        _ => return Err("a spend has either a `wallet` or an `organisation`".to_owned()),
    };
    let coin = Coin::parse(&new.coin).map_err(|problem| format!("coin: `{}` {problem}", new.coin))?;
    let unit = match (new.is_decimal, coin.decimals().or(new.decimals)) {
        (false, _) => Unit::Minor,
        (true, Some(places)) if places <= 36 && new.decimals.is_none_or(|said| said == places) => Unit::Decimal(places),
        (true, _) => return Err(format!("decimals: say how many places {coin} has, as it has them")),
    };
    let key = source("key", &new.key)?;
    if matches!(key, Source::Text(_)) {
        return Err("key: is the same for every request, so only one would ever pass".to_owned());
    }
    let settles = match (&new.service, new.release_within) {
        (None, None) => None,
        (Some(id), Some(wait)) if wait <= LONGEST_WAIT => Some((id.parse().map_err(|_| no_id("service", id))?, wait)),
        (Some(_), Some(_)) => return Err("release_within: is more than 7 days".to_owned()),
        _ => return Err("`service` and `release_within` belong together".to_owned()),
    };
    let (amount, destination) = (source("amount", &new.amount)?, source("destination", &new.destination)?);
    let any = |is_there: fn(&Source) -> bool| [&amount, &destination, &key].into_iter().any(is_there);
    match new.body {
        None if any(Source::is_in_body) => return Err("body: say whether it is `json` or `form`".to_owned()),
        // Beside a path or a query it is looked at for what could say the same again.
        Some(_) if !any(Source::is_in_body) && !any(Source::is_in_query) && !any(Source::is_in_path) => {
            return Err("body: nothing is looked for in it".to_owned());
        }
        _ => {}
    }
    let body = new.body;
    Ok(Spend { purse, coin, amount, unit, body, destination, key, settles, repeats_pass: new.repeats_pass })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &str, method: &str, path: &str) -> NewRule {
        let does = Does::Read { scope: None, wallet: None };
        NewRule { host: host.to_owned(), method: method.to_owned(), path: path.to_owned(), does }
    }

    fn spend(change: impl FnOnce(&mut NewSpend)) -> Result<Rules, String> {
        let mut spend = NewSpend {
            wallet: Some("07".repeat(16)),
            organisation: None,
            coin: "tbtc".to_owned(),
            amount: "header.X-Amount".to_owned(),
            is_decimal: false,
            decimals: None,
            body: None,
            destination: "{to}".to_owned(),
            key: "header.Idempotency-Key".to_owned(),
            service: None,
            release_within: None,
            repeats_pass: false,
        };
        change(&mut spend);
        Rules::new(vec![NewRule { does: Does::Spend(Box::new(spend)), ..read("a", "POST", "/pay/{to}") }])
    }

    #[test]
    fn of_two_rules_no_request_fits_both() {
        let both = |one: NewRule, other: NewRule| Rules::new(vec![one, other]).is_ok();
        assert!(!both(read("a", "GET", "/x/{y}"), read("a", "GET", "/{x}/y")));
        assert!(!both(read("a", "GET", "/x"), read("a", "GET", "/x")));
        assert!(!both(read("a", "GET", "/{x}"), read("a", "GET", "/{y}")));
        assert!(both(read("a", "GET", "/x/{y}"), read("a", "POST", "/x/{y}")));
        assert!(both(read("a", "GET", "/x/{y}"), read("b", "GET", "/x/{y}")));
        assert!(both(read("a", "GET", "/x/{y}"), read("a", "GET", "/z/{y}")));
        assert!(both(read("a", "GET", "/x/"), read("a", "GET", "/x/{y}")));
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused_when_it_is_read() {
        for rule in [
            read("A", "GET", "/"),
            read("", "GET", "/"),
            read("a", "get", "/"),
            read("a", "", "/"),
            read("a", "GET", "x"),
            read("a", "GET", "/x//y"),
            read("a", "GET", "/../y"),
            read("a", "GET", "/%2E"),
            read("a", "GET", "/x{y}"),
            read("a", "GET", "/{x}/{x}"),
            read("a", "GET", "/{}"),
        ] {
            let shown = format!("{rule:?}");
            assert!(Rules::new(vec![rule]).is_err(), "{shown}");
        }
        assert!(spend(|_| {}).is_ok());
        type Change = fn(&mut NewSpend);
        let wrong: [(&str, Change); 11] = [
            ("wallet", |spend| spend.wallet = None),
            ("organisation", |spend| spend.organisation = Some("07".repeat(16))),
            ("wallet", |spend| spend.wallet = Some("treasury".to_owned())),
            ("coin", |spend| spend.coin = "a b".to_owned()),
            ("decimals", |spend| (spend.coin, spend.is_decimal) = ("chips".to_owned(), true)),
            ("decimals", |spend| (spend.decimals, spend.is_decimal) = (Some(2), true)),
            ("amount", |spend| spend.amount = "cookie.amount".to_owned()),
            ("destination", |spend| spend.destination = "{from}".to_owned()),
            ("key", |spend| spend.key = "text.always".to_owned()),
            ("release_within", |spend| spend.service = Some("07".repeat(16))),
            ("release_within", |spend| {
                (spend.service, spend.release_within) = (Some("07".repeat(16)), Some(Span::from_seconds(8 * 86_400)));
            }),
        ];
        for (name, change) in wrong {
            let problem = spend(change).unwrap_err();
            assert!(problem.contains(name) && problem.contains("authz.rules[0]"), "{name}: {problem}");
        }
    }
    #[test]
    fn a_rule_reads_amounts_with_as_many_decimals_as_rails_declare_for_the_coin() {
        let rule = |places: u8, is_decimal: bool| {
            let change = |spend: &mut NewSpend| {
                (spend.coin, spend.is_decimal, spend.decimals) = ("chips".to_owned(), is_decimal, Some(places));
            };
            spend(change).unwrap()
        };
        let declared = Decimals::declared([(Coin::parse("chips").unwrap(), 3)]);
        assert_eq!(rule(3, true).check_decimals(&declared), Ok(()));
        assert_eq!(rule(2, true).check_decimals(&Decimals::default()), Ok(()), "the rule is all there is to go by");
        assert_eq!(rule(2, false).check_decimals(&declared), Ok(()), "base units have none");
        let problem = rule(2, true).check_decimals(&declared).unwrap_err();
        assert_eq!(problem, "authz.rules[0]: decimals: is 2, and a rail declares 3 for chips; write 3");
    }
}
