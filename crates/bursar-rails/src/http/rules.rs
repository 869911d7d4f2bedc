//! A set of rules: read, checked as a whole, and compiled.

mod sound;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bursar_core::coin::Coin;
use bursar_core::scope::ScopeName;

use crate::http::allowed::{Allowed, Places};
use crate::http::answer::Reading;
use crate::http::condition::{self, Condition};
use crate::http::content::Content;
use crate::http::expression::{Expression, Gives, Language};
use crate::http::kind::Subject;
use crate::http::look_up::{LookUp, Question};
use crate::http::money::MOST_PLACES;
use crate::http::reads::{Read, Reads};
use crate::http::template::PathTemplate;
use crate::http::written::{CutOff, WrittenCondition, WrittenLookUp, WrittenOperation, WrittenRule};

/// The most rules of a rail.
const MOST_RULES: usize = 500;
/// The most assets of a rule that can be for several.
const MOST_ASSETS: usize = 16;
/// Methods that a rule can be for.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Headers that are never read from a client and never sent on: they govern the connection, say who asks, or would have
/// the upstream take the request for another.
const WITHHELD: [&str; 25] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// The rules of a rail.
#[derive(Clone)]
pub struct Rules {
    pub(super) language: Language,
    pub(super) rules: Vec<Rule>,
    pub(super) assets: BTreeMap<String, u8>,
}

/// What is wrong with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleProblem {
    /// Which rule, counted from 0, and what it is for; nothing if it is about all of them.
    pub rule: Option<(usize, String)>,
    /// The field.
    pub field: &'static str,
    /// Where in the expression, counted from 1, if that is known.
    pub column: Option<usize>,
    /// What is wrong, and what to do.
    pub problem: String,
}

#[derive(Clone)]
pub(super) struct Rule {
    /// Method and path.
    pub(super) name: Box<str>,
    pub(super) method: Box<str>,
    pub(super) path: PathTemplate,
    pub(super) query: Allowed,
    pub(super) headers: Vec<Box<str>>,
    pub(super) content: Content,
    pub(super) fields: Allowed,
    /// Names that its expressions read.
    pub(super) reads: Reads,
    /// What the token must have besides.
    pub(super) needs: Option<ScopeName>,
    pub(super) conditions: Vec<Condition>,
    pub(super) does: Does,
}

#[derive(Clone)]
pub(super) enum Does {
    Read,
    Refuse(Option<Box<str>>),
    Spend(Box<Spending>),
}

#[derive(Clone)]
pub(super) struct Spending {
    /// Which asset moves, if it can be one of several.
    pub(super) asset: Option<Expression>,
    /// What it costs in each: the same expressions, with the decimal places of the asset.
    pub(super) priced: Vec<Priced>,
    pub(super) destination: Option<Expression>,
    pub(super) key: Expression,
    pub(super) key_header: Option<Box<str>>,
    pub(super) cut_off: CutOff,
}

/// What a spend costs in one asset, and what answers to it say.
#[derive(Clone)]
pub(super) struct Priced {
    pub(super) coin: Coin,
    pub(super) amount: Expression,
    pub(super) reading: Reading,
    pub(super) look_up: Option<LookUp>,
}

/// The expression that gives an asset, if there is one, and which there are.
type Assets = (Option<Expression>, Vec<Option<(Coin, u8)>>);

/// Reads one rule after the other and keeps what is wrong.
struct Reader<'a> {
    language: Language,
    assets: &'a BTreeMap<String, u8>,
    problems: Vec<RuleProblem>,
    rule: Option<(usize, String)>,
    reads: Vec<Read>,
    places: Places,
    /// Of which assets the spends of the rule can be.
    possible: Vec<Coin>,
}

