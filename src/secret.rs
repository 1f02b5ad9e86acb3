//! Secrets: cookies and tokens are random and stored as SHA-256 hashes; passwords are stored as
//! Argon2id hashes.

use std::sync::Arc;
use std::sync::LazyLock;

use argon2::password_hash::PasswordVerifier;
use argon2::{Argon2, PasswordHasher};
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::domain::account::Password;

/// What every API token begins with, so that scanners for leaked secrets can recognise it.
pub const TOKEN_PREFIX: &str = "cmk_";

/// A new secret: `prefix` and 256 random bits in hexadecimal.
///
/// # Errors
/// The system cannot supply randomness.
pub fn generate(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}{}", hex::encode(random_bytes()?)))
}

/// 256 random bits.
///
/// # Errors
/// The system cannot supply randomness.
pub fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// The hash that is stored of a secret (SHA-256). A secret has 256 random bits, so a plain hash is
/// enough: nobody can find the secret by guessing.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Signs a text (HMAC-SHA256). Without the key nobody can make a valid signature.
pub fn sign(key: &[u8], text: &str) -> [u8; 32] {
    mac(key, text).finalize().into_bytes().into()
}

/// Whether a signature belongs to the text. Compares in constant time.
pub fn is_signed(key: &[u8], text: &str, signature: &[u8]) -> bool {
    mac(key, text).verify_slice(signature).is_ok()
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    // HMAC accepts keys of any length, so this cannot fail; the fallback key of zeros is never
    // used.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(text.as_bytes());
    mac
}

/// Hashes and checks passwords, a few at a time: by design each takes 19 MiB and some 30 ms.
#[derive(Debug, Clone)]
pub struct Passwords {
    slots: Arc<Semaphore>,
}

/// Checked if there is no such account, so that an unknown name takes as long as a wrong password.
static DUMMY: LazyLock<Option<String>> = LazyLock::new(|| {
    Argon2::default().hash_password(b"no account has this password").ok().map(|hash| hash.to_string())
});

impl Passwords {
    /// At most `concurrent` at a time.
    pub fn new(concurrent: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(concurrent)) }
    }

    /// Hashes a password (Argon2id, PHC string).
    ///
    /// # Errors
    /// The system cannot supply randomness, or the process is stopping.
    pub async fn hash(&self, password: Password) -> anyhow::Result<String> {
        let slot = Arc::clone(&self.slots).acquire_owned().await?;
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| anyhow::anyhow!("cannot hash a password: {error}"))
        })
        .await?
    }

    /// Whether a password matches a hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// The process is stopping.
    pub async fn fits(&self, password: Password, hash: Option<String>) -> anyhow::Result<bool> {
        let slot = Arc::clone(&self.slots).acquire_owned().await?;
        Ok(tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let known = hash.is_some();
            let Some(hash) = hash.or_else(|| DUMMY.clone()) else { return false };
            let fits = argon2::PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            fits && known
        })
        .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::new(1);
        let secret = || "correct horse".parse::<Password>().expect("a password");
        let hash = passwords.hash(secret()).await.expect("a hash");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.fits(secret(), Some(hash.clone())).await.expect("an answer"));
        let wrong = "wrong horse".parse().expect("a password");
        assert!(!passwords.fits(wrong, Some(hash)).await.expect("an answer"));
        let dummy = "no account has this password".parse().expect("a password");
        assert!(!passwords.fits(dummy, None).await.expect("an answer"));
    }

    #[test]
    fn a_signature_is_of_one_text_by_one_key() {
        // RFC 4231, test case 2.
        let signature = sign(b"Jefe", "what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(signature), wanted);
        assert!(is_signed(b"Jefe", "what do ya want for nothing?", &signature));
        assert!(!is_signed(b"Jefe", "what do ya want for nothing!", &signature));
        assert!(!is_signed(b"jefe", "what do ya want for nothing?", &signature));
        assert!(!is_signed(b"Jefe", "what do ya want for nothing?", &signature[..31]));
        assert!(!is_signed(b"Jefe", "what do ya want for nothing?", b""));
    }

    #[test]
    fn secrets_differ() {
        let one = generate(TOKEN_PREFIX).expect("randomness");
        assert!(one.starts_with("cmk_") && one.len() == 68);
        assert_ne!(one, generate(TOKEN_PREFIX).expect("randomness"));
    }
}
