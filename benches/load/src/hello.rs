//! The bare server: axum with one handler that reads the body and answers with five bytes. Nothing is measured by
//! itself, everything beside it.

use axum::Router;
use axum::body::Bytes;
use axum::routing::any;
use serde_json::json;
use tokio::net::TcpListener;

use crate::Problem;

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), Problem> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"url": format!("http://{}", listener.local_addr()?)}));
    let router = Router::new().route("/empty", any(|| async {})).fallback(|_: Bytes| async { "hello" });
    axum::serve(listener, router).await?;
    Ok(())
}