impl Rules {
    /// Reads rules, which speak of these assets with their decimal places.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(assets: &BTreeMap<String, u8>, written: &[WrittenRule]) -> Result<Self, Vec<RuleProblem>> {
        let alone = |field, problem: String| RuleProblem { rule: None, field, column: None, problem };
        let language = Language::new().map_err(|problem| vec![alone("rules", problem)])?;
        let mut reader = Reader {
            language,
            assets,
            problems: Vec::new(),
            rule: None,
            reads: Vec::new(),
            places: Places::default(),
            possible: Vec::new(),
        };
        for (asset, places) in assets {
            if asset.contains(|c: char| c.is_uppercase()) {
                let problem = format!("`{asset}` has capital letters: no limit could name it");
                reader.problems.push(alone("assets", problem));
            }
            match Coin::parse(asset).map(|coin| coin.decimals()) {
                Err(problem) => reader.problems.push(alone("assets", format!("`{asset}` {problem}"))),
                Ok(Some(known)) if known != *places => {
                    reader
                        .problems
                        .push(alone("assets", format!("`{asset}` has {known} decimal places, not {places}")));
                }
                Ok(_) if *places > MOST_PLACES => {
                    reader
                        .problems
                        .push(alone("assets", format!("`{asset}` has more than {MOST_PLACES} decimal places")));
                }
                Ok(_) => {}
            }
        }
        if written.is_empty() || written.len() > MOST_RULES {
            reader.problems.push(alone("rules", format!("must be one at least, and {MOST_RULES} at most")));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for (place, rule) in written.iter().take(MOST_RULES).enumerate() {
            reader.rule = Some((place, format!("{} {}", rule.method, rule.path)));
            let Some(read) = reader.rule(rule) else { continue };
            if let Some(before) =
                rules.iter().find(|before| before.method == read.method && before.path.covers(&read.path))
            {
                let problem = format!("is never reached: `{}` comes before and is for all of it", before.name);
                reader.refuse("path", problem);
            }
            rules.push(read);
        }
        let assets = assets.clone();
        if reader.problems.is_empty() {
            Ok(Self { language: reader.language, rules, assets })
        } else {
            Err(reader.problems)
        }
    }

    /// The assets that spends can be of.
    pub fn coins(&self) -> BTreeSet<&Coin> {
        let priced = self.rules.iter().flat_map(|rule| match &rule.does {
            Does::Spend(spending) => spending.priced.as_slice(),
            Does::Read | Does::Refuse(_) => &[],
        });
        priced.map(|priced| &priced.coin).collect()
    }
}

