//! What a page answers, and the headers that every answer of the web surface carries.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::Markup;

/// Nothing but what comes from here, no code in the page, no frame around it, no form to elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// What no page needs.
const PERMISSIONS: &str = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
    payment=(), usb=(), browsing-topics=()";
/// Two years, as browsers' lists ask for.
const STRICT_TRANSPORT: &str = "max-age=63072000; includeSubDomains";
/// A file whose name changes with its content may be kept for a year.
const KEPT: &str = "public, max-age=31536000, immutable";

/// What a page answers.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content: &'static str,
    body: Body,
    retry_after: Option<u64>,
    is_kept: bool,
    location: Option<String>,
    file: Option<String>,
    cookies: Vec<String>,
    refusal: Option<String>,
}

impl Answer {
    fn new(status: StatusCode, content: &'static str, body: impl Into<Body>) -> Self {
        let (body, cookies) = (body.into(), Vec::new());
        let (location, file, refusal) = (None, None, None);
        Self { status, content, body, retry_after: None, is_kept: false, location, file, cookies, refusal }
    }

    /// A page.
    pub(crate) fn page(markup: Markup) -> Self {
        Self::new(StatusCode::OK, "text/html; charset=utf-8", markup.into_string())
    }

    /// The page of a failure, or a form that has to be mended, with the stable code of why.
    pub(crate) fn failed(status: StatusCode, code: &str, markup: Markup) -> Self {
        Self { status, refusal: Some(code.to_owned()), ..Self::page(markup) }
    }

    /// The stable code of why it is no success, if it is none.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Sends the browser on with a GET. The place is a path of ours.
    pub(crate) fn to(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            location: Some(if is_local(&path) { path } else { "/".to_owned() }),
            ..Self::new(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new())
        }
    }

    /// A file that never changes under its name.
    pub(crate) fn asset(content: &'static str, text: &str) -> Self {
        Self { is_kept: true, ..Self::new(StatusCode::OK, content, text.to_owned()) }
    }

    /// JSON for a script of ours.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::new(StatusCode::OK, "application/json; charset=utf-8", value.to_string())
    }

    /// What is to be kept as a file of this name, which has letters, digits, dots and hyphens only.
    pub(crate) fn file(content: &'static str, name: &str, body: impl Into<Body>) -> Self {
        Self { file: Some(name.to_owned()), ..Self::new(StatusCode::OK, content, body) }
    }

    /// The same with the seconds after which asking again makes sense.
    pub(crate) fn after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The same with a cookie.
    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The answer as it goes out.
    pub(crate) fn into_response(self, is_https: bool) -> Response {
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, text: &str| {
            // What cannot be a header is left out rather than sent half.
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.append(name, value);
            }
        };
        set(header::CONTENT_TYPE, self.content);
        set(header::CACHE_CONTROL, if self.is_kept { KEPT } else { "no-store" });
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::X_FRAME_OPTIONS, "DENY");
        // Not `no-referrer`: with it browsers send forms with `Origin: null`.
        set(header::REFERRER_POLICY, "same-origin");
        set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
        if is_https {
            set(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        if let Some(location) = &self.location {
            set(header::LOCATION, location);
        }
        if let Some(name) = &self.file {
            set(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
        }
        if let Some(seconds) = self.retry_after {
            set(header::RETRY_AFTER, &seconds.to_string());
        }
        for cookie in &self.cookies {
            set(header::SET_COOKIE, cookie);
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Whether a text is a path here, and to no browser one of elsewhere.
pub(crate) fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_local() {
        for local in ["/", "/tokens", "/tokens/new?limit=tbtc%200.5/day&x=//y"] {
            assert!(is_local(local), "{local}");
        }
        for elsewhere in [
            "",
            "tokens",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: x",
            "/\tb",
            "/ü",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}
