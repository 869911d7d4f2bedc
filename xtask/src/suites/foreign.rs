//! Suites in which other people's clients talk to the binary.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::Stop;
use crate::child;
use crate::sandbox::Sandbox;
use crate::tools::{self, CADDY, CHROMIUM, CURL, NGINX, NODE, NPM, PHP, PYTHON, RACK};
use crate::version;
use crate::workspace::Workspace;

const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);
const CONFORMANCE_LIMIT: Duration = Duration::from_secs(5 * 60);
const EVM_LIMIT: Duration = Duration::from_secs(10 * 60);
const OPENAPI_LIMIT: Duration = Duration::from_secs(10 * 60);
const EXAMPLE_LIMIT: Duration = Duration::from_secs(3 * 60);

/// The unmodified SDK for JavaScript.
pub(super) fn sdk_js(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    tests_with_packages(workspace, "conformance/sdk-js")
}

/// The command line client that is everywhere; its tests borrow how the SDK's start a server.
pub(super) fn curl(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM, CURL])?;
    node_tests(workspace, &workspace.root().join("conformance/curl"))
}

/// What applications read forms with; its tests borrow how the SDK's start a server.
pub(super) fn readers(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let others = tools::ensure(&[PHP, RACK, PYTHON]);
    tests_with_packages(workspace, "conformance/readers")?;
    // Without them the readers of JavaScript read it all, and these did not.
    others
}

/// Clients of Ethereum's nodes, on a chain of their own.
pub(super) fn evm(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let folder = workspace.root().join("conformance/evm");
    install_packages(workspace, &folder)?;
    let environment = workspace.target_directory()?.join("web3");
    let python = tools::python_program(&environment, &folder.join("requirements.txt"), "python");
    let mut command = npm_test(workspace, &folder)?;
    command.envs(python.iter().map(|python| ("WEB3_PYTHON", python)));
    child::run(&mut command, EVM_LIMIT)?;
    // Without web3.py all the others were tried, and this one was not.
    python.map(drop)
}

/// A node of bcoin on a private chain; its tests borrow how the SDK's start a server.
pub(super) fn bitcoin(workspace: &Workspace) -> Result<(), Stop> {
    on_bitcoin_node(workspace, "bcoin", None)
}

/// The same with a node of Bitcoin Core: the one on the PATH, else one that Debian's packages have.
pub(super) fn bitcoin_core(workspace: &Workspace) -> Result<(), Stop> {
    if version("bitcoind", "-version").is_some() {
        return on_bitcoin_node(workspace, "core", None);
    }
    let into = workspace.target_directory()?.join("bitcoin-core");
    let programs = into.join("bin");
    if !programs.join("bitcoin-cli").exists() {
        let mut fetch = workspace.command("sh");
        fetch.arg(workspace.root().join("conformance/bitcoin/core-from-debian.sh")).arg(&into);
        child::run(&mut fetch, INSTALL_LIMIT).map_err(|failure| Stop::Skipped(failure.to_string()))?;
    }
    on_bitcoin_node(workspace, "core", Some(&programs))
}

fn on_bitcoin_node(workspace: &Workspace, node: &str, programs: Option<&Path>) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let folder = workspace.root().join("conformance/bitcoin");
    install_packages(workspace, &folder)?;
    let mut command = npm_test(workspace, &folder)?;
    command.env("BURSAR_BITCOIN_NODE", node);
    if let Some(programs) = programs {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).map_err(|error| error.to_string())?);
    }
    Ok(child::run(&mut command, CONFORMANCE_LIMIT)?)
}

/// The OpenAPI document: a linter reads it, and schemathesis asks all of it.
pub(super) fn openapi(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let folder = workspace.root().join("conformance/openapi");
    install_packages(workspace, &folder)?;
    let environment = workspace.target_directory()?.join("schemathesis");
    let schemathesis = tools::python_program(&environment, &folder.join("requirements.txt"), "schemathesis")?;
    let mut command = npm_test(workspace, &folder)?;
    command.env("SCHEMATHESIS", schemathesis);
    Ok(child::run(&mut command, OPENAPI_LIMIT)?)
}

/// The web pages in a browser that somebody sits at.
pub(super) fn browser(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM, CHROMIUM])?;
    tests_with_packages(workspace, "conformance/browser")
}

/// `npm test` of a folder, once its packages are there.
fn tests_with_packages(workspace: &Workspace, folder: &str) -> Result<(), Stop> {
    let folder = workspace.root().join(folder);
    install_packages(workspace, &folder)?;
    node_tests(workspace, &folder)
}

