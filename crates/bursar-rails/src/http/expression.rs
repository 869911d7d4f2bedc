//! Expressions of rules: compiled once, checked before they are ever used, evaluated in bounded steps.
//!
//! INVARIANT: an evaluation takes no more steps than the expression has nodes. There are no loops (`map`, `all` and their
//! like are refused), so what a request contains makes a step longer, and never makes more of them.

use std::sync::Arc;

use bursar_core::amount::Amount;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use crate::http::compare;
use crate::http::kind::{self, Kind, Named, Subject};
use crate::http::money::{self, Money};
use crate::http::reads::Read;

/// The longest expression, in bytes.
const LONGEST: usize = 2000;

/// The language of rules: CEL's without loops, and with money.
#[derive(Clone)]
pub(super) struct Language(Arc<Env>);

/// What expressions are about, ready to be named.
pub(super) struct Facts<'a>(Context<'a, 'a>);

/// An expression of a rule.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    tree: IdedExpr,
    /// The names that it reads in objects.
    reads: Vec<Read>,
    /// Those that it reads in what it is about.
    named: Vec<Named>,
    /// The assets that it names itself, and where.
    assets: Vec<(Option<usize>, Box<str>)>,
}

/// Why a text is no expression of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InvalidExpression {
    /// Where in the text, counted from 1, if that is known.
    pub(super) column: Option<usize>,
    pub(super) problem: String,
}

/// What an expression must give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gives {
    /// Money; an asset has so many decimal places.
    Money(u8),
    Text,
    /// A text that is another one for other requests.
    Name,
    Bool,
    /// One of both, and another one for other requests.
    Truth,
}

impl Language {
    /// The language.
    pub(super) fn new() -> Result<Self, String> {
        // The macros are parsed, so that loops are told of as what they are.
        let mut env = Env::stdlib().with_optional_support(false);
        let declared = money::declare(&mut env).and_then(|()| compare::declare(&mut env));
        declared.map_err(|problem| problem.to_string())?;
        Ok(Self(Arc::new(env)))
    }

    /// What expressions can name.
    pub(super) fn about<'a>(&self, facts: &'a dyn VariableResolver) -> Facts<'a> {
        let mut context = Context::with_env(Arc::clone(&self.0));
        context.set_variable_resolver(facts);
        Facts(context)
    }

    /// Compiles an expression about something, that must give something.
    pub(super) fn compile(&self, text: &str, about: Subject, gives: Gives) -> Result<Expression, InvalidExpression> {
        if text.len() > LONGEST {
            let problem = format!("has more than {LONGEST} bytes");
            return Err(InvalidExpression { column: None, problem });
        }
        let program = self.0.compile(text).map_err(|found| {
            let first = found.errors.first();
            InvalidExpression {
                column: first.and_then(|first| usize::try_from(first.pos.1).ok()),
                problem: first.map_or_else(|| found.to_string(), |first| first.msg.clone()),
            }
        })?;
        let mut tree = program.expression().clone();
        let column = |node| {
            let (start, _) = program.source_info().offset_for(node)?;
            usize::try_from(start).ok()?.checked_add(1)
        };
        let at = |found: kind::Problem| InvalidExpression { column: column(found.node), problem: found.problem };
        let mut looked = kind::Look::new(about);
        let kind = looked.kind(&tree).map_err(at)?;
        let whole = |problem: &str| InvalidExpression { column: Some(1), problem: problem.to_owned() };
        match gives {
            Gives::Money(_) if kind != Kind::Money => {
                return Err(whole("gives no amount: make it with `minor`, `decimal`, `metered` or `total`"));
            }
            Gives::Text | Gives::Name if !kind.may_be(Kind::Text) => return Err(whole("gives no text")),
            Gives::Bool | Gives::Truth if !kind.may_be(Kind::Bool) => {
                return Err(whole("gives neither `true` nor `false`"));
            }
            Gives::Truth if looked.is_constant() => return Err(whole("says the same of every request")),
            Gives::Name if looked.is_constant() => return Err(whole("gives the same name to every spend")),
            _ => {}
        }
        if let Gives::Money(places) = gives {
            give_places(&mut tree, places);
        }
        look_up_directly(&mut tree);
        // Answers are the upstream's own, and what cannot be told of them stays held.
        if about == Subject::Request {
            compare_plainly(&mut tree);
        }
        let (named, assets) = (looked.named(column), looked.assets(column));
        Ok(Expression { tree, named, assets, reads: looked.into_reads() })
    }
}

impl Expression {
    /// The names that it reads in objects.
    pub(super) fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The names that it reads in what it is about, and cannot do without.
    pub(super) fn named(&self) -> &[Named] {
        &self.named
    }

