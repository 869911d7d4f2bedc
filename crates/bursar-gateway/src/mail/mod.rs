//! Mails on their way out: to an SMTP server, or as files into a directory.
//!
//! A header is built by `lettre` from an address it has parsed and a subject that it encodes: nothing that anybody
//! wrote ends a line of it.

mod directory;
mod smtp;

pub use directory::MailDirectory;
pub use smtp::{Encryption, Login, Smtp, SmtpServer};

use bursar_service::mail::{Mail, MailProblem};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

/// Tells other machines not to answer (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Reads an address with a name before it, if there is one: `Bursar <bursar@example.com>`.
///
/// # Errors
/// It is no address.
pub fn sender(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| format!("`{}` is no e-mail address", text.escape_debug()))
}

fn message(from: &Mailbox, mail: &Mail) -> Result<Message, MailProblem> {
    let lasting = |text: String| MailProblem { is_lasting: true, text };
    let to = mail.to.parse().map_err(|_| lasting("the recipient is no e-mail address".to_owned()))?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject.as_str())
        .message_id(None)
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(mail.text.replace('\n', "\r\n"))
        .map_err(|error| lasting(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(to: &str, subject: &str, text: &str) -> Result<String, MailProblem> {
        let from = sender("Bursar <bursar@example.com>").unwrap();
        let mail = Mail { to: to.to_owned(), subject: subject.to_owned(), text: text.to_owned() };
        message(&from, &mail).map(|message| String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_mail_has_the_headers_it_needs_and_its_text() {
        let mail = written("a@example.com", "Bursar: hello", "One\nTwo\n").unwrap();
        for header in [
            "From: Bursar <bursar@example.com>",
            "To: a@example.com",
            "Subject: Bursar: hello",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mail.contains(&format!("{header}\r\n")), "{header} in {mail}");
        }
        assert!(mail.contains("\r\nDate: ") && mail.contains("\r\nMessage-ID: <"), "{mail}");
        assert!(mail.ends_with("\r\n\r\nOne\r\nTwo\r\n"), "{mail}");
    }

    #[test]
    fn nothing_that_anybody_wrote_becomes_a_header() {
        let mail = written("a@example.com", "x\r\nBcc: b@example.com\r\n\r\nhello", "text").unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc:")), "{head}");
        for to in ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "<a@example.com>\n", "a"] {
            let refused = written(to, "s", "t").unwrap_err();
            assert!(refused.is_lasting && !refused.text.contains('\n'), "{to}: {refused:?}");
        }
    }
}
