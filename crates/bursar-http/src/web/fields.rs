//! What a form or a query says: names and texts, bounded. A name that is said twice where it counts once is refused.

use bursar_wire::json::FieldError;

/// The most fields of one form.
const MOST_FIELDS: usize = 1000;

/// The fields of a form or of a query, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// There are more fields than any form has.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, FieldError> {
        let mut fields = Vec::new();
        for (name, text) in form_urlencoded::parse(bytes) {
            if fields.len() >= MOST_FIELDS {
                return Err(FieldError { field: "form".to_owned(), problem: "has too many fields".to_owned() });
            }
            // Browsers send line breaks as CR LF; here a line ends with LF.
            fields.push((name.into_owned(), text.replace("\r\n", "\n")));
        }
        Ok(Self(fields))
    }

    /// The text under a name; empty if there is none. Of two nobody can say which one counts, so neither does.
    pub(crate) fn text<'a>(&'a self, name: &'a str) -> &'a str {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (Some(text), None) => text,
            _ => "",
        }
    }

    /// The text under a name, without blanks around it, if it is not empty.
    pub(crate) fn some<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Each name with its text.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// All texts under a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, text)| text.as_str())
    }

    /// Whether nothing was said: the page is asked for, not sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a box of this name was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_said_twice_counts_for_nothing_where_one_is_wanted() {
        let fields = Fields::read(b"a=1&b=x%20y&a=2&c=l%0D%0Am").unwrap();
        assert_eq!(fields.text("a"), "");
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(fields.text("b"), "x y");
        assert_eq!(fields.text("c"), "l\nm");
    }

    #[test]
    fn a_form_has_a_bound() {
        assert!(Fields::read("a=1&".repeat(MOST_FIELDS).as_bytes()).is_ok());
        assert!(Fields::read("a=1&".repeat(MOST_FIELDS + 1).as_bytes()).is_err());
    }
}
