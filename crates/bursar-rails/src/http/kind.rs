//! What an expression is allowed to say, and what kind of value it gives, as far as its text tells.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};

use crate::http::reads::{ANY_NAME, Read};

/// The most nodes of an expression.
const MOST_NODES: usize = 200;

/// What an expression is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    Request,
    Answer,
}

/// A kind of value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Money,
    Text,
    Bool,
    /// A number that is not money: a status, a size.
    Number,
    Null,
    /// A list of texts or of what came.
    List,
    /// A list of money.
    MoneyList,
    /// What came: only the request or the answer tells what it is. Never money, never a number.
    Came,
}

/// What is wrong with a node.
pub(super) struct Problem {
    pub(super) node: u64,
    pub(super) problem: String,
}

/// A name that an expression reads in what it is about, and cannot do without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Named {
    /// In which: `body`, `headers`.
    pub(super) place: &'static str,
    pub(super) name: Box<str>,
    /// Where in the text, counted from 1, if that is known.
    pub(super) column: Option<usize>,
}

/// A look through an expression.
pub(super) struct Look {
    about: Subject,
    nodes: usize,
    reads: Vec<Read>,
    /// With the nodes that they are read in.
    named: Vec<(u64, &'static str, Box<str>)>,
    /// Those that it looks for first.
    tested: Vec<(&'static str, Box<str>)>,
    /// The assets that it names itself, with the nodes of their amounts.
    assets: Vec<(u64, Box<str>)>,
    names: usize,
}

/// What requests and answers have names in.
const PLACES: [&str; 5] = ["path", "query", "headers", "body", "answer"];

impl Kind {
    /// Whether it can be of another kind, once it has come.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == other || (self == Self::Came && matches!(other, Self::Text | Self::Bool | Self::Null | Self::List))
    }
}

impl Look {
    pub(super) const fn new(about: Subject) -> Self {
        Self { about, nodes: 0, reads: Vec::new(), named: Vec::new(), tested: Vec::new(), assets: Vec::new(), names: 0 }
    }

    /// Whether it names nothing that can differ.
    pub(super) const fn is_constant(&self) -> bool {
        self.names == 0
    }

    /// The names that are read in what it is about; `has(body.n)` may ask for what is not there.
    pub(super) fn named(&self, column: impl Fn(u64) -> Option<usize>) -> Vec<Named> {
        let is_tested = |place, name: &str| self.tested.iter().any(|known| known.0 == place && *known.1 == *name);
        let needed = self.named.iter().filter(|(_, place, name)| !is_tested(*place, name));
        needed.map(|(node, place, name)| Named { place, name: name.clone(), column: column(*node) }).collect()
    }

    /// The assets that it names itself, of amounts that it makes; the others are the request's to name.
    pub(super) fn assets(&self, column: impl Fn(u64) -> Option<usize>) -> Vec<(Option<usize>, Box<str>)> {
        self.assets.iter().map(|(node, asset)| (column(*node), asset.clone())).collect()
    }

    fn reads_in(&mut self, node: &IdedExpr, name: &str, is_test: bool) {
        self.reads.extend(places(node).into_iter().map(|place| Read { place, name: name.into() }));
        let [Some(place)] = places(node)[..] else { return };
        match is_test {
            true => self.tested.push((place, name.into())),
            false => self.named.push((node.id, place, name.into())),
        }
    }

    /// The names that are read in objects.
    pub(super) fn into_reads(mut self) -> Vec<Read> {
        self.reads.sort_unstable();
        self.reads.dedup();
        self.reads
    }

