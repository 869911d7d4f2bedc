//! An upstream that quotes the credential it was shown: what it says goes to clients, and is kept, without it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bursar_core::secret::Secret;
use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in place of a credential.
const REDACTED: &[u8] = b"[redacted]";
/// The shortest text that is looked for, in bytes: what is shorter stands in answers by itself.
const SHORTEST: usize = 6;

/// The texts of which none goes out.
#[derive(Clone, Default)]
pub(crate) struct Redaction(Arc<Texts>);

#[derive(Default)]
struct Texts {
    /// Of two that begin alike the longer one is first.
    all: Vec<Secret<Vec<u8>>>,
    /// The bytes with which one begins.
    first: Vec<u8>,
}

/// One text, piece by piece: a credential that lies over the border of two is found, too.
pub(crate) struct Redacting {
    redaction: Redaction,
    /// The end of what came, while a credential may begin there.
    kept: Vec<u8>,
}

impl Redaction {
    /// Of all that these headers show: each whole, without its scheme, and the pair and the password that stand in it.
    pub(crate) fn of<'a>(headers: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let mut texts = Vec::new();
        for value in headers.filter_map(|value| value.to_str().ok()) {
            texts.push(value.to_owned());
            let Some((scheme, shown)) = value.split_once(' ') else { continue };
            texts.push(shown.trim().to_owned());
            let decoded = STANDARD.decode(shown.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
            if let Some(pair) = decoded.and_then(|pair| String::from_utf8(pair).ok()) {
                // The user by itself is a name, and may be a word of honest answers.
                if let Some((_, password)) = pair.split_once(':') {
                    texts.push(password.to_owned());
                }
                texts.push(pair);
            }
        }
        let mut forms: Vec<Vec<u8>> =
            texts.iter().filter(|text| text.len() >= SHORTEST).flat_map(|text| forms(text)).collect();
        forms.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        forms.dedup();
        let mut first: Vec<u8> = forms.iter().filter_map(|text| text.first().copied()).collect();
        first.sort_unstable();
        first.dedup();
        Self(Arc::new(Texts { all: forms.into_iter().map(Secret::new).collect(), first }))
    }

    /// Whether there is none to be found, so that all stays as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.all.is_empty()
    }

    /// A text without any of them.
    pub(crate) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The same of bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut redacting = self.begin();
        let mut clean = redacting.push(bytes);
        clean.append(&mut redacting.end());
        clean
    }

    /// The same of a text that comes in pieces.
    pub(crate) fn begin(&self) -> Redacting {
        Redacting { redaction: self.clone(), kept: Vec::new() }
    }

    /// What to do with the beginning of these bytes, of which more may come.
    fn look(&self, rest: &[u8], more_comes: bool) -> Found {
        let mut found = Found::Nothing;
        for text in self.0.all.iter().map(Secret::expose) {
            if more_comes && text.len() > rest.len() && text.starts_with(rest) {
                return Found::Perhaps;
            }
            if matches!(found, Found::Nothing) && rest.starts_with(text) {
                found = Found::Credential(text.len());
            }
        }
        found
    }
}

enum Found {
    Nothing,
    /// One of so many bytes.
    Credential(usize),
    /// The beginning of one.
    Perhaps,
}

impl Redacting {
    /// What may go out now that this came.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(piece);
        self.cleaned(true)
    }

    /// The rest.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        self.cleaned(false)
    }

    fn cleaned(&mut self, more_comes: bool) -> Vec<u8> {
        let kept = std::mem::take(&mut self.kept);
        let may_begin = |byte: &u8| self.redaction.0.first.contains(byte);
        let mut clean = Vec::with_capacity(kept.len());
        let mut rest = kept.as_slice();
        loop {
            let (plain, from) = rest.split_at(rest.iter().position(may_begin).unwrap_or(rest.len()));
            clean.extend_from_slice(plain);
            rest = from;
            let Some((first, after)) = rest.split_first() else { break };
            rest = match self.redaction.look(rest, more_comes) {
                Found::Nothing => {
                    clean.push(*first);
                    after
                }
                Found::Credential(length) => {
                    clean.extend_from_slice(REDACTED);
                    rest.get(length..).unwrap_or_default()
                }
                Found::Perhaps => {
                    rest.clone_into(&mut self.kept);
                    break;
                }
            };
        }
        clean
    }
}

