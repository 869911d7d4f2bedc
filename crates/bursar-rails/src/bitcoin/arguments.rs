//! What a method is called with, by place or by name: each at most once, and none that is not known.

use crate::json::Json;
use crate::jsonrpc::{Call, Params};
use crate::{Forbidden, Why};

/// The arguments that are left to be read, by their names.
#[derive(Debug)]
pub(super) struct Arguments {
    what: Box<str>,
    left: Vec<(Box<str>, Json)>,
}

impl Arguments {
    /// Names the arguments of a call; by place they come in the order of `names`.
    pub(super) fn of(call: &Call, names: &[&str]) -> Result<Self, Forbidden> {
        let left = match &call.params {
            Params::List(items) if items.len() > names.len() => {
                let problem = format!("`{}` takes {} parameters at most; leave out the rest", call.method, names.len());
                return Err(Forbidden::undecodable(problem));
            }
            Params::List(items) => names.iter().map(|name| Box::from(*name)).zip(items.iter().cloned()).collect(),
            Params::Named(entries) => entries.clone(),
        };
        let arguments = Self { what: call.method.clone(), left };
        match arguments.left.iter().find(|(name, _)| !names.contains(&&**name)) {
            Some((name, _)) => Err(arguments.unknown(name)),
            None => Ok(arguments),
        }
    }

    /// The entries of an object of options.
    pub(super) fn of_options(what: &str, json: Json) -> Result<Self, Forbidden> {
        match json {
            Json::Object(left) => Ok(Self { what: what.into(), left }),
            _ => Err(Forbidden::undecodable(format!("`{what}` must be an object"))),
        }
    }

    /// Takes one out; `null` is as good as nothing, as it is to a node.
    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        let place = self.left.iter().position(|(known, _)| **known == *name)?;
        Some(self.left.remove(place).1).filter(|value| *value != Json::Null)
    }

    /// Takes one out that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<Json, Forbidden> {
        self.take(name).ok_or_else(|| Forbidden::undecodable(format!("`{}` needs `{name}`", self.what)))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<Box<str>>, Forbidden> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.misfit(name, "a text")),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<Box<str>, Forbidden> {
        match self.required(name)? {
            Json::Text(text) => Ok(text),
            _ => Err(self.misfit(name, "a text")),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Forbidden> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.misfit(name, "`true` or `false`")),
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Json>>, Forbidden> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::List(items)) => Ok(Some(items)),
            Some(_) => Err(self.misfit(name, "an array")),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<u32>, Forbidden> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => whole(&value).map(Some).ok_or_else(|| self.misfit(name, "a whole number")),
        }
    }

    /// Takes one out that may be given only if it says what happens anyhow.
    pub(super) fn only(&mut self, name: &str, accepted: &[Json], instead: &str) -> Result<(), Forbidden> {
        match self.take(name) {
            Some(value) if !accepted.contains(&value) => Err(Forbidden::new(
                Why::NotSupported,
                format!("`{}` is not carried out with that `{name}`; {instead}", self.what),
            )),
            _ => Ok(()),
        }
    }

    /// Nothing may be left that nobody read.
    pub(super) fn finish(self) -> Result<(), Forbidden> {
        self.left.first().map_or(Ok(()), |(name, _)| Err(self.unknown(name)))
    }

    pub(super) fn misfit(&self, name: &str, expected: &str) -> Forbidden {
        Forbidden::undecodable(format!("`{name}` of `{}` must be {expected}", self.what))
    }

    fn unknown(&self, name: &str) -> Forbidden {
        let problem = format!("`{}` is not known in `{}`; leave it out", name.escape_debug(), self.what);
        Forbidden::undecodable(problem)
    }
}

/// A whole number as it is written without sign, fraction, exponent or leading zeros.
pub(super) fn whole(json: &Json) -> Option<u32> {
    match json {
        Json::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::Calls;

    fn call(params: &str) -> Call {
        let written = format!(r#"{{"method":"m","id":1,"params":{params}}}"#);
        let Calls::One(call) = Calls::read(written.as_bytes()).expect("a call") else { panic!("one call") };
        call
    }

    #[test]
    fn by_place_and_by_name_are_the_same() {
        for params in [r#"["x", null, 3]"#, r#"{"c":3,"a":"x"}"#, r#"{"c":3,"b":null,"a":"x"}"#] {
            let mut arguments = Arguments::of(&call(params), &["a", "b", "c"]).expect(params);
            assert_eq!(arguments.required_text("a").as_deref(), Ok("x"));
            assert_eq!(arguments.flag("b"), Ok(None));
            assert_eq!(arguments.number("c"), Ok(Some(3)));
            assert_eq!(arguments.finish(), Ok(()));
        }
    }

    #[test]
    fn what_is_not_known_or_too_much_is_refused() {
        for params in [r#"[1,2,3,4]"#, r#"{"d":1}"#, r#"{"args":["x"]}"#] {
            assert!(Arguments::of(&call(params), &["a", "b", "c"]).is_err(), "{params}");
        }
        assert!(Arguments::of(&call("[1]"), &["a"]).expect("arguments").finish().is_err());
    }

    #[test]
    fn whole_numbers_are_plain() {
        for text in ["-1", "1.0", "1e3", "4294967296", "+1"] {
            assert_eq!(whole(&Json::Number(text.into())), None, "{text}");
        }
        assert_eq!(whole(&Json::Text("1".into())), None);
        assert_eq!(whole(&Json::Number("1008".into())), Some(1008));
    }
}