/// `npm test` of a folder.
fn node_tests(workspace: &Workspace, folder: &Path) -> Result<(), Stop> {
    Ok(child::run(&mut npm_test(workspace, folder)?, CONFORMANCE_LIMIT)?)
}

/// The command for that: the tests start the binary that `BURSAR_BIN` names.
fn npm_test(workspace: &Workspace, folder: &Path) -> Result<Command, Stop> {
    let mut command = workspace.command("npm");
    command.arg("test").current_dir(folder);
    command.env("BURSAR_BIN", workspace.binary()?);
    Ok(command)
}

/// All that stands under `examples/`.
pub(super) fn examples(workspace: &Workspace) -> Result<(), Stop> {
    guide(workspace)?;
    ethereum(workspace)?;
    on_bitcoin(workspace)?;
    form_api(workspace)?;
    metered_llm(workspace)?;
    nginx(workspace)?;
    caddy(workspace)?;
    upstream(workspace)
}

/// A chain, Bursar in front of it, a transfer and a refusal.
pub(super) fn ethereum(workspace: &Workspace) -> Result<(), Stop> {
    on_a_chain(workspace, "examples/ethereum", "spend-ether.js")
}

/// The same on a private Bitcoin chain.
pub(super) fn on_bitcoin(workspace: &Workspace) -> Result<(), Stop> {
    on_a_chain(workspace, "examples/bitcoin", "spend-bitcoin.js")
}

/// Two Bursars, one in front of the other.
pub(super) fn upstream(workspace: &Workspace) -> Result<(), Stop> {
    on_a_chain(workspace, "examples/bitgo", "spend-upstream.js")
}

/// The same by BitGo Express; it installs much, so it is run by hand.
pub(super) fn express(workspace: &Workspace) -> Result<(), Stop> {
    on_a_chain(workspace, "examples/express", "spend-express.js")
}

/// An example that starts node and server by itself.
fn on_a_chain(workspace: &Workspace, folder: &str, script: &str) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let folder = workspace.root().join(folder);
    install_packages(workspace, &folder)?;
    let mut command = workspace.command("node");
    command.arg(script).current_dir(&folder);
    command.env("BURSAR_BIN", workspace.binary()?);
    Ok(child::run(&mut command, EXAMPLE_LIMIT)?)
}

/// A provider with a form API, Bursar in front of it, a charge and a refusal.
pub(super) fn form_api(workspace: &Workspace) -> Result<(), Stop> {
    script(workspace, "form-api", "charge.js")
}

/// A model that counts tokens, Bursar in front of it, calls within a budget and above it.
pub(super) fn metered_llm(workspace: &Workspace) -> Result<(), Stop> {
    script(workspace, "metered-llm", "ask.js")
}

/// An application behind nginx, which asks Bursar.
pub(super) fn nginx(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NGINX])?;
    script(workspace, "nginx", "pay.js")
}

/// The same behind Caddy.
pub(super) fn caddy(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[CADDY])?;
    script(workspace, "caddy", "pay.js")
}

/// An example that needs no package.
fn script(workspace: &Workspace, example: &str, script: &str) -> Result<(), Stop> {
    tools::ensure(&[NODE])?;
    let mut command = workspace.command("node");
    command.arg(script).current_dir(workspace.root().join("examples").join(example));
    command.env("BURSAR_BIN", workspace.binary()?);
    Ok(child::run(&mut command, EXAMPLE_LIMIT)?)
}

/// The guide's snippet with the two settings that `bursar dev` prints.
pub(super) fn guide(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[NODE, NPM])?;
    let folder = workspace.root().join("examples/sdk-js");
    install_packages(workspace, &folder)?;
    let sandbox = Sandbox::start(workspace)?;
    let mut command = workspace.command("node");
    command.arg("create-access-token.js").current_dir(&folder);
    command.env("BITGO_CUSTOM_ROOT_URI", &sandbox.url);
    command.env("PASS", &sandbox.password);
    Ok(child::run(&mut command, EXAMPLE_LIMIT)?)
}

/// `npm ci`, unless what is installed is newer than the lock file.
fn install_packages(workspace: &Workspace, folder: &Path) -> Result<(), Stop> {
    let wanted = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.package-lock.json");
    if !wanted.exists() {
        let missing = wanted.display();
        return Err(Stop::Failed(format!("`{missing}` is missing")));
    }
    if changed(&installed) > changed(&wanted) {
        return Ok(());
    }
    let mut command = workspace.command("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder);
    child::run(&mut command, INSTALL_LIMIT).map_err(|failure| Stop::Skipped(failure.to_string()))
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}
