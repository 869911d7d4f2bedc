//! Version 1, the format of the Stanford JavaScript library: PBKDF2 and AES-CCM. Every client can read it.

use aes::{Aes128, Aes192, Aes256};
use bursar_core::secret::Secret;
use ccm::aead::{Aead, Payload};
use ccm::consts::{U8, U12, U13, U16};
use ccm::{Ccm, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{MAX_LENGTH, OpenError, SealError, into_text, read_base64, read_cost, to_base64};
use crate::json::{FieldError, Fields};

/// Rounds of PBKDF2 that are written.
pub const ITERATIONS: u32 = 10_000;
/// The most rounds of PBKDF2 that are accepted when reading.
pub const MAX_ITERATIONS: u32 = 100_000;
/// The fewest rounds that the client's library accepts.
const MIN_ITERATIONS: u32 = 101;

/// Seals a text; the key order is the client's own.
///
/// # Errors
/// The text is too long.
pub fn seal(password: &str, text: &str, salt: [u8; 8], iv: [u8; 16], adata: &str) -> Result<String, SealError> {
    let escaped = escape(adata);
    if text.len().saturating_add(escaped.len()) > MAX_LENGTH / 2 {
        return Err(SealError::TooLong);
    }
    let key = derive_key(password, &salt, ITERATIONS, 32);
    let message = Payload { msg: text.as_bytes(), aad: adata.as_bytes() };
    let sealed = match nonce_of(&iv, text.len()) {
        Some(Nonce::Long(nonce)) => {
            Ccm::<Aes256, U8, U13>::new_from_slice(&key).ok().and_then(|ccm| ccm.encrypt(&nonce.into(), message).ok())
        }
        Some(Nonce::Short(nonce)) => {
            Ccm::<Aes256, U8, U12>::new_from_slice(&key).ok().and_then(|ccm| ccm.encrypt(&nonce.into(), message).ok())
        }
        None => None,
    };
    let sealed = sealed.ok_or(SealError::TooLong)?;
    Ok(format!(
        r#"{{"iv":"{}","v":1,"iter":{ITERATIONS},"ks":256,"ts":64,"mode":"ccm","adata":"{escaped}","cipher":"aes","salt":"{}","ct":"{}"}}"#,
        to_base64(&iv),
        to_base64(&salt),
        to_base64(&sealed),
    ))
}

pub(super) fn open(password: &str, fields: &Fields<'_>) -> Result<Secret<String>, OpenError> {
    let iterations = read_cost(fields, "iter", MIN_ITERATIONS, MAX_ITERATIONS)?;
    expect_text(fields, "mode", "ccm")?;
    expect_text(fields, "cipher", "aes")?;
    let (salt, iv, sealed) = (read_base64(fields, "salt")?, read_base64(fields, "iv")?, read_base64(fields, "ct")?);
    let adata = unescape(fields.optional_text("adata")?.unwrap_or_default())
        .ok_or_else(|| fields.refuse("adata", "must be escaped as JavaScript's `escape` does"))?;
    let key_bits = one_of(fields, "ks", [128, 192, 256])?;
    let tag_bits = one_of(fields, "ts", [64, 96, 128])?;
    let length = sealed.len().checked_sub(tag_bits / 8).ok_or_else(|| fields.refuse("ct", "is too short"))?;
    let nonce = nonce_of(&iv, length).ok_or_else(|| fields.refuse("iv", "must have 16 bytes"))?;
    let key = derive_key(password, &salt, iterations, key_bits / 8);
    let message = Payload { msg: &sealed, aad: adata.as_bytes() };
    let opened = match key_bits {
        128 => open_with::<Aes128>(&key, &nonce, tag_bits, message),
        192 => open_with::<Aes192>(&key, &nonce, tag_bits, message),
        _ => open_with::<Aes256>(&key, &nonce, tag_bits, message),
    };
    into_text(opened.ok_or(OpenError::WrongPassword)?)
}

fn open_with<C>(key: &[u8], nonce: &Nonce, tag_bits: usize, message: Payload<'_, '_>) -> Option<Vec<u8>>
where
    C: KeyInit + aes::cipher::BlockCipherEncrypt + aes::cipher::BlockSizeUser<BlockSize = U16>,
{
    match (nonce, tag_bits) {
        (Nonce::Long(nonce), 64) => Ccm::<C, U8, U13>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
        (Nonce::Long(nonce), 96) => Ccm::<C, U12, U13>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
        (Nonce::Long(nonce), _) => Ccm::<C, U16, U13>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
        (Nonce::Short(nonce), 64) => Ccm::<C, U8, U12>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
        (Nonce::Short(nonce), 96) => Ccm::<C, U12, U12>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
        (Nonce::Short(nonce), _) => Ccm::<C, U16, U12>::new_from_slice(key).ok()?.decrypt(nonce.into(), message).ok(),
    }
}

/// The start of the `iv` that CCM uses: the longer the text, the more bytes its length takes and the fewer are left.
enum Nonce {
    Long([u8; 13]),
    Short([u8; 12]),
}

/// The nonce for a text of `length` bytes; a 12-byte `iv` leaves room for a longer length field.
fn nonce_of(iv: &[u8], length: usize) -> Option<Nonce> {
    if length < 1 << 16 && iv.len() > 12 {
        iv.first_chunk().copied().map(Nonce::Long)
    } else {
        iv.first_chunk().copied().map(Nonce::Short)
    }
}

fn derive_key(password: &str, salt: &[u8], iterations: u32, length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut key);
    key
}

fn expect_text(fields: &Fields<'_>, name: &str, expected: &str) -> Result<(), FieldError> {
    if fields.text(name)? == expected { Ok(()) } else { Err(fields.refuse(name, format!("must be `{expected}`"))) }
}

fn one_of(fields: &Fields<'_>, name: &str, allowed: [usize; 3]) -> Result<usize, FieldError> {
    let value = fields.integer(name)?;
    let [a, b, c] = allowed;
    allowed
        .into_iter()
        .find(|allowed| i128::try_from(*allowed) == Ok(value))
        .ok_or_else(|| fields.refuse(name, format!("must be {a}, {b} or {c}")))
}

/// JavaScript's legacy `escape`, over UTF-16 units.
fn escape(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"@*_+-./".contains(&byte) => char::from(byte).to_string(),
            Ok(byte) => format!("%{byte:02X}"),
            Err(_) => format!("%u{unit:04X}"),
        })
        .collect()
}

/// Undoes [`escape`]; `None` for a broken escape or half of a surrogate pair.
fn unescape(text: &str) -> Option<String> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (taken, digits) = match character {
            '%' if rest.starts_with("%u") => (6, rest.get(2..6)?),
            '%' => (3, rest.get(1..3)?),
            _ => {
                units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                rest = rest.get(character.len_utf8()..)?;
                continue;
            }
        };
        // The radix parser would take a sign.
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        units.push(unit);
        rest = rest.get(taken..)?;
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_those_of_javascript() {
        // Results of `escape()`.
        assert_eq!(escape("ctx 1/ü"), "ctx%201/%FC");
        assert_eq!(escape("☃🚀\"\\@*_+-."), "%u2603%uD83D%uDE80%22%5C@*_+-.");
        for broken in ["%", "%2", "%+1", "%u00", "%uD83D", "%é"] {
            assert_eq!(unescape(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(text: String) {
            prop_assert_eq!(unescape(&escape(&text)), Some(text));
        }
    }
}
