//! What a request means by the rules, and what is sent on in its place.

use crate::exchange::{Asked, Charge, Exchange, Outgoing};
use crate::forbidden::{Forbidden, Why};
use crate::http::content::Content;
use crate::http::expression::Facts;
use crate::http::form;
use crate::http::instruction::Instruction;
use crate::http::reads;
use crate::http::rules::{Does, Priced, Rule, Rules, Spending};
use crate::http::seen::RequestFacts;
use crate::http::template;
use crate::json::Json;

/// The longest name that a client may give a spend, in bytes.
const LONGEST_KEY: usize = 255;
/// The longest name of a recipient, in bytes.
const LONGEST_DESTINATION: usize = 256;
/// What stands for the recipient of a spend that nobody gets but the upstream itself: no client can name it.
const NOBODY: &str = "-";
/// The longest value of a header that is sent on, in bytes.
const LONGEST_HEADER: usize = 4096;

/// A request as it was understood.
struct Understood {
    path: Json,
    query: Json,
    headers: Json,
    body: Json,
}

impl Rules {
    /// What a request means.
    ///
    /// # Errors
    /// No rule is for it, a rule refuses it, or it can be read in two ways.
    pub fn meaning(&self, asked: &Asked<'_>) -> Result<Exchange, Forbidden> {
        let path = template::segments(asked.path)?;
        let (rule, places) = self.matching(asked.method, &path).ok_or_else(|| {
            let detail = format!("no rule of this rail is for {} at this path", shown_method(asked.method));
            Forbidden::new(Why::UnknownRoute, detail)
        })?;
        if let Does::Refuse(reason) = &rule.does {
            let detail = reason.as_deref().unwrap_or("this request is refused by a rule of the rail");
            return Err(Forbidden::new(Why::Withheld, detail));
        }
        if let Some((name, _)) = places.iter().find(|(_, value)| !template::is_segment(value)) {
            let problem = format!("`{name}` of the path must be of {}", template::PLAIN);
            return Err(Forbidden::undecodable(problem));
        }
        let path = places.into_iter().map(|(name, value)| (name.into(), Json::Text(value.into()))).collect();
        let understood = rule.understand(asked, Json::Object(path))?;
        let outgoing = rule.outgoing(&understood)?;
        self.check(rule, &understood, &outgoing)?;
        match &rule.does {
            Does::Spend(spending) => self.charge(rule, spending, &understood, outgoing),
            Does::Read | Does::Refuse(_) => Ok(Exchange::Read { outgoing, needs: rule.needs }),
        }
    }

    /// The rule that a request falls under, as `METHOD /path`.
    pub fn rule_of(&self, asked: &Asked<'_>) -> Option<&str> {
        let path = template::segments(asked.path).ok()?;
        let mut rules = self.rules.iter();
        let found = rules.find(|rule| *rule.method == *asked.method && rule.path.places(&path).is_some());
        found.map(|rule| &*rule.name)
    }

    /// Whether the rule that a request falls under is one for reads, be the request as it may.
    pub fn is_read(&self, asked: &Asked<'_>) -> bool {
        let Ok(path) = template::segments(asked.path) else { return false };
        self.matching(asked.method, &path).is_some_and(|(rule, _)| matches!(rule.does, Does::Read))
    }

    fn matching<'a>(&'a self, method: &str, path: &'a [String]) -> Option<(&'a Rule, template::Places<'a>)> {
        let mut of_method = self.rules.iter().filter(|rule| *rule.method == *method);
        of_method.find_map(|rule| Some((rule, rule.path.places(path)?)))
    }

    /// Refuses what a condition of its rule does not hold of.
    fn check(&self, rule: &Rule, understood: &Understood, outgoing: &Outgoing) -> Result<(), Forbidden> {
        if rule.conditions.is_empty() {
            return Ok(());
        }
        let length = outgoing.body.len().to_string();
        let facts = rule.facts(understood, &length);
        let facts = self.language.about(&facts);
        rule.conditions.iter().try_for_each(|condition| condition.check(&facts))
    }

    fn charge(
        &self,
        rule: &Rule,
        spending: &Spending,
        understood: &Understood,
        outgoing: Outgoing,
    ) -> Result<Exchange, Forbidden> {
        let length = outgoing.body.len().to_string();
        let facts = rule.facts(understood, &length);
        let facts = self.language.about(&facts);
        let not_priced = |field: &str| {
            let field = field.to_owned();
            move |problem: String| Forbidden::new(Why::NotPriced, format!("the {field} of this spend: {problem}"))
        };
        let priced = spending.priced(&facts).map_err(not_priced("asset"))?;
        let amount = priced.amount.amount(&facts, priced.coin.as_str());
        let amount = amount.map_err(not_priced("amount"))?;
        let text = |expression: &crate::http::expression::Expression, field: &str, longest: usize| {
            let text = expression.text(&facts).map_err(not_priced(field))?;
            if text.is_empty() || text.len() > longest || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                let problem = format!("must be 1 to {longest} printable characters without spaces");
                return Err(not_priced(field)(problem));
            }
            // `7.0` would be another one than `7` here, and is the same to whoever reads a number.
            if text
                .split_once('.')
                .is_some_and(|(whole, part)| !whole.is_empty() && reads::is_digits(whole) && reads::is_digits(part))
            {
                return Err(not_priced(field)("must have no fraction, as a number".to_owned()));
            }
            Ok(text)
        };
        let destination = spending.destination.as_ref();
        let destination = destination.map(|found| text(found, "destination", LONGEST_DESTINATION)).transpose()?;
        if destination.as_deref() == Some(NOBODY) {
            let problem = format!("`{NOBODY}` stands for nobody, and is no recipient");
            return Err(not_priced("destination")(problem));
        }
        let key = text(&spending.key, "key", LONGEST_KEY)?;
        // By the client's own name it would be looked up there: elsewhere, nobody would know of it.
        if spending.key_header.is_none() && priced.look_up.is_some() && !template::is_segment(&key) {
            let problem = format!("it is looked up by its key, which must be of {}", template::PLAIN);
            return Err(not_priced("key")(problem));
        }
        let instruction = Instruction { rule: rule.name.clone(), key: key.clone() }.to_bytes();
        let (needs, coin) = (rule.needs, priced.coin.clone());
        Ok(Exchange::Spend(Box::new(Charge { outgoing, needs, coin, amount, destination, key, instruction })))
    }
}

