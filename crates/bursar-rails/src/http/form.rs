//! Forms and queries that can be read in one way only, and escapes.

use std::borrow::Cow;

use bursar_core::text::{PROTOTYPE, folded};

use crate::Forbidden;
use crate::http::reads::Reads;

/// The most pairs of a form or query.
const MOST_PAIRS: usize = 512;

/// So many names are compared with each other; more are sorted.
const FEW: usize = 16;

/// Names and values, in their order.
pub(super) type Pairs = Vec<(Box<str>, Box<str>)>;

/// Reads `a=1&b=2`: whole names, each with its `=`; those that the rule reads once, whatever the case of their letters.
///
/// # Errors
/// Two readers could differ in what it says by a name that the rule reads.
pub(super) fn pairs(text: &str, what: &str, reads: &Reads) -> Result<Pairs, Forbidden> {
    let refuse = |problem: &str| Forbidden::undecodable(format!("the {what} {problem}"));
    let mut pairs = Pairs::new();
    if text.is_empty() {
        return Ok(pairs);
    }
    for part in text.split('&') {
        // `;` separates pairs to some, and is part of a value to others.
        let is_usual = |byte: u8| byte.is_ascii_graphic() && !b";\"<>\\^`#".contains(&byte);
        if !part.bytes().all(is_usual) {
            return Err(refuse("has a character that must be escaped"));
        }
        let (name, value) = part.split_once('=').ok_or_else(|| refuse("has a name without `=` and a value"))?;
        let read = |text| unescape(text, true).ok_or_else(|| refuse("has an escape that cannot be read"));
        let (name, value) = (read(name)?, read(value)?);
        if !is_whole(&name, reads.concern(&name)) {
            return Err(refuse("has a name that is none; write `name`, or `name[part]` of a part"));
        }
        if value.contains('\0') {
            return Err(refuse("has a value with a zero byte"));
        }
        pairs.push((name.into(), value.into()));
        if pairs.len() > MOST_PAIRS {
            return Err(refuse(&format!("has more than {MOST_PAIRS} values")));
        }
    }
    match in_two_ways(pairs.iter().map(|(name, _)| &**name).filter(|name| reads.meet(name))) {
        Some(problem) => Err(refuse(&problem)),
        None => Ok(pairs),
    }
}

/// What two readers could differ in, of names.
fn in_two_ways<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = twice(names.clone()) {
        return Some(format!("has `{name}` twice"));
    }
    if !names.clone().any(|name| name.contains(UNDERLINED) || name.contains(':')) {
        return None;
    }
    let mut names: Vec<_> = names.map(folded).collect();
    names.sort_unstable();
    if let Some(name) = names.iter().find(|name| is_list_too(&names, name)) {
        return Some(format!("has `{name}` as a value and as a list"));
    }
    let mut alike: Vec<_> = names.iter().map(|name| underlined(name)).collect();
    alike.sort_unstable();
    let twice = alike.windows(2).find_map(|pair| pair.first().filter(|name| pair.get(1) == Some(name)));
    twice.map(|name| format!("has two names that are `{name}` to some"))
}

/// What PHP writes as `_`, and others take for what leads to a part.
const UNDERLINED: [char; 3] = ['.', '[', ']'];

/// The most parts of a name.
pub(super) const MOST_PARTS: usize = 32;

/// Whether a name is one, or one with all its parts in brackets and nothing behind them: PHP leaves off what stands behind,
/// and others leave off brackets that stand alone, quotes, or what comes first. Of parts only the last may be without a name;
/// where the rule reads one of the base, numbers are written in one way.
fn is_whole(name: &str, is_read: bool) -> bool {
    let (base, parts) = name.split_at(name.find('[').unwrap_or(name.len()));
    // To JavaScript the prototype has what is not there.
    let is_plain = |part: &str| part.chars().all(|c| c.is_alphanumeric() || "_-.:@$/".contains(c)) && part != PROTOTYPE;
    let is_base = !base.is_empty() && is_plain(base) && !base.starts_with('.');
    if !is_base || parts.is_empty() {
        return is_base;
    }
    let Some(parts) = parts.strip_prefix('[').and_then(|parts| parts.strip_suffix(']')) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.chars().all(char::is_numeric);
    let is_odd_number = |part: &str| {
        let digits = part.trim_start_matches('-');
        is_number(digits)
            && (digits.len() < part.len() || !digits.is_ascii() || (digits.len() > 1 && digits.starts_with('0')))
    };
    let all: Vec<_> = parts.split("][").collect();
    let before_last = all.len().saturating_sub(1);
    all.len() <= MOST_PARTS
        && all.iter().all(|part| !part.contains(['[', ']', '\0']) && *part != PROTOTYPE)
        && (!is_read || all.iter().all(|part| is_plain(part) && !is_odd_number(part)))
        && all.iter().take(before_last).all(|part| !part.is_empty())
}

