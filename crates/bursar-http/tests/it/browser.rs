//! A browser as far as forms need one: it keeps cookies, sends what pages hide in their forms, and says where it comes from.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};

use crate::support::{OTP, PASSWORD, Server};

pub(crate) const HOST: &str = "bursar.example";

#[derive(Clone)]
pub(crate) struct Browser<'a> {
    server: &'a Server,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The text that forms of the last page carry.
    pub(crate) form_token: String,
    pub(crate) address: [u8; 4],
    /// Where a form is said to come from.
    pub(crate) origin: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the first field of this name.
    pub(crate) fn field(&self, name: &str) -> String {
        between(&self.html, &format!("name=\"{name}\" value=\""), "\"").to_owned()
    }

    /// What is read on the page, without its frame.
    pub(crate) fn text(&self) -> String {
        let main = between(&self.html, "<main id=\"main\" tabindex=\"-1\">", "</main>");
        let (mut text, mut is_tag) = (String::new(), false);
        for character in main.chars() {
            match character {
                '<' => {
                    is_tag = true;
                    text.push(' ');
                }
                '>' => is_tag = false,
                _ if !is_tag => text.push(character),
                _ => {}
            }
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").replace(" .", ".").replace(" ,", ",").replace("&quot;", "\"").replace("&amp;", "&")
    }
}

pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(start) else { return "" };
    rest.split_once(end).map_or("", |(found, _)| found)
}

impl<'a> Browser<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self {
            server,
            cookies: BTreeMap::new(),
            form_token: String::new(),
            address: [203, 0, 113, 7],
            origin: Some(format!("https://{HOST}")),
        }
    }

    /// One in which this user is signed in.
    pub(crate) async fn signed_in(server: &'a Server, name: &str) -> Self {
        let mut browser = Self::new(server);
        let entered = browser.enter(name, PASSWORD, OTP, &[]).await;
        assert_eq!(entered.status, 303, "{}", entered.html);
        browser.get("/tokens").await;
        browser
    }

    /// Signs in, as far as password and code lead.
    pub(crate) async fn enter(&mut self, name: &str, password: &str, code: &str, more: &[(&str, &str)]) -> Page {
        self.get("/sign-in").await;
        let first = [&[("username", name), ("password", password)], more].concat();
        let second = self.post("/sign-in", &first).await;
        if second.status != 200 {
            return second;
        }
        let (ticket, next) = (second.field("ticket"), second.field("next"));
        let mut fields = vec![("ticket", ticket.as_str()), ("otp", code)];
        fields.extend((!next.is_empty()).then_some(("next", next.as_str())));
        self.post("/sign-in/code", &fields).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, String::new()).await
    }

    /// Asks for the headers of a page only.
    pub(crate) async fn head(&mut self, path: &str) -> Page {
        self.send("HEAD", path, String::new()).await
    }

    /// Sends a form of the last page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.form_token.clone();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_token", &token).extend_pairs(fields);
        self.send("POST", path, form.finish()).await
    }

    /// Sends a form, and goes where it leads.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.post(path, fields).await;
        assert_eq!(page.status, 303, "{path}: {}", page.text());
        let location = page.location().to_owned();
        self.get(&location).await
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Page {
        let mut request =
            Request::builder().method(method).uri(path).header("host", HOST).header("accept", "text/html");
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, text)| format!("{name}={text}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            if let Some(origin) = &self.origin {
                request = request.header("origin", origin);
            }
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((self.address, 4711))));
        let response = self.server.exchange(request).await;
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, text) = pair.split_once('=').unwrap();
            match rest.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), text.to_owned()),
            };
        }
        let bytes = axum::body::to_bytes(body, 1 << 22).await.unwrap();
        let html = String::from_utf8(bytes.to_vec()).unwrap();
        let page = Page { status: parts.status, headers: parts.headers, html };
        let token = page.field("form_token");
        if !token.is_empty() {
            self.form_token = token;
        }
        page
    }
}
