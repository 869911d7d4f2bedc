//! One-time passwords of an authenticator app: RFC 6238 with SHA-1, six digits, 30 seconds, one step
//! of drift either way, each step used once.
//!
//! SHA-1 since many apps know nothing else; HMAC does not need its collision resistance. The step that
//! was accepted must be stored before anything is done with the verdict, or a code counts twice.

use std::fmt;

use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::render::svg::Color as SvgColor;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use totp_rs::{Algorithm, Builder, Totp};

/// Length of a step in seconds.
pub const STEP_SECONDS: u64 = 30;
/// Digits of a code.
pub const DIGITS: u8 = 6;
/// Random bytes of a secret, the length of the hash (RFC 4226 §4).
pub const SECRET_BYTES: usize = 20;

const SKEW_STEPS: u16 = 1;
/// The least width and height of a drawn QR code, in pixels.
const SVG_SIZE: u32 = 240;
/// What a URI may show as it is (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secret an authenticator app shares with us. It does not print and is wiped when dropped.
#[derive(Clone, Debug)]
pub struct TotpSecret(Secret<[u8; SECRET_BYTES]>);

/// What a code is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtpVerdict {
    /// Right, and never used: store `step` as the device's last used one.
    Accepted {
        /// Number of the 30-second step since the Unix epoch.
        step: u64,
    },
    /// Right, but this code or a later one was used before.
    AlreadyUsed {
        /// When the first code that can pass starts, by our clock; may be past if the device is behind.
        next_code_at: Timestamp,
    },
    /// Not a code of this device around this time.
    Wrong,
    /// Not even 6 to 8 digits.
    Malformed,
}

impl TotpSecret {
    /// A secret of given random bytes.
    pub const fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, for sealing them into the store.
    pub const fn expose(&self) -> &[u8; SECRET_BYTES] {
        self.0.expose()
    }

    /// The secret as people type it into an app: base32 in upper case (RFC 4648 §6).
    pub fn base32(&self) -> Secret<String> {
        Secret::new(base32::encode(base32::Alphabet::Rfc4648 { padding: false }, self.expose()))
    }

    /// The URI that an app reads from a QR code. It holds the secret.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Secret<String> {
        let issuer = utf8_percent_encode(issuer, ESCAPED);
        let account = utf8_percent_encode(account, ESCAPED);
        let secret = self.base32();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.expose()
        ))
    }

    fn totp(&self) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW_STEPS)
            .with_step_duration(STEP_SECONDS)
            .with_secret(*self.expose())
            .build_noncompliant()
    }

    /// The code that an app shows at `now`; for the test application and for enrolment checks.
    pub fn code_at(&self, now: Timestamp) -> String {
        self.totp().generate(seconds(now)).to_string()
    }
}

/// Judges a code. `last_used_step` is the device's, as stored with the last accepted code.
///
/// The comparison takes the same time for every wrong code.
pub fn verify(secret: &TotpSecret, code: &str, now: Timestamp, last_used_step: Option<u64>) -> OtpVerdict {
    if !is_code(code) {
        return OtpVerdict::Malformed;
    }
    match (secret.totp().check(code, seconds(now)), last_used_step) {
        (None, _) => OtpVerdict::Wrong,
        (Some(step), Some(last)) if step <= last => {
            OtpVerdict::AlreadyUsed { next_code_at: start_of(last.saturating_add(1)) }
        }
        (Some(step), _) => OtpVerdict::Accepted { step },
    }
}

/// Whether a text can be a one-time password at all: 6 to 8 ASCII digits (WC §3.1).
pub fn is_code(text: &str) -> bool {
    (6..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Draws a text as a QR code of half blocks, for a terminal with light letters on a dark ground.
///
/// # Errors
/// [`TooLong`] for a QR code.
pub fn terminal_qr(text: &str) -> Result<Secret<String>, TooLong> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| TooLong)?;
    // A terminal's ground is dark, so what is printed is the light part.
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Ok(Secret::new(drawn))
}

