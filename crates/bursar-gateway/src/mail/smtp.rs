//! Mails to an SMTP server, under TLS with the certificates that browsers trust.

use std::time::Duration;

use bursar_core::secret::Secret;
use bursar_core::text::one_line;
use bursar_service::mail::{Mail, MailProblem, Mailer};
use bursar_service::rail::Answer;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

/// How long one step of the conversation with the server may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long all of it may take.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(60);

/// How the connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// TLS from the start, usually on port 465.
    Tls,
    /// TLS after a greeting in clear, usually on port 587; without it nothing is sent.
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

/// A name and a password for the server.
pub struct Login {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
}

/// Which server, and how to talk to it.
pub struct SmtpServer {
    /// Its name, which its certificate has to have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// What to log in with, if it wants that.
    pub login: Option<Login>,
}

/// Sends mails to a server, each over a connection of its own.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// Prepares to send; no connection is made yet.
    ///
    /// # Errors
    /// The host's name cannot be one.
    pub fn new(server: SmtpServer, from: Mailbox) -> Result<Self, String> {
        let parameters = || TlsParameters::new(server.host.clone()).map_err(|error| error.to_string());
        let tls = match server.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some(Login { username, password }) = server.login {
            transport = transport.credentials(Credentials::new(username, password.expose().clone()));
        }
        Ok(Self { transport: transport.build(), from })
    }

    /// Whether the server answers, and takes the login.
    ///
    /// # Errors
    /// What it said, or why it cannot be reached.
    pub async fn test(&self) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the server does not take mails now".to_owned()),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err("the server does not answer".to_owned()),
        }
    }

    async fn hand_over(&self, mail: &Mail) -> Result<(), MailProblem> {
        let message = super::message(&self.from, mail)?;
        match tokio::time::timeout(PATIENCE_IN_ALL, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            // A server that says no for good is believed; everything else may pass.
            Ok(Err(error)) => Err(MailProblem { is_lasting: error.is_permanent(), text: told(&error) }),
            Err(_) => Err(MailProblem { is_lasting: false, text: "the server does not answer".to_owned() }),
        }
    }
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, mail: &'a Mail) -> Answer<'a, Result<(), MailProblem>> {
        Box::pin(self.hand_over(mail))
    }
}

/// The error with its causes, on one line.
fn told(error: &smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(because) = cause {
        let because_text = because.to_string();
        if !text.contains(&because_text) {
            text = format!("{text}: {because_text}");
        }
        cause = because.source();
    }
    one_line(&text, 300)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    fn mail() -> Mail {
        Mail { to: "a@example.com".to_owned(), subject: "s".to_owned(), text: "hello\n".to_owned() }
    }

    fn smtp(port: u16, encryption: Encryption) -> Smtp {
        let server = SmtpServer { host: "127.0.0.1".to_owned(), port, encryption, login: None };
        Smtp::new(server, super::super::sender("Bursar <b@example.com>").unwrap()).unwrap()
    }

    /// A server that takes one mail, or says `refusal` to its recipient; gives what it read.
    async fn server(refusal: Option<&'static str>) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let (mut lines, mut seen, mut in_data) = (BufReader::new(read).lines(), String::new(), false);
            write.write_all(b"220 test ESMTP\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                seen.push_str(&line);
                seen.push('\n');
                let answer = match line.as_str() {
                    "." => {
                        in_data = false;
                        "250 taken"
                    }
                    _ if in_data => continue,
                    "DATA" => {
                        in_data = true;
                        "354 go on"
                    }
                    line if line.starts_with("RCPT") => refusal.unwrap_or("250 fine"),
                    "QUIT" => break,
                    _ => "250 fine",
                };
                if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                    break;
                }
                if line == "." {
                    break;
                }
            }
            seen
        });
        (port, served)
    }

    #[tokio::test]
    async fn a_mail_reaches_its_server() {
        let (port, served) = server(None).await;
        smtp(port, Encryption::None).send(&mail()).await.unwrap();
        let seen = served.await.unwrap();
        for line in ["MAIL FROM:<b@example.com>", "RCPT TO:<a@example.com>", "Subject: s", "hello"] {
            assert!(seen.lines().any(|seen| seen.starts_with(line)), "{line} in {seen}");
        }
    }

    #[tokio::test]
    async fn a_server_that_says_no_for_good_is_not_asked_again() {
        for (refusal, is_lasting) in [("550 no such user", true), ("450 try later", false)] {
            let (port, _served) = server(Some(refusal)).await;
            let problem = smtp(port, Encryption::None).send(&mail()).await.unwrap_err();
            assert_eq!(problem.is_lasting, is_lasting, "{problem:?}");
            assert!(!problem.text.contains("hello"));
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_in_clear_where_tls_is_wanted() {
        let (port, served) = server(None).await;
        let problem = smtp(port, Encryption::StartTls).send(&mail()).await.unwrap_err();
        assert!(!problem.text.is_empty());
        let seen = served.await.unwrap();
        assert!(!seen.contains("MAIL FROM"), "{seen}");
    }
}