    /// The assets that it names itself, of amounts that it makes, and where in the text, if that is known.
    pub(super) fn assets(&self) -> &[(Option<usize>, Box<str>)] {
        &self.assets
    }

    /// The amount it gives, of this asset.
    pub(super) fn amount(&self, facts: &Facts<'_>, asset: &str) -> Result<Amount, String> {
        self.evaluate(facts, |value| {
            let money = value.downcast_ref::<Money>().ok_or("gives no amount")?;
            if *money.asset != *asset {
                return Err(format!("gives an amount of `{}`, not of `{asset}`", money.asset.escape_debug()));
            }
            Ok(money.units)
        })
    }

    /// The text it gives.
    pub(super) fn text(&self, facts: &Facts<'_>) -> Result<Box<str>, String> {
        self.evaluate(facts, |value| {
            let text = value.downcast_ref::<CelString>().ok_or("gives no text")?;
            Ok(text.inner().into())
        })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> Result<bool, String> {
        self.evaluate(facts, |value| {
            let holds = value.downcast_ref::<CelBool>().ok_or("gives neither `true` nor `false`")?;
            Ok(*holds.inner())
        })
    }

    fn evaluate<T>(
        &self,
        facts: &Facts<'_>,
        read: impl FnOnce(&CowVal<'_, '_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let value = Value::resolve_val(&self.tree, &facts.0).map_err(|error| told(&error))?;
        read(&value)
    }
}

/// `decimal(text, asset)` becomes the same with the places of the asset, which no client decides.
fn give_places(node: &mut IdedExpr, places: u8) {
    match &mut node.expr {
        Expr::Call(CallExpr { func_name, target, args }) => {
            target.iter_mut().for_each(|target| give_places(target, places));
            args.iter_mut().for_each(|argument| give_places(argument, places));
            let with_places = match func_name.as_str() {
                "decimal" => Some(money::DECIMAL_WITH_PLACES),
                "decimal_total" => Some(money::TOTAL_WITH_PLACES),
                _ => None,
            };
            if let Some(with_places) = with_places {
                with_places.clone_into(func_name);
                let literal = Expr::Literal(LiteralValue::Int(CelInt::from(i64::from(places))));
                args.push(IdedExpr { id: node.id, expr: literal });
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|element| give_places(element, places)),
        // An amount cannot lie in anything else.
        _ => {}
    }
}

/// `a.b` becomes `a['b']`: that `a.b` could be a name of its own would be looked for at every evaluation.
fn look_up_directly(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Select(select) => {
            look_up_directly(&mut select.operand);
            if !select.test {
                let name = Expr::Literal(LiteralValue::String(std::mem::take(&mut select.field).into()));
                let args = vec![std::mem::take(&mut *select.operand), IdedExpr { id: node.id, expr: name }];
                node.expr = Expr::Call(CallExpr { func_name: operators::INDEX.to_owned(), target: None, args });
            }
        }
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| look_up_directly(target));
            call.args.iter_mut().for_each(look_up_directly);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(look_up_directly),
        // Nothing else has parts: it was looked through before.
        _ => {}
    }
}

/// `==`, `!=` and `in` become what fails where two readers could differ.
fn compare_plainly(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Select(select) => compare_plainly(&mut select.operand),
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| compare_plainly(target));
            call.args.iter_mut().for_each(compare_plainly);
            match call.func_name.as_str() {
                operators::EQUALS => compare::SAME.clone_into(&mut call.func_name),
                operators::IN => compare::AMONG.clone_into(&mut call.func_name),
                operators::NOT_EQUALS => {
                    compare::SAME.clone_into(&mut call.func_name);
                    let same = IdedExpr { id: node.id, expr: Expr::Call(std::mem::take(call)) };
                    let func_name = operators::LOGICAL_NOT.to_owned();
                    node.expr = Expr::Call(CallExpr { func_name, target: None, args: vec![same] });
                }
                _ => {}
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(compare_plainly),
        _ => {}
    }
}

/// What went wrong, without the values that somebody else may read.
fn told(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(what) => format!("{what} is missing"),
        ExecutionError::UndeclaredReference(name) => format!("`{}` cannot be read", name.escape_debug()),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchOverload(overload) => {
            let function = match overload.function() {
                money::DECIMAL_WITH_PLACES => "decimal",
                money::TOTAL_WITH_PLACES => "decimal_total",
                other => other,
            };
            format!("`{function}` does not take {}", overload.argument_types().join(", "))
        }
        _ => "cannot be evaluated".to_owned(),
    }
}