/// Draws a text as a QR code, an SVG image with dark modules on a light ground whatever surrounds it.
///
/// # Errors
/// [`TooLong`] for a QR code.
pub fn svg_qr(text: &str) -> Result<Secret<String>, TooLong> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLong)?;
    let drawn = code.render::<SvgColor<'_>>().min_dimensions(SVG_SIZE, SVG_SIZE).build();
    // An image in a page, not a document of its own.
    let start = drawn.find("<svg").unwrap_or_default();
    Ok(Secret::new(drawn.get(start..).unwrap_or_default().to_owned()))
}

/// The text does not fit into a QR code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is too long for a QR code")
    }
}

impl std::error::Error for TooLong {}

/// Before 1970 there are no steps; all such times count as the first.
fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_seconds()).unwrap_or(0)
}

fn start_of(step: u64) -> Timestamp {
    Timestamp::default().plus(Span::from_seconds(step.saturating_mul(STEP_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: TotpSecret = TotpSecret::new(*b"12345678901234567890");
    const NOW: Timestamp = Timestamp::from_millis(1_790_000_005_000);
    const NOW_STEP: u64 = 1_790_000_005 / STEP_SECONDS;

    fn step_later(steps: u64) -> Timestamp {
        NOW.plus(Span::from_seconds(steps * STEP_SECONDS))
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        // Appendix B, the last six of its eight digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_millis(second * 1000);
            assert_eq!(SECRET.code_at(now), code);
            assert_eq!(
                verify(&SECRET, code, now, None),
                OtpVerdict::Accepted { step: u64::try_from(second).unwrap() / 30 }
            );
        }
    }

    #[test]
    fn the_parameters_are_ones_the_rfc_allows() {
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS).with_skew(SKEW_STEPS);
        assert!(builder.with_step_duration(STEP_SECONDS).with_secret([0; SECRET_BYTES]).build().is_ok());
    }

    #[test]
    fn one_step_of_drift_either_way_passes_and_two_do_not() {
        let code = SECRET.code_at(NOW);
        for (now, verdict) in [
            (NOW, OtpVerdict::Accepted { step: NOW_STEP }),
            (step_later(1), OtpVerdict::Accepted { step: NOW_STEP }),
            (NOW.minus(Span::from_seconds(30)), OtpVerdict::Accepted { step: NOW_STEP }),
            (step_later(2), OtpVerdict::Wrong),
            (NOW.minus(Span::from_seconds(60)), OtpVerdict::Wrong),
        ] {
            assert_eq!(verify(&SECRET, &code, now, None), verdict);
        }
    }

    #[test]
    fn a_step_counts_once_and_the_refusal_says_when_the_next_starts() {
        let code = SECRET.code_at(NOW);
        let next_code_at = Timestamp::from_millis(1_790_000_010_000);
        assert_eq!(verify(&SECRET, &code, NOW, Some(NOW_STEP)), OtpVerdict::AlreadyUsed { next_code_at });
        assert_eq!(
            verify(&SECRET, &SECRET.code_at(next_code_at), next_code_at, Some(NOW_STEP)),
            OtpVerdict::Accepted { step: NOW_STEP + 1 }
        );
    }

    #[test]
    fn a_code_before_the_last_used_one_is_used_up_too() {
        let early = SECRET.code_at(NOW);
        let verdict = verify(&SECRET, &early, step_later(1), Some(NOW_STEP + 1));
        assert!(matches!(verdict, OtpVerdict::AlreadyUsed { .. }), "{verdict:?}");
    }

    #[test]
    fn a_wrong_code_is_wrong_whatever_was_used_before() {
        let right = SECRET.code_at(NOW);
        let wrong = if right == "000000" { "000001" } else { "000000" };
        assert_eq!(verify(&SECRET, wrong, NOW, Some(NOW_STEP)), OtpVerdict::Wrong);
        assert_eq!(verify(&SECRET, &format!("0{right}"), NOW, None), OtpVerdict::Wrong);
        assert_eq!(verify(&SECRET, &format!("{right}00"), NOW, None), OtpVerdict::Wrong);
    }

    #[test]
    fn what_is_not_six_to_eight_digits_is_malformed() {
        for code in
            ["", "12345", "123456789", "12345a", " 123456", "123 456", "+123456", "-123456", "１２３４５６", "١٢٣"]
        {
            assert_eq!(verify(&SECRET, code, NOW, None), OtpVerdict::Malformed, "{code}");
        }
    }

    #[test]
    fn the_uri_says_everything_and_escapes_names() {
        let uri = SECRET.otpauth_uri("Bursar Test", "user:1@example.com");
        assert_eq!(
            uri.expose(),
            "otpauth://totp/Bursar%20Test:user%3A1%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bursar%20Test&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(SECRET.base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn the_secret_does_not_print() {
        assert_eq!(format!("{SECRET:?}"), "TotpSecret(Secret(..))");
    }

    #[test]
    fn the_drawn_code_shows_every_module_with_a_quiet_zone_around() {
        let text = "otpauth://totp/x";
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let (width, quiet) = (code.width(), 4);
        let drawn = terminal_qr(text).unwrap();
        let lines: Vec<Vec<char>> = drawn.expose().lines().map(|line| line.chars().collect()).collect();
        let printed = |x: usize, y: usize| match lines[y / 2][x] {
            '█' => true,
            '▀' => y.is_multiple_of(2),
            '▄' => !y.is_multiple_of(2),
            _ => false,
        };
        for y in 0..width + 2 * quiet {
            for x in 0..width + 2 * quiet {
                let inside = (quiet..width + quiet).contains(&x) && (quiet..width + quiet).contains(&y);
                let dark = inside && code[(x - quiet, y - quiet)] == qrcode::Color::Dark;
                assert_eq!(printed(x, y), !dark, "{x} {y}");
            }
        }
    }

    #[test]
    fn the_longest_username_still_fits_a_qr_code() {
        let uri = SECRET.otpauth_uri("Bursar", &"ä".repeat(127));
        assert!(terminal_qr(uri.expose()).is_ok());
        assert_eq!(terminal_qr(&"x".repeat(4000)).unwrap_err(), TooLong);
    }

    #[test]
    fn an_image_of_a_code_is_one_element_without_styles_or_scripts() {
        let drawn = svg_qr(SECRET.otpauth_uri("Bursar", &"ä".repeat(127)).expose()).unwrap();
        let image = drawn.expose();
        assert!(image.starts_with("<svg") && image.trim_end().ends_with("</svg>"), "{image}");
        assert!(!image.contains("style") && !image.contains("script"));
        assert_eq!(svg_qr(&"x".repeat(4000)).unwrap_err(), TooLong);
    }

    proptest! {
        #[test]
        fn no_code_is_accepted_twice_however_it_is_tried(bytes: [u8; SECRET_BYTES], tries in prop::collection::vec((0..4_u64, 0..3_u64), 1..40)) {
            let secret = TotpSecret::new(bytes);
            let (mut now, mut last, mut accepted) = (NOW, None, Vec::new());
            for (wait, drift) in tries {
                now = now.plus(Span::from_seconds(wait * 10));
                let shown = now.plus(Span::from_seconds(drift * 30)).minus(Span::from_seconds(30));
                let code = secret.code_at(shown);
                match verify(&secret, &code, now, last) {
                    OtpVerdict::Accepted { step } => {
                        prop_assert!(last.is_none_or(|last| step > last));
                        prop_assert!(!accepted.contains(&step));
                        accepted.push(step);
                        last = Some(step);
                    }
                    OtpVerdict::AlreadyUsed { next_code_at } => {
                        let next = verify(&secret, &secret.code_at(next_code_at), next_code_at, last);
                        let passes = matches!(next, OtpVerdict::Accepted { .. });
                        prop_assert!(passes);
                    }
                    verdict => prop_assert!(false, "{:?}", verdict),
                }
            }
        }

        #[test]
        fn any_text_gets_a_verdict(code in any::<String>(), ms: i64, last: Option<u64>) {
            let verdict = verify(&SECRET, &code, Timestamp::from_millis(ms), last);
            prop_assert_eq!(verdict == OtpVerdict::Malformed, !is_code(&code));
        }
    }
}
