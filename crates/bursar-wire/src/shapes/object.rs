//! Objects with their keys in the order in which they are put, and the values that stand in them.

use bursar_core::amount::Amount;
use serde_json::{Map, Value};

use crate::requests::LARGEST_EXACT;

/// An object under construction.
#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Puts a field.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Puts a field if there is something to put.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Puts all fields of another object.
    pub(super) fn with_all(mut self, fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.0.extend(fields);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// An amount: a number while every client keeps it exact, else a text (WC §4.3).
pub(super) fn number(amount: Amount) -> Value {
    match exact(amount) {
        Some(units) => units.into(),
        None => amount.to_string().into(),
    }
}

/// What left a wallet: the amount below zero, as a number while that is exact, and always as a text.
pub(super) fn outgoing(amount: Amount) -> (Value, String) {
    let text = match amount {
        Amount::ZERO => "0".to_owned(),
        amount => format!("-{amount}"),
    };
    let number = exact(amount).and_then(|units| i64::try_from(units).ok()?.checked_neg());
    (number.map_or_else(|| text.as_str().into(), Value::from), text)
}

/// A list of texts.
pub(super) fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Value {
    items.into_iter().map(|item| Value::from(item.to_string())).collect()
}

fn exact(amount: Amount) -> Option<u64> {
    amount.as_u64().filter(|units| *units <= LARGEST_EXACT)
}