impl Reader<'_> {
    fn refuse(&mut self, field: &'static str, problem: impl Into<String>) {
        self.problems.push(RuleProblem { rule: self.rule.clone(), field, column: None, problem: problem.into() });
    }

    fn rule(&mut self, written: &WrittenRule) -> Option<Rule> {
        self.reads.clear();
        self.places = Places::of(written);
        if !METHODS.contains(&written.method.as_str()) {
            self.refuse("method", format!("is none of {}", METHODS.join(", ")));
        }
        if written.body != Content::None && matches!(written.method.as_str(), "GET" | "DELETE") {
            self.refuse("body", format!("is not for {}: what reads it, and what does not, differ", written.method));
        }
        if written.body == Content::None && !written.fields.is_empty() {
            self.refuse("fields", "are those of a `body`, which is `json` or `form`");
        }
        let path = self.path("path", &written.path);
        let headers = self.headers(&written.headers);
        let needs = written.scope.as_deref().and_then(|scope| self.scope(scope));
        let conditions = self.conditions(written);
        let does = match written.operation {
            WrittenOperation::Spend => self.spending(written).map(|spending| Does::Spend(Box::new(spending))),
            WrittenOperation::Read | WrittenOperation::Refuse => {
                self.only_spends_have(written);
                Some(match written.operation {
                    WrittenOperation::Refuse => Does::Refuse(written.reason.as_deref().map(Into::into)),
                    _ => Does::Read,
                })
            }
        };
        Some(Rule {
            name: format!("{} {}", written.method, written.path).into(),
            method: written.method.as_str().into(),
            path: path?,
            query: Allowed::of(&written.query),
            headers,
            content: written.body,
            fields: Allowed::of(&written.fields),
            reads: Reads::of(&self.reads),
            needs,
            conditions,
            does: does?,
        })
    }

    fn only_spends_have(&mut self, written: &WrittenRule) {
        let fields = [
            ("asset", written.asset.is_some()),
            ("amount", written.amount.is_some()),
            ("destination", written.destination.is_some()),
            ("key", written.key.is_some()),
            ("key_header", written.key_header.is_some()),
            ("done", written.done.is_some()),
            ("refused", written.refused.is_some()),
            ("captured", written.captured.is_some()),
            ("may_exceed", written.may_exceed),
            ("record", written.record.is_some()),
            ("events", !written.events.is_empty()),
            ("cut_off", written.cut_off.is_some()),
            ("reconcile", written.reconcile.is_some()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_there)| *is_there) {
            self.refuse(field, "is for `operation = \"spend\"` alone");
        }
        if written.reason.is_some() && written.operation != WrittenOperation::Refuse {
            self.refuse("reason", "is for `operation = \"refuse\"` alone");
        }
        if written.scope.is_some() && written.operation == WrittenOperation::Refuse {
            self.refuse("scope", "means nothing where everybody is refused");
        }
    }

    fn path(&mut self, field: &'static str, text: &str) -> Option<PathTemplate> {
        PathTemplate::parse(text).map_err(|problem| self.refuse(field, problem)).ok()
    }

    fn headers(&mut self, names: &[String]) -> Vec<Box<str>> {
        let mut headers: Vec<Box<str>> = Vec::new();
        for name in names {
            if let Some(problem) = header_problem(name) {
                self.refuse("headers", format!("`{}` {problem}", name.escape_debug()));
            } else if headers.iter().any(|known| **known == **name) {
                self.refuse("headers", format!("`{name}` is there twice"));
            } else {
                headers.push(name.as_str().into());
            }
        }
        headers
    }

    fn spending(&mut self, written: &WrittenRule) -> Option<Spending> {
        if written.reason.is_some() {
            self.refuse("reason", "is for `operation = \"refuse\"` alone");
        }
        if written.method == "GET" {
            self.refuse("method", "is one that clients send again by themselves; a spend has another");
        }
        if let Some(header) = &written.key_header
            && let Some(problem) = header_problem(header)
        {
            self.refuse("key_header", problem);
        }
        let asset = self.needed("asset", written.asset.as_ref());
        let assets = asset.and_then(|asset| self.asset(asset));
        let request = Subject::Request;
        let destination = match self.needed("destination", written.destination.as_ref()).map(String::as_str) {
            Some("none") => Some(None),
            Some(text) => self.expression("destination", text, request, Gives::Text).map(Some),
            None => None,
        };
        let key = self.needed("key", written.key.as_ref());
        let key = key.and_then(|text| self.expression("key", text, request, Gives::Name));
        let (asset, assets) = assets.unwrap_or_else(|| (None, vec![None]));
        self.possible = assets.iter().flatten().map(|(coin, _)| coin.clone()).collect();
        let mut priced = Vec::with_capacity(assets.len());
        for asset in assets {
            // What is wrong with it for one asset is wrong for the others, too, and is told once.
            priced.push(self.priced(written, asset)?);
        }
        Some(Spending {
            asset,
            priced,
            destination: destination?,
            key: key?,
            key_header: written.key_header.as_deref().map(Into::into),
            cut_off: written.cut_off.unwrap_or_default(),
        })
    }

    /// What a spend costs in an asset; one that is not known has no decimal places, and is refused in the end.
    fn priced(&mut self, written: &WrittenRule, asset: Option<(Coin, u8)>) -> Option<Priced> {
        let (coin, places) = asset.unzip();
        let money = Gives::Money(places.unwrap_or_default());
        let amount = self.needed("amount", written.amount.as_ref());
        let amount = amount.and_then(|text| self.expression("amount", text, Subject::Request, money));
        let of_request = self.reads.len();
        let done = self.needed("done", written.done.as_ref());
        let fields = ["done", "refused", "captured", "record"];
        let texts = |done| (done, &written.refused, &written.captured, &written.record);
        let reading = done.and_then(|done| self.reading(fields, texts(done), written.may_exceed, money));
        let reading = reading.map(|reading| Reading { events: self.events(written), ..reading });
        let look_up = match &written.reconcile {
            Some(look_up) => self.look_up(look_up, written.may_exceed, money).map(Some),
            None => Some(None),
        };
        self.reads.truncate(of_request);
        Some(Priced { coin: coin?, amount: amount?, reading: reading?, look_up: look_up? })
    }

    fn look_up(&mut self, written: &WrittenLookUp, may_exceed: bool, money: Gives) -> Option<LookUp> {
        let question = Question::read(written).map_err(|(field, problem)| self.refuse(field, problem)).ok();
        let fields = ["reconcile.done", "reconcile.refused", "reconcile.captured", "reconcile.record"];
        let texts = (&written.done, &written.refused, &written.captured, &written.record);
        let reading = self.reading(fields, texts, may_exceed, money);
        Some(question?.with(reading?))
    }

    /// Conditions on a request; one that says the same of all is meant otherwise.
    fn conditions(&mut self, written: &WrittenRule) -> Vec<Condition> {
        if !written.require.is_empty() && written.operation == WrittenOperation::Refuse {
            self.refuse("require", "means nothing where everybody is refused");
        }
        let mut conditions = Vec::with_capacity(written.require.len());
        for WrittenCondition { holds, reason } in &written.require {
            if let Some(problem) = condition::reason_problem(reason) {
                self.refuse("require.reason", problem);
            }
            let holds = self.expression("require.holds", holds, Subject::Request, Gives::Truth);
            conditions.extend(holds.map(|holds| Condition { holds, reason: reason.as_str().into() }));
        }
        conditions
    }

    fn reading(
        &mut self,
        [done_field, refused_field, captured_field, record_field]: [&'static str; 4],
        (done, refused, captured, record): (&String, &Option<String>, &Option<String>, &Option<String>),
        may_exceed: bool,
        money: Gives,
    ) -> Option<Reading> {
        let answer = Subject::Answer;
        let mut optional = |field, text: &Option<String>, gives| match text {
            Some(text) => self.expression(field, text, answer, gives).map(Some),
            None => Some(None),
        };
        let refused = optional(refused_field, refused, Gives::Bool);
        let captured = optional(captured_field, captured, money);
        let record = optional(record_field, record, Gives::Text);
        let done = self.expression(done_field, done, answer, Gives::Bool);
        Some(Reading {
            events: Vec::new(),
            done: done?,
            refused: refused?,
            captured: captured?,
            may_exceed,
            record: record?,
        })
    }

    fn needed<'a>(&mut self, field: &'static str, found: Option<&'a String>) -> Option<&'a String> {
        if found.is_none() {
            self.refuse(field, "is missing: a spend must have it");
        }
        found
    }

    /// One asset by its name, or the expression that gives one of all.
    fn asset(&mut self, text: &str) -> Option<Assets> {
        let with_places = |(asset, places): (&String, &u8)| Some((Coin::parse(asset).ok()?, *places));
        if let Some(found) = self.assets.get_key_value(text) {
            return Some((None, vec![Some(with_places(found)?)]));
        }
        if self.assets.len() > MOST_ASSETS {
            self.refuse("asset", format!("can be one of {MOST_ASSETS} assets, and no more"));
            return None;
        }
        match self.language.compile(text, Subject::Request, Gives::Text) {
            Ok(expression) => {
                self.can_be_read("asset", &expression);
                self.reads.extend_from_slice(expression.reads());
                Some((Some(expression), self.assets.iter().map(with_places).collect()))
            }
            Err(found) => {
                let text = text.escape_debug();
                self.refuse("asset", format!("`{text}` is not among the `assets` of the rail, and {}", found.problem));
                None
            }
        }
    }

    fn scope(&mut self, text: &str) -> Option<ScopeName> {
        let Some(name) = ScopeName::ALL.iter().copied().find(|name| name.as_str() == text) else {
            self.refuse("scope", format!("`{}` is no scope of Bursar", text.escape_debug()));
            return None;
        };
        // What stands for many is what tokens have, not what a request needs.
        let narrow = ["_all", "_enterprise"].iter().find_map(|end| text.strip_suffix(end));
        match (name, narrow) {
            (ScopeName::All | ScopeName::UserManage, _) => self.refuse("scope", "is no permission to ask for"),
            (_, Some(narrow)) if text.starts_with("wallet_") => {
                self.refuse("scope", format!("is `{narrow}`, which `{text}` includes"));
            }
            _ => return Some(name),
        }
        None
    }

    fn expression(&mut self, field: &'static str, text: &str, about: Subject, gives: Gives) -> Option<Expression> {
        match self.language.compile(text, about, gives) {
            Ok(expression) => {
                self.can_be_read(field, &expression);
                self.can_be_of(field, &expression);
                self.reads.extend_from_slice(expression.reads());
                Some(expression)
            }
            Err(found) => {
                let (column, problem) = (found.column, found.problem);
                self.problems.push(RuleProblem { rule: self.rule.clone(), field, column, problem });
                None
            }
        }
    }
}

fn header_problem(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_plain) {
        Some("is no name of a header in small letters")
    } else if WITHHELD.contains(&name) {
        Some("is a header that no rule may read or send")
    } else {
        None
    }
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((place, name)) = &self.rule {
            write!(f, "rules[{place}] `{name}`, ")?;
        }
        write!(f, "`{}`", self.field)?;
        if let Some(column) = self.column {
            write!(f, " at column {column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for RuleProblem {}