    /// The kind of value that a node gives.
    pub(super) fn kind(&mut self, node: &IdedExpr) -> Result<Kind, Problem> {
        let refuse = |problem: String| Err(Problem { node: node.id, problem });
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return refuse(format!("has more than {MOST_NODES} parts"));
        }
        match &node.expr {
            Expr::Literal(LiteralValue::Boolean(_)) => Ok(Kind::Bool),
            Expr::Literal(LiteralValue::Int(_)) => Ok(Kind::Number),
            Expr::Literal(LiteralValue::String(_)) => Ok(Kind::Text),
            Expr::Literal(LiteralValue::Null) => Ok(Kind::Null),
            Expr::Literal(LiteralValue::Double(_)) => {
                refuse("is a number that rounds; amounts and prices are texts, such as '0.15'".to_owned())
            }
            Expr::Literal(LiteralValue::Bytes(_) | LiteralValue::UInt(_)) => refuse("is no value of rules".to_owned()),
            Expr::Ident(name) => {
                self.names += 1;
                match (self.about, name.as_str()) {
                    (Subject::Request, "path" | "query" | "headers" | "body") | (Subject::Answer, "answer") => {
                        Ok(Kind::Came)
                    }
                    (Subject::Request, "length") => Ok(Kind::Text),
                    (Subject::Answer, "status") => Ok(Kind::Number),
                    (Subject::Request, _) => {
                        refuse(format!("`{name}` is none of `path`, `query`, `headers`, `body` and `length`"))
                    }
                    (Subject::Answer, _) => refuse(format!("`{name}` is neither `status` nor `answer`")),
                }
            }
            Expr::Select(SelectExpr { operand, field, test }) => {
                self.reads_in(operand, field, *test);
                match self.kind(operand)? {
                    Kind::Came => Ok(if *test { Kind::Bool } else { Kind::Came }),
                    _ => refuse(format!("`.{field}` is looked for in what is no object")),
                }
            }
            Expr::List(list) => {
                let mut kinds = Vec::with_capacity(list.elements.len());
                for element in &list.elements {
                    kinds.push(self.kind(element)?);
                }
                if !kinds.is_empty() && kinds.iter().all(|kind| *kind == Kind::Money) {
                    return Ok(Kind::MoneyList);
                }
                match kinds.iter().all(|kind| kind.may_be(Kind::Text)) {
                    true => Ok(Kind::List),
                    false => refuse("is a list of something other than texts alone, or amounts alone".to_owned()),
                }
            }
            Expr::Call(call) => self.call(node.id, call),
            Expr::Comprehension(_) => refuse("is a loop, which rules do not have; `total` adds up a list".to_owned()),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => refuse("is no value of rules".to_owned()),
        }
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Result<Kind, Problem> {
        let CallExpr { func_name: function, target, args: arguments } = call;
        let wrong = |problem: String| Problem { node: id, problem };
        let looked_for = match (function.as_str(), &arguments[..]) {
            (operators::INDEX, [of, name]) => Some((of, name, false)),
            (operators::IN, [name, of]) => Some((of, name, true)),
            _ => None,
        };
        if let Some((of, name, is_test)) = looked_for
            && let Some(name) = literal(name)
        {
            self.reads_in(of, name, is_test);
        }
        if matches!(function.as_str(), "total" | "decimal_total")
            && let [_, field, _] = &arguments[..]
        {
            self.reads.push(Read { place: None, name: literal(field).unwrap_or(ANY_NAME).into() });
        }
        if matches!(function.as_str(), "minor" | "decimal" | "metered" | "total" | "decimal_total")
            && let [_, .., asset] = &arguments[..]
            && let Some(asset) = literal(asset)
        {
            self.assets.push((id, asset.into()));
        }
        let target = target.as_ref().map(|target| self.kind(target)).transpose()?;
        let mut kinds = Vec::with_capacity(arguments.len());
        for argument in arguments {
            kinds.push(self.kind(argument)?);
        }
        // Which name that is, only the request tells.
        let is_of_came = match (function.as_str(), &kinds[..]) {
            (operators::INDEX, [_, index]) => *index != Kind::Number,
            (operators::IN, [_, of]) => *of == Kind::Came,
            _ => false,
        };
        if is_of_came
            && let Some((of, name, _)) = looked_for
            && literal(name).is_none()
        {
            self.reads.extend(places(of).into_iter().map(|place| Read { place, name: ANY_NAME.into() }));
        }
        let text = |kind: &Kind| kind.may_be(Kind::Text);
        let truth = |kind: &Kind| kind.may_be(Kind::Bool);
        let given = match (target, function.as_str(), &kinds[..]) {
            (None, operators::CONDITIONAL, [condition, one, other]) if truth(condition) => either(*one, *other),
            (None, operators::LOGICAL_AND | operators::LOGICAL_OR, [one, other]) if truth(one) && truth(other) => {
                Some(Kind::Bool)
            }
            (None, operators::LOGICAL_NOT, [one]) if truth(one) => Some(Kind::Bool),
            (None, operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                // What came is text: with a number it would never be equal, and nobody would notice.
                (one.may_be(*other) || other.may_be(*one)).then_some(Kind::Bool)
            }
            (
                None,
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [Kind::Number, Kind::Number],
            ) => Some(Kind::Bool),
            (None, operators::IN, [one, Kind::List | Kind::Came]) if text(one) => Some(Kind::Bool),
            (None, operators::INDEX, [Kind::Came, index]) if text(index) || *index == Kind::Number => Some(Kind::Came),
            (None, operators::ADD, [one, other]) if text(one) && text(other) => Some(Kind::Text),
            (None, "size", [one]) if text(one) || *one == Kind::List => Some(Kind::Number),
            (Some(target), "contains" | "startsWith" | "endsWith", [one]) if text(&target) && text(one) => {
                Some(Kind::Bool)
            }
            (None, "minor" | "decimal", [one, asset]) if text(one) && text(asset) => Some(Kind::Money),
            (None, "metered", [count, price, asset]) if text(count) && text(price) && text(asset) => Some(Kind::Money),
            (None, "total", [Kind::MoneyList]) => Some(Kind::Money),
            (None, "total" | "decimal_total", [Kind::Came, Kind::Text, asset]) if text(asset) => Some(Kind::Money),
            _ => None,
        };
        given.ok_or_else(|| {
            let name = function.trim_matches(|c: char| "_?:@".contains(c)).replace("_", "");
            wrong(match function.as_str() {
                operators::EQUALS | operators::NOT_EQUALS if kinds.contains(&Kind::Number) && kinds.contains(&Kind::Text) => {
                    "compares what is never equal, a number with a text: `status` and sizes are numbers, as in `status == 201`"
                        .to_owned()
                }
                operators::EQUALS | operators::NOT_EQUALS => {
                    "compares what is never equal; what comes is text, such as '1'".to_owned()
                }
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
                    "compares texts by their letters; `status` and sizes can be compared".to_owned()
                }
                _ => format!("`{name}` is not for these values here"),
            })
        })
    }
}

/// The places that a node is; none of them where it is, or may be, a part of one.
fn places(node: &IdedExpr) -> Vec<Option<&'static str>> {
    match &node.expr {
        Expr::Ident(of) => vec![PLACES.into_iter().find(|place| place == of)],
        Expr::Call(CallExpr { func_name, args, .. }) => match (func_name.as_str(), &args[..]) {
            (operators::CONDITIONAL, [_, one, other]) => [places(one), places(other)].concat(),
            _ => vec![None],
        },
        _ => vec![None],
    }
}

/// The text that a node is, if it is one.
fn literal(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The kind of a value that is one or the other.
fn either(one: Kind, other: Kind) -> Option<Kind> {
    if one == other {
        return Some(one);
    }
    match (one, other) {
        (Kind::Came, known) | (known, Kind::Came) if Kind::Came.may_be(known) => Some(Kind::Came),
        _ => None,
    }
}
