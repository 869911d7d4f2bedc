//! One request of plain HTTP, and its answer with the headers that are passed on.

use bursar_rails::exchange::{Answered, Outgoing};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::{NoAnswer, Upstream};

/// Headers of an answer that are passed on.
const PASSED_ON: [&str; 4] = ["content-type", "request-id", "retry-after", "x-request-id"];

impl Upstream {
    /// Sends a request to a place under its URL, once, with these headers besides.
    ///
    /// # Errors
    /// No answer came in time or in full, or it cannot be sent.
    pub async fn carry(&self, outgoing: &Outgoing, besides: &HeaderMap) -> Result<Answered, NoAnswer> {
        let unsendable = |_| NoAnswer::NotSent("the request cannot be sent".to_owned());
        let base = self.uri.to_string();
        // What is sent is below the URL: a query of its own would come to stand in the middle.
        let target = format!("{}{}", base.trim_end_matches('/'), outgoing.target);
        let uri: Uri = target.parse().map_err(|_| unsendable(()))?;
        let mut request = Request::new(http_body_util::Full::from(outgoing.body.clone()));
        *request.method_mut() = Method::from_bytes(outgoing.method.as_bytes()).map_err(|_| unsendable(()))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("bursar"));
        for (name, value) in &outgoing.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(()))?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| unsendable(()))?);
        }
        for (name, value) in besides {
            headers.insert(name, value.clone());
        }
        let place = Self { uri, ..self.clone() };
        let found = place.ask(request).await?;
        if found.headers.contains_key(hyper::header::CONTENT_ENCODING) {
            return Err(NoAnswer::Lost("its answer is packed, which nobody asked for".to_owned()));
        }
        let passed_on = PASSED_ON.iter().filter_map(|name| {
            let value = found.headers.get(*name)?.to_str().ok()?;
            Some(((*name).into(), value.into()))
        });
        Ok(Answered { status: found.status.as_u16(), headers: passed_on.collect(), body: found.body.to_vec() })
    }
}
