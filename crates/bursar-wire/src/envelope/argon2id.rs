//! Version 2: Argon2id and AES-256-GCM. Clients older than 2.0 cannot read it.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Params, Version};
use bursar_core::secret::Secret;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{MAX_LENGTH, OpenError, SealError, into_text, read_base64, read_cost, to_base64};
use crate::json::Fields;

/// What an attempt at the password costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Memory in KiB, at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Cost {
    /// What the client writes by default: 64 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Self = Self { memory_kib: 65_536, iterations: 3, parallelism: 4 };
    /// The most that is accepted when reading.
    pub const MAX: Self = Self { memory_kib: 262_144, iterations: 16, parallelism: 16 };

    fn params(self) -> Option<Params> {
        let allowed = self.memory_kib <= Self::MAX.memory_kib
            && self.iterations <= Self::MAX.iterations
            && self.parallelism <= Self::MAX.parallelism;
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32)).ok().filter(|_| allowed)
    }
}

/// Ties a key of the client's key session to this format.
const SESSION_INFO: &[u8] = b"bitgo-v2-session";

/// Seals a text; the key order is the client's own.
///
/// # Errors
/// The text is too long, or the cost is outside of what readers accept.
pub fn seal(
    password: &str,
    text: &str,
    cost: Cost,
    salt: [u8; 16],
    iv: [u8; 12],
    adata: Option<&str>,
) -> Result<String, SealError> {
    let adata_json = adata.map(|adata| format!(r#","adata":{}"#, serde_json::Value::from(adata))).unwrap_or_default();
    if text.len().saturating_add(adata_json.len()) > MAX_LENGTH / 2 {
        return Err(SealError::TooLong);
    }
    let params = cost.params().ok_or(SealError::Cost)?;
    let key = derive_key(password, &salt, params).ok_or(SealError::Cost)?;
    let message = Payload { msg: text.as_bytes(), aad: adata.unwrap_or_default().as_bytes() };
    let sealed = Aes256Gcm::new((&*key).into()).encrypt(&iv.into(), message).map_err(|_| SealError::TooLong)?;
    Ok(format!(
        r#"{{"v":2,"m":{},"t":{},"p":{},"salt":"{}","iv":"{}","ct":"{}"{adata_json}}}"#,
        cost.memory_kib,
        cost.iterations,
        cost.parallelism,
        to_base64(&salt),
        to_base64(&iv),
        to_base64(&sealed),
    ))
}

pub(super) fn open(password: &str, fields: &Fields<'_>) -> Result<Secret<String>, OpenError> {
    let cost = Cost {
        memory_kib: read_cost(fields, "m", 1, Cost::MAX.memory_kib)?,
        iterations: read_cost(fields, "t", 1, Cost::MAX.iterations)?,
        parallelism: read_cost(fields, "p", 1, Cost::MAX.parallelism)?,
    };
    let params = cost.params().ok_or_else(|| fields.refuse("m", "must be at least 8 times `p`"))?;
    let (salt, iv, sealed) = (read_base64(fields, "salt")?, read_base64(fields, "iv")?, read_base64(fields, "ct")?);
    let iv: [u8; 12] = iv.try_into().map_err(|_| fields.refuse("iv", "must have 12 bytes"))?;
    let adata = fields.optional_text("adata")?.unwrap_or_default();
    let session_salt = fields.optional_text("hkdfSalt")?.map(|_| read_base64(fields, "hkdfSalt")).transpose()?;
    let mut key =
        derive_key(password, &salt, params).ok_or_else(|| fields.refuse("salt", "must have 8 bytes or more"))?;
    if let Some(session_salt) = session_salt {
        let master = key.clone();
        Hkdf::<Sha256>::new(Some(&session_salt), &*master)
            .expand(SESSION_INFO, &mut *key)
            .map_err(|_| OpenError::WrongPassword)?;
    }
    let message = Payload { msg: &sealed, aad: adata.as_bytes() };
    let opened = Aes256Gcm::new((&*key).into()).decrypt(&iv.into(), message);
    into_text(opened.map_err(|_| OpenError::WrongPassword)?)
}

fn derive_key(password: &str, salt: &[u8], params: Params) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut *key)
        .ok()?;
    Some(key)
}
