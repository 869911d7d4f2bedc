//! The encoding of Ethereum's transactions, read by another hand than the libraries': strictly, lists of items.

/// An item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    Bytes(Vec<u8>),
    List(Vec<Item>),
}

impl Item {
    /// The number in it, as big-endian bytes of 32; nothing if it has leading zeros or more.
    pub(crate) fn number(&self) -> Option<[u8; 32]> {
        let Self::Bytes(bytes) = self else { return None };
        if bytes.len() > 32 || bytes.first() == Some(&0) {
            return None;
        }
        let mut number = [0; 32];
        number[32 - bytes.len()..].copy_from_slice(bytes);
        Some(number)
    }
}

/// Reads one item that takes all the bytes.
pub(crate) fn read(bytes: &[u8]) -> Option<Item> {
    let (item, rest) = item(bytes)?;
    rest.is_empty().then_some(item)
}

fn item(bytes: &[u8]) -> Option<(Item, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((Item::Bytes(vec![first]), rest));
    }
    let (is_list, short) = if first < 0xc0 { (false, first - 0x80) } else { (true, first - 0xc0) };
    let (length, rest) = if short <= 55 {
        (usize::from(short), rest)
    } else {
        let (written, rest) = rest.split_at_checked(usize::from(short - 55))?;
        if written.first() == Some(&0) || written.len() > 4 {
            return None;
        }
        let length = written.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        (Some(length).filter(|length| *length > 55)?, rest)
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    if !is_list {
        let has_one_spelling = !(length == 1 && inside.first().is_some_and(|byte| *byte < 0x80));
        return has_one_spelling.then(|| (Item::Bytes(inside.to_vec()), rest));
    }
    let (mut items, mut left) = (Vec::new(), inside);
    while !left.is_empty() {
        let (one, behind) = item(left)?;
        items.push(one);
        left = behind;
    }
    Some((Item::List(items), rest))
}