/// `a.b`, `a[b]` and `a_b` as one: each is the same as another to somebody.
pub(super) fn underlined(name: &str) -> Cow<'_, str> {
    match name.contains(UNDERLINED) {
        true => Cow::Owned(name.replace("][", "_").replace(']', "").replace(UNDERLINED, "_")),
        false => Cow::Borrowed(name),
    }
}

/// Whether a name is a list to another one of these names, which are in order: of `amount` and `amount[0]`, and of `to[]`
/// `to[0]` or `to.0`, some take the one, some the other.
fn is_list_too(names: &[Cow<'_, str>], name: &str) -> bool {
    let base = name.strip_suffix("[]").unwrap_or(name);
    ['[', '.', ':'].into_iter().any(|part| {
        let list = format!("{base}{part}");
        let first = names.partition_point(|other| **other < *list);
        // Each name is there once, so of two one is another.
        names.iter().skip(first).take(2).any(|other| other != name && other.starts_with(&list))
    })
}

/// Whether two names are one to somebody who takes no heed of the case of letters.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    // Letters that are not ASCII may be one with such as are, and of another length.
    one.eq_ignore_ascii_case(other) || (!(one.is_ascii() && other.is_ascii()) && folded(one) == folded(other))
}

/// A name that is there twice, as somebody reads who takes no heed of the case of letters.
pub(super) fn twice<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if names.clone().nth(FEW).is_none() {
        let mut rest = names;
        while let Some(name) = rest.next() {
            if rest.clone().any(|other| is_same_name(name, other)) {
                return Some(folded(name).into_owned());
            }
        }
        return None;
    }
    let mut all: Vec<_> = names.map(folded).collect();
    all.sort_unstable();
    all.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(one.clone().into_owned()),
        _ => None,
    })
}

/// The name of which a name is a part, as somebody reads who takes no heed of the case of letters.
pub(super) fn base(name: &str) -> Cow<'_, str> {
    folded(name.split(['[', ']', '.', ':', '\'', '"']).find(|part| !part.is_empty()).unwrap_or_default())
}

/// Writes pairs, escaped.
pub(super) fn written<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// Writes a text with everything escaped that is not a letter, a digit or `-._~`.
pub(super) fn encode(text: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.bytes().all(is_plain) {
        into.push_str(text);
        return;
    }
    for byte in text.bytes() {
        if is_plain(byte) {
            into.push(char::from(byte));
        } else {
            let digit = |place: u8| DIGITS.get(usize::from(place)).copied().map_or('0', char::from);
            into.push('%');
            into.push(digit(byte >> 4));
            into.push(digit(byte & 15));
        }
    }
}