/// What a URL may show of itself (RFC 3986, 2.3); some escape that, too.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as it stands in answers: plainly, in JSON as each of its writers escapes it, and in a URL.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let in_json = |special: &str, escape: fn(char) -> String| -> String {
        let write = |character| match character {
            special_one if special.contains(special_one) => escape(special_one),
            '"' | '\\' => format!("\\{character}"),
            other => other.to_string(),
        };
        text.chars().map(write).collect()
    };
    let in_url = |reserved, lower: bool| -> String {
        let escapes = utf8_percent_encode(text, reserved);
        escapes
            .map(|part| if lower && part.starts_with('%') { part.to_ascii_lowercase() } else { part.to_owned() })
            .collect()
    };
    let forms = [
        text.to_owned(),
        in_json("/", |slash| format!("\\{slash}")),
        in_json("", |none| none.to_string()),
        // .NET and Gson escape what a page could take for its own.
        in_json("\"&'+<>`", |special| format!("\\u{:04X}", u32::from(special))),
        in_json("&'<=>", |special| format!("\\u{:04x}", u32::from(special))),
        in_url(RESERVED, false),
        in_url(RESERVED, true),
        in_url(NON_ALPHANUMERIC, false),
    ];
    forms.into_iter().map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(headers: &[&str]) -> Redaction {
        let headers: Vec<_> = headers.iter().map(|value| HeaderValue::from_str(value).unwrap()).collect();
        Redaction::of(headers.iter())
    }

    #[test]
    fn a_credential_is_found_in_every_form_in_which_it_was_shown() {
        let bearer = redaction(&["Bearer sk_live_1"]);
        assert_eq!(bearer.text("no key sk_live_1, Bearer sk_live_1."), "no key [redacted], [redacted].");
        // `shop:s/cret-1`.
        let basic = redaction(&["Basic c2hvcDpzL2NyZXQtMQ=="]);
        let strange = redaction(&["k+\"1&_2/3"]);
        for quoted in [
            r#"k+\"1&_2/3"#,
            r#"k+\"1&_2\/3"#,
            r"k\u002B\u00221\u0026_2/3",
            r#"k+\"1\u0026_2/3"#,
            "k%2B%221%26_2%2F3",
            "k%2b%221%26_2%2f3",
        ] {
            assert_eq!(strange.text(&format!("<{quoted}>")), "<[redacted]>", "{quoted}");
        }
        for quoted in ["c2hvcDpzL2NyZXQtMQ==", "shop:s/cret-1", "s/cret-1", r"s\/cret-1", "s%2Fcret%2D1"] {
            let clean = basic.text(&format!("<{quoted}>"));
            assert_eq!(clean, "<[redacted]>", "{quoted}");
        }
        assert_eq!(basic.text("the shop"), "the shop", "a word that is no secret stays");
        assert_eq!(redaction(&["k-12345"]).text("k-1234k-12345k-1234"), "k-1234[redacted]k-1234");
        assert_eq!(redaction(&[]).text("sk_live_1"), "sk_live_1");
    }

    #[test]
    fn the_border_of_two_pieces_hides_none_and_holds_nothing_else_back() {
        let (redaction, text) = (redaction(&["Bearer sk_live_1", "sk_live_12"]), "a sk_live_1 b sk_live_12 c sk_live_");
        let clean = redaction.text(text);
        assert_eq!(clean, "a [redacted] b [redacted] c sk_live_");
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut redacting = redaction.begin();
                let mut parts = redacting.push(&text.as_bytes()[..first]);
                parts.extend(redacting.push(&text.as_bytes()[first..second]));
                parts.extend(redacting.push(&text.as_bytes()[second..]));
                parts.extend(redacting.end());
                assert_eq!(String::from_utf8(parts).unwrap(), clean, "{first} {second}");
            }
        }
        assert_eq!(redaction.begin().push(b"data: x\n\n"), b"data: x\n\n", "an event waits for no other");
    }
}
