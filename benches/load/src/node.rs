//! What answers as a node of a chain would, as fast as it can: the upstream of the gateway and of nginx alike.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Problem;

/// The chain it is of.
pub(crate) const CHAIN: u64 = 31_337;

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), Problem> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"url": format!("http://{}", listener.local_addr()?)}));
    let router = Router::new().fallback(|body: Bytes| async move {
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let result = match asked["method"].as_str() {
            Some("eth_chainId") => format!("{CHAIN:#x}"),
            _ => "0x10".to_owned(),
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        ([(CONTENT_TYPE, "application/json")], answer.to_string())
    });
    axum::serve(listener, router).await?;
    Ok(())
}