/// Resolves escapes, once; nothing if one is malformed or the bytes are no text.
pub(super) fn unescape(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.bytes().any(|byte| byte == b'%' || (byte == b'+' && plus_is_space)) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit()?, digit()?);
                (high << 4) | low
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::reads::{ANY_NAME, Read};

    fn pairs(text: &str, what: &str) -> Result<Pairs, Forbidden> {
        super::pairs(text, what, &Reads::of(&[Read { place: Some("body"), name: ANY_NAME.into() }]))
    }

    #[test]
    fn what_the_rule_does_not_read_may_be_there_as_often_as_its_upstream_takes_it() {
        let reads = Reads::of(&["amount", "to.id", "a_b"].map(|name| Read { place: Some("body"), name: name.into() }));
        let read = |form: &str| super::pairs(form, "form", &reads);
        for form in ["expand[]=a&expand[]=b&amount=1", "x=1&x=2", "x=1&x[0]=2", "x.y=1&x_y=2"] {
            assert!(read(form).is_ok(), "{form}: {:?}", read(form));
        }
        for form in [
            "amount=1&amount=2",
            "amount[]=1&amount[]=2",
            "amount=1&AMOUNT[0]=2",
            "to.id=1&to[id]=2",
            "x]=1",
            "x[y]z=1",
            "amount=1&!amount=2",
            "to['y']=1",
            "to[%22y%22]=1",
            "to[00]=1",
            "to[-0]=1",
            "to[%2B0]=1",
            "amount=1&amount:int=2",
        ] {
            assert!(read(form).is_err(), "{form}");
        }
    }

    #[test]
    fn a_form_that_two_readers_could_read_in_two_ways_is_refused() {
        for form in [
            "a=1&a=2",
            "a=1&A=2",
            "a=1&%61=2",
            "a=1&b",
            "a=1&&b=2",
            "&a=1",
            "a=1&",
            "=1",
            "a=1;b=2",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%ff",
            "a=1&a[]=2",
            "a[0]=1&A=2",
            "a[b]=1&a[b]x=2",
            "a[b]x=2",
            "a[b]=1&a[b]]=2",
            "a[b]=1&a[b][]=2",
            "a[b]=1&A[B][c]=2",
            "a[]=1&a[0]=2",
            "a[b]=1&a.b=2",
            "a_b=1&a.b=2",
            "a=1&a.0=2",
            ".a=1",
            "a[b]=1&a[b].c=2",
            "a_b=1&a[b=2",
            "[a]=1&a=2",
            "[a]=1",
            "]a=1",
            "a]=1",
            "a[[b]]=1",
            "a[][b]=1",
            "a[b][=1",
            "%EF%BB%BFa=1&a=2",
            "a[]=1&a[]=2",
            "is=1&i%C5%BF=2",
            "k=1&%E2%84%AA=2",
            "to_id=1&to_%C4%B1d=2",
            "id=1&%C4%B0D=2",
            "fi=1&%EF%AC%81=2",
            "is[]=1&i%C5%BF=2",
            "a b=1",
            "a+b=1",
            "a=1 2",
            "a=%00",
            "a%00=1",
            "ü=1",
            "a=1\r\nb=2",
            "a%0a=1",
        ] {
            assert!(pairs(form, "form").is_err(), "{form}");
        }
        let many: Vec<_> = (0..=MOST_PAIRS).map(|number| format!("a{number}=1")).collect();
        assert!(pairs(&many.join("&"), "form").is_err());
    }

    #[test]
    fn parts_and_lists_are_read_where_their_names_are_whole() {
        for form in [
            "a[b]=1&a[c]=2&b=3",
            "a[0]=1&a[1]=2",
            "a[]=1",
            "items[0][price_data][recurring][interval]=month&items[0][price_data][currency]=usd&items[1][price]=p",
            "a.b=1&a.c=2&a_d=3",
        ] {
            assert!(pairs(form, "form").is_ok(), "{form}: {:?}", pairs(form, "form"));
        }
        assert!(pairs(&format!("a{}=1", "[b]".repeat(MOST_PARTS.saturating_add(1))), "form").is_err());
    }

    #[test]
    fn escapes_are_resolved_once_and_a_plus_is_a_space() {
        let read = pairs("a=1%2B1+%3D&card[number]=42&card[exp]=%2525", "form").expect("a form");
        let read: Vec<_> = read.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(read, [("a", "1+1 ="), ("card[number]", "42"), ("card[exp]", "%25")]);
        assert_eq!(pairs("", "form").map(|pairs| pairs.len()), Ok(0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(value in "[^\\x00]*") {
            let text = written([("name", value.as_str())]);
            prop_assert_eq!(pairs(&text, "form"), Ok(vec![("name".into(), value.into())]));
        }

        #[test]
        fn no_form_makes_it_panic(text in ".*") {
            let _ = pairs(&text, "form");
        }
    }
}