impl Spending {
    /// What it costs in the asset that the request names.
    fn priced(&self, facts: &Facts<'_>) -> Result<&Priced, String> {
        let named = self.asset.as_ref().map(|asset| asset.text(facts)).transpose()?;
        let is_it = |priced: &&Priced| named.as_ref().is_none_or(|named| **named == *priced.coin.as_str());
        let found = self.priced.iter().find(is_it);
        found.ok_or_else(|| {
            let named: String = named.unwrap_or_default().chars().take(40).collect();
            format!("`{}` is not among the assets of the rail", named.escape_debug())
        })
    }
}

impl Rule {
    fn understand(&self, asked: &Asked<'_>, path: Json) -> Result<Understood, Forbidden> {
        if one_header(asked, "content-encoding")?.is_some_and(|encoding| encoding != "identity") {
            return Err(Forbidden::undecodable("a packed body is not read; leave `Content-Encoding` out"));
        }
        let query = form::pairs(asked.query.unwrap_or_default(), "query", &self.reads)?;
        if let Some((name, _)) = query.iter().find(|(name, _)| !self.query.has(name)) {
            return Err(unnamed("query", name));
        }
        let body = self.content.read(one_header(asked, "content-type")?, asked.body, &self.reads)?;
        if let Json::Object(entries) = &body
            && let Some((name, _)) = entries.iter().find(|(name, _)| !self.fields.has(name))
        {
            return Err(unnamed("body", name));
        }
        self.reads.check(&query, &body, self.content)?;
        let mut headers = Vec::new();
        for name in &self.headers {
            if let Some(value) = one_header(asked, name)? {
                headers.push((name.clone(), Json::Text(value.into())));
            }
        }
        let query = query.into_iter().map(|(name, value)| (name, Json::Text(value))).collect();
        Ok(Understood { path, query: Json::Object(query), headers: Json::Object(headers), body })
    }

    /// What expressions can name of a request, whose body has so many bytes.
    fn facts<'a>(&self, understood: &'a Understood, length: &'a str) -> RequestFacts<'a> {
        let Understood { path, query, headers, body } = understood;
        RequestFacts { path, query, headers, body, is_form: self.content == Content::Form, length }
    }

    fn outgoing(&self, understood: &Understood) -> Result<Outgoing, Forbidden> {
        let place = |name: &str| understood.path.get(name)?.as_text().map(str::to_owned);
        let target = self.path.written(place);
        let mut target = target.ok_or_else(|| Forbidden::undecodable("the path cannot be written anew"))?;
        let query = form::written(texts(&understood.query));
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        let mut headers: Vec<(Box<str>, Box<str>)> =
            texts(&understood.headers).map(|(name, value)| (name.into(), value.into())).collect();
        if let Some(media_type) = self.content.media_type() {
            headers.push(("content-type".into(), media_type.into()));
        }
        let body = match self.content {
            Content::None => Vec::new(),
            content => content.written(&understood.body),
        };
        Ok(Outgoing { method: self.method.clone(), target, headers, body })
    }
}

fn texts(object: &Json) -> impl Iterator<Item = (&str, &str)> {
    let entries = match object {
        Json::Object(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().filter_map(|(name, value)| Some((&**name, value.as_text()?)))
}

/// The only value of a header.
fn one_header<'a>(asked: &Asked<'a>, name: &str) -> Result<Option<&'a str>, Forbidden> {
    let mut values = asked.headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value);
    let (Some(value), more) = (values.next(), values.next()) else { return Ok(None) };
    let is_plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let text = std::str::from_utf8(value).ok().filter(|_| value.iter().all(is_plain) && value.len() <= LONGEST_HEADER);
    match text {
        Some(text) if more.is_none() => Ok(Some(text)),
        _ => Err(Forbidden::undecodable(format!("the header `{name}` must be there once, in printable characters"))),
    }
}

fn unnamed(place: &str, name: &str) -> Forbidden {
    let detail = format!("`{}` in the {place} is not among what the rule of this request allows", reads::shown(name));
    Forbidden::new(Why::NotSupported, detail)
}

fn shown_method(method: &str) -> String {
    method.chars().take(16).filter(char::is_ascii_alphabetic).collect()
}
